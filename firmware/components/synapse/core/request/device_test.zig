//! Routes as a client sees them, against the real runtime and a small model.
const std = @import("std");
const abi = @import("../abi.zig");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const Core = @import("../core.zig").Core;
const CborTokens = @import("../wire/cbor_tokens.zig").CborTokens;
const hosts = @import("../test_host.zig");
const fixtures = @import("fixture_test.zig");
const Host = hosts.Host;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const jpeg = fixtures.jpeg;
const png = fixtures.png;
const row10 = fixtures.row10;
const latent32 = fixtures.latent32;
const repeated = fixtures.repeated;
const parse = fixtures.parse;

const four_rows = "[" ++ repeated(row10 ++ ",", 3) ++ row10 ++ "]";

fn number(value: std.json.Value) f64 {
    return switch (value) {
        .integer => |integer| @floatFromInt(integer),
        .float => |float| float,
        else => std.math.nan(f64),
    };
}

test "a picture becomes the same latent as jpeg, png, json and base64" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const reply = host.send("POST", "/v1/encode", "image/jpeg", "", jpeg);
    try expectEqual(@as(u32, 200), reply.status);
    try expect(reply.hasHeader("content-type: application/json"));
    const first = try parse(reply);
    defer first.deinit();
    const latent = first.value.object.get("latent").?.array.items;
    try expectEqual(@as(usize, hosts.latent_elements), latent.len);
    try expect(first.value.object.get("model").?.object.get("untrained").?.bool);

    const as_bytes = host.send("POST", "/v1/encode?latent=base64", "image/png", "", png);
    const second = try parse(as_bytes);
    defer second.deinit();
    var raw: [hosts.latent_elements]f32 = undefined;
    try std.base64.standard.Decoder.decode(std.mem.sliceAsBytes(&raw), second.value.object.get("latent").?.string);
    // Decimals read back as exactly the f32 that were computed.
    for (latent, raw) |text, value| try expectEqual(value, @as(f32, @floatCast(number(text))));

    var encoded: [256]u8 = undefined;
    const text = std.base64.standard.Encoder.encode(&encoded, jpeg);
    var body: [512]u8 = undefined;
    const object = try std.fmt.bufPrint(&body, "{{\"type\":\"image/jpeg\",\"image\":\"{s}\"}}", .{text});
    const third = host.json("/v1/encode?latent=base64", object);
    const parsed = try parse(third);
    defer parsed.deinit();
    try std.testing.expectEqualStrings(
        second.value.object.get("latent").?.string,
        parsed.value.object.get("latent").?.string,
    );
}

test "raw pixels, CBOR in and CBOR out" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const pixels: [hosts.image_bytes]u8 = @splat(77);
    const reply = host.send(
        "POST",
        "/v1/encode?latent=base64",
        "application/octet-stream",
        "application/cbor",
        &pixels,
    );
    try expectEqual(@as(u32, 200), reply.status);
    var cbor: CborTokens = .init(reply.body.items);
    try expect(try cbor.next() == .object_begin);
    try std.testing.expectEqualStrings("latent", (try cbor.next()).text);
    const latent = (try cbor.next()).bytes;
    try expectEqual(@as(usize, hosts.latent_elements * 4), latent.len);
    while (try cbor.next() != .end) {}

    // {"history": [h'...'], "actions": [[0, ..]]}
    var request: std.ArrayList(u8) = .empty;
    defer request.deinit(std.testing.allocator);
    try request.appendSlice(std.testing.allocator, "\xa2\x67history\x81\xd8\x55\x58\x80");
    try request.appendSlice(std.testing.allocator, latent);
    try request.appendSlice(std.testing.allocator, "\x67actions\x81\x8a" ++ "\x00\x01\x00\x01\x00\x01\x00\x01\x00\x01");
    const next = host.send("POST", "/v1/predict", "application/cbor", "", request.items);
    try expectEqual(@as(u32, 200), next.status);
}

test "a rollout is its predictions one after another" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const reply = host.json(
        "/v1/rollout",
        "{\"start\":{\"latent\":" ++ latent32 ++ "},\"actions\":" ++ four_rows ++ "}",
    );
    try expectEqual(@as(u32, 200), reply.status);
    const parsed = try parse(reply);
    defer parsed.deinit();
    const trajectory = parsed.value.object.get("trajectory").?.array.items;
    try expectEqual(@as(usize, 5), trajectory.len);

    // The fourth step sees the last three latents.
    var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer body.deinit();
    try body.writer.writeAll("{\"actions\":[" ++ row10 ++ "," ++ row10 ++ "," ++ row10 ++ "],\"history\":");
    try std.json.Stringify.value(trajectory[1..4], .{}, &body.writer);
    try body.writer.writeAll("}");
    const next = host.json("/v1/predict", body.written());
    try expectEqual(@as(u32, 200), next.status);
    const predicted = try parse(next);
    defer predicted.deinit();
    const latent = predicted.value.object.get("latent").?.array.items;
    for (latent, trajectory[4].array.items) |a, b| try expectEqual(number(a), number(b));
}

test "a rollout starts from a picture too, and is as long as the board says" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const steps = host.device.stepsMax();
    try expectEqual(@as(usize, hosts.body_bytes_max / (hosts.latent_elements * 4) - 1), steps);
    var encoded: [256]u8 = undefined;
    const text = std.base64.standard.Encoder.encode(&encoded, jpeg);
    // Actions as one base64 text: zeros.
    var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer body.deinit();
    try body.writer.print("{{\"start\":{{\"image\":\"{s}\",\"type\":\"image/jpeg\"}},\"actions\":\"", .{text});
    for (0..steps * hosts.action_elements * 4 / 3) |_| try body.writer.writeAll("AAAA");
    const rest = steps * hosts.action_elements * 4 % 3;
    try body.writer.writeAll(if (rest == 0) "" else if (rest == 1) "AA==" else "AAA=");
    try body.writer.writeAll("\"}");
    const reply = host.json("/v1/rollout?latent=base64", body.written());
    try expectEqual(@as(u32, 200), reply.status);
    const parsed = try parse(reply);
    defer parsed.deinit();
    try expectEqual(steps + 1, parsed.value.object.get("trajectory").?.array.items.len);
}

test "device, models and the page" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const device = try parse(host.send("GET", "/v1/device", "", "", ""));
    defer device.deinit();
    try std.testing.expectEqualStrings("a \"test\" board", device.value.object.get("name").?.string);
    const slot = device.value.object.get("slots").?.array.items[0].object;
    try std.testing.expectEqualStrings("VALID", slot.get("state").?.string);
    try expect(slot.get("untrained").?.bool);
    const model = try parse(host.send("GET", "/v1/models/model_a", "", "", ""));
    defer model.deinit();
    try std.testing.expectEqualStrings(
        "encode",
        model.value.object.get("entries").?.array.items[0].object.get("name").?.string,
    );
    try expect(model.value.object.get("meta").?.object.get("untrained").?.bool);
    const page = host.send("GET", "/", "", "text/html", "");
    try expectEqual(@as(u32, 200), page.status);
    // It is kept in compressed form only; who refuses that is told.
    try expect(std.mem.startsWith(u8, page.body.items, "\x1f\x8b"));
    try expect(page.hasHeader("content-encoding: gzip"));
    const refused = host.ask("GET", "/", &.{ "accept-encoding", "gzip;q=0, br" }, "");
    try expectEqual(@as(u32, 406), refused.status);
    try expect(std.mem.indexOf(u8, refused.body.items, "\"field\":\"accept-encoding\",\"expected\":\"gzip\"") != null);
    const head = host.send("HEAD", "/v1/device", "", "", "");
    try expectEqual(@as(u32, 200), head.status);
    try expectEqual(@as(usize, 0), head.body.items.len);
    for ([_][]const u8{ "/v1/device", "/v1/models", "/v1/models/model_a" }) |path| {
        var cbor: CborTokens = .init(host.send("GET", path, "", "application/cbor", "").body.items);
        while (try cbor.next() != .end) {}
    }
}

test "bodies that are too long are refused by their header and by their bytes" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const headers = [_]ports.Header{
        .{ .name = .of("content-type"), .value = .of("application/json") },
        .{ .name = .of("content-length"), .value = .of("65537") },
    };
    host.core.requestHead(60, "POST", "/v1/predict", "", &headers);
    try expectEqual(@as(u32, 413), host.reply(60).status);
    const request = host.head("POST", "/v1/predict", "application/json", "");
    const piece: [1024]u8 = @splat(' ');
    for (0..65) |_| host.core.bodyChunk(request, &piece);
    try expectEqual(@as(u32, 413), host.reply(request).status);
    host.core.requestEnd(request);
    try expectEqual(@as(u32, 1), host.reply(request).ended);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "a full queue answers 503 with Retry-After, then goes on in order" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    var requests: [hosts.exchange_count]u32 = undefined;
    for (&requests) |*request| {
        request.* = host.head("POST", "/v1/encode", "image/jpeg", "");
        host.core.bodyChunk(request.*, jpeg);
        host.core.requestEnd(request.*);
    }
    const refused = host.head("POST", "/v1/encode", "image/jpeg", "");
    try expectEqual(@as(u32, 503), host.reply(refused).status);
    try expect(host.reply(refused).hasHeader("retry-after: 1"));
    for (requests) |request| {
        try expectEqual(@as(u32, 0), host.reply(request).status);
        // Other routes answer while work is under way.
        try expectEqual(@as(u32, 200), host.reply(host.head("GET", "/v1/device", "", "")).status);
        host.turn();
        try expectEqual(@as(u32, 200), host.reply(request).status);
    }
}

test "a client that leaves frees its place, whatever its request was doing" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const receiving = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.requestClosed(receiving);
    try expectEqual(@as(u32, 0), host.device.inProgress());

    host.decode_now = false;
    const decoding = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.bodyChunk(decoding, jpeg);
    host.core.requestEnd(decoding);
    host.core.requestClosed(decoding);
    // The decoder still reads the body.
    try expectEqual(@as(u32, 1), host.device.inProgress());
    host.finishDecode(decoding);
    try expectEqual(@as(u32, 0), host.device.inProgress());

    host.decode_now = true;
    const running = host.head("POST", "/v1/encode", "image/jpeg", "");
    const queued = host.head("POST", "/v1/encode", "image/jpeg", "");
    for ([_]u32{ running, queued }) |request| {
        host.core.bodyChunk(request, jpeg);
        host.core.requestEnd(request);
    }
    host.core.requestClosed(queued);
    host.core.requestClosed(running);
    host.pump();
    try expectEqual(@as(u32, 0), host.device.inProgress());
    for ([_]u32{
        receiving,
        decoding,
        running,
        queued,
    }) |request| try expectEqual(@as(u32, 0), host.reply(request).heads);
}

test "the number of a request whose client left is another's at once, whatever the worker still does with the first" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const left = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.bodyChunk(left, jpeg);
    host.core.requestEnd(left);
    host.core.requestClosed(left);
    try expectEqual(@as(u32, 1), host.device.inProgress());
    host.next = left;
    try expectEqual(left, host.head("POST", "/v1/encode", "image/jpeg", ""));
    host.core.bodyChunk(left, jpeg);
    host.core.requestEnd(left);
    host.pump();
    try expectEqual(@as(u32, 200), host.reply(left).status);
    try expectEqual(@as(u32, 1), host.reply(left).ended);
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "slow and silent clients lose their request" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const silent = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.tick(host.clock_us + limits.receive_idle_us_max);
    try expectEqual(@as(u32, 0), host.reply(silent).status);
    host.core.tick(host.clock_us + limits.receive_idle_us_max + 100);
    try expectEqual(@as(u32, 408), host.reply(silent).status);
    const slow = host.head("POST", "/v1/encode", "image/jpeg", "");
    const began = host.clock_us;
    while (host.clock_us < began + limits.receive_total_us_max) {
        host.clock_us += limits.receive_idle_us_max / 2;
        host.core.bodyChunk(slow, "x");
        host.core.tick(host.clock_us);
    }
    host.core.tick(host.clock_us + 1000);
    try expectEqual(@as(u32, 408), host.reply(slow).status);
}

test "a picture that cannot be decoded is the client's error" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    host.decode_fails = true;
    const reply = host.send("POST", "/v1/encode", "image/jpeg", "", jpeg);
    try expectEqual(@as(u32, 422), reply.status);
    try expect(std.mem.indexOf(u8, reply.body.items, "ends in the middle") != null);
}

test "without a model the board answers and says why" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    try expectEqual(@as(u32, 503), host.send("POST", "/v1/encode", "image/jpeg", "", jpeg).status);
    var err: ports.ErrorInfo = .{};
    const broken align(64) = model: {
        var bytes = hosts.model;
        bytes[bytes.len / 2] ^= 1;
        break :model bytes;
    };
    try expectEqual(
        ports.Result.model,
        abi.synapse_device_load_model(host.core, .of("model_a"), &broken, broken.len, &err),
    );
    try expect(err.model_code < 0);
    const device = try parse(host.send("GET", "/v1/device", "", "", ""));
    defer device.deinit();
    const slot = device.value.object.get("slots").?.array.items[0].object;
    try std.testing.expectEqualStrings("BROKEN", slot.get("state").?.string);
    try expect(slot.get("detail").?.string.len > 0);
}

test "a model that does not fit is refused with the exact number of missing bytes" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    inline for (.{ "fast", "slow" }, .{ ports.Region.fast, ports.Region.slow }) |name, region| {
        var config = host.configuration();
        const needs = Core.requirements(&config);
        @field(config, name ++ "_bytes") = @intCast(@field(needs, name ++ "_bytes") + 64);
        var device: ?*Core = null;
        var err: ports.ErrorInfo = .{};
        try expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &device, &err));
        // Memory is counted step by step, so growing by what is missing ends at a size that is just enough.
        var rounds: u32 = 0;
        while (abi.synapse_device_load_model(
            device,
            .of("a"),
            &hosts.model,
            hosts.model.len,
            &err,
        ) != .ok) : (rounds += 1) {
            try expectEqual(@backingInt(ports.Result.model_memory), err.code);
            try expectEqual(@backingInt(region), err.region);
            try expectEqual(@field(config, name ++ "_bytes") + err.bytes_missing, err.bytes_needed);
            @field(config, name ++ "_bytes") = @intCast(err.bytes_needed);
            try expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &device, &err));
            try expect(rounds < 4);
        }
        try expect(rounds > 0);
        @field(config, name ++ "_bytes") -= 64;
        try expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &device, &err));
        try expectEqual(
            ports.Result.model_memory,
            abi.synapse_device_load_model(device, .of("a"), &hosts.model, hosts.model.len, &err),
        );
        try expectEqual(@as(u64, 64), err.bytes_missing);
    }
}

test "wrong configurations are refused" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    var device: ?*Core = null;
    var err: ports.ErrorInfo = .{};
    inline for (.{ "threads", "body_bytes_max", "exchange_count", "size" }) |name| {
        var config = host.configuration();
        @field(config, name) = 0;
        try expectEqual(ports.Result.argument, abi.synapse_device_init(&config, &device, &err));
        try expect(std.mem.indexOf(u8, &err.message, name) != null);
    }
    var config = host.configuration();
    config.slow_bytes = 1000;
    try expectEqual(ports.Result.out_of_memory, abi.synapse_device_init(&config, &device, &err));
    try expectEqual(Core.requirements(&config).slow_bytes - 1000, err.bytes_missing);
}
