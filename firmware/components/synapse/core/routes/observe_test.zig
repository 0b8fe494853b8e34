//! POST /v1/observe against what /v1/predict says.
const std = @import("std");
const limits = @import("../limits.zig");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const Parsed = std.json.Parsed(std.json.Value);

fn number(value: std.json.Value) f64 {
    return switch (value) {
        .integer => |integer| @floatFromInt(integer),
        .float => |float| float,
        else => std.math.nan(f64),
    };
}

fn frameText(buffer: []u8, step: usize, width: usize) []const u8 {
    var writer: std.Io.Writer = .fixed(buffer);
    for (0..width) |i| writer.print("{s}{d}", .{ if (i == 0) "[" else ",", (step * 7 + i * 3) % 11 }) catch unreachable;
    writer.writeAll("]") catch unreachable;
    return writer.buffered();
}

fn observe(host: *Host, stream: []const u8, step: usize, extra: []const u8) !Parsed {
    var latent: [256]u8 = undefined;
    var action: [64]u8 = undefined;
    var body: [512]u8 = undefined;
    const text = try std.fmt.bufPrint(
        &body,
        "{{\"stream\":\"{s}\",\"latent\":{s},\"action\":{s}{s}}}",
        .{
            stream,
            frameText(&latent, step, hosts.latent_elements),
            frameText(&action, step, hosts.action_elements),
            extra,
        },
    );
    const reply = host.json("/v1/observe", text);
    errdefer std.debug.print("{s}\n", .{reply.body.items});
    try expectEqual(@as(u32, 200), reply.status);
    return std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
}

test "surprise is the distance to what predict says, over the last frames and actions" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    var mean: f64 = 0;
    for (0..6) |step| {
        const parsed = try observe(&host, "a", step, "");
        defer parsed.deinit();
        const answer = parsed.value.object;
        try expectEqual(@as(i64, @intCast(step + 1)), answer.get("frame").?.integer);
        try expectEqual(@as(i64, @intCast(step)), answer.get("count").?.integer);
        if (step == 0) {
            try expect(answer.get("surprise").? == .null);
            try expect(answer.get("mean").? == .null);
            continue;
        }
        // The frames before this one and the action taken at each, which came with the frame after it.
        const first = step - @min(step, 3);
        var body: std.Io.Writer.Allocating = .init(std.testing.allocator);
        defer body.deinit();
        var text: [256]u8 = undefined;
        try body.writer.writeAll("{\"history\":[");
        for (first..step) |i| {
            try body.writer.print(
                "{s}{s}",
                .{ if (i == first) "" else ",", frameText(&text, i, hosts.latent_elements) },
            );
        }
        try body.writer.writeAll("],\"actions\":[");
        for (first..step) |i| {
            try body.writer.print(
                "{s}{s}",
                .{ if (i == first) "" else ",", frameText(&text, i + 1, hosts.action_elements) },
            );
        }
        try body.writer.writeAll("]}");
        const predicted = try std.json.parseFromSlice(
            std.json.Value,
            std.testing.allocator,
            host.json("/v1/predict", body.written()).body.items,
            .{},
        );
        defer predicted.deinit();
        var squares: f64 = 0;
        const prediction = predicted.value.object.get("latent").?.array.items;
        for (prediction, answer.get("latent").?.array.items) |p, z| {
            squares += (number(p) - number(z)) * (number(p) - number(z));
        }
        const surprise = number(answer.get("surprise").?);
        try std.testing.expectApproxEqRel(@sqrt(squares), surprise, 1e-6);
        mean += (surprise - mean) / @as(f64, @floatFromInt(step));
        try std.testing.expectApproxEqRel(mean, number(answer.get("mean").?), 1e-9);
        try expect((answer.get("z_score").? == .null) == (step < 3));
        try expect((answer.get("deviation").? == .null) == (step < 2));
    }
    // Another stream knows nothing of it, and a reset forgets.
    const other = try observe(&host, "b", 0, "");
    defer other.deinit();
    try expectEqual(@as(i64, 1), other.value.object.get("frame").?.integer);
    const reset = try observe(&host, "a", 0, ",\"reset\":true");
    defer reset.deinit();
    try expectEqual(@as(i64, 1), reset.value.object.get("frame").?.integer);
    try expectEqual(@as(i64, 0), reset.value.object.get("count").?.integer);
}

test "only so many streams are remembered, and a new model remembers none" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    for (0..limits.streams_max + 1) |i| {
        var name: [8]u8 = undefined;
        const parsed = try observe(&host, try std.fmt.bufPrint(&name, "s{d}", .{i}), i, "");
        defer parsed.deinit();
        const evicted = parsed.value.object.get("evicted").?;
        if (i < limits.streams_max) {
            try expect(evicted == .null);
        } else {
            try std.testing.expectEqualStrings("s0", evicted.string);
        }
    }
    try expectEqual(.ok, host.core.loadModel("model_a", &hosts.model));
    const again = try observe(&host, "s4", 0, "");
    defer again.deinit();
    try expectEqual(@as(i64, 1), again.value.object.get("frame").?.integer);
}

test "a later frame needs its action, and a refused one changes nothing" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    var latent: [256]u8 = undefined;
    var text: [512]u8 = undefined;
    const body = try std.fmt.bufPrint(
        &text,
        "{{\"stream\":\"a\",\"latent\":{s}}}",
        .{frameText(&latent, 0, hosts.latent_elements)},
    );
    try expectEqual(@as(u32, 200), host.json("/v1/observe", body).status);
    const refused = host.json("/v1/observe", body);
    try expectEqual(@as(u32, 422), refused.status);
    try expect(std.mem.indexOf(u8, refused.body.items, "\"field\":\"action\"") != null);
    const next = try observe(&host, "a", 1, "");
    defer next.deinit();
    try expectEqual(@as(i64, 2), next.value.object.get("frame").?.integer);
    try expectEqual(@as(i64, 1), next.value.object.get("count").?.integer);
}

test "a client that leaves before its answer has observed nothing" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    for (0..limits.streams_max) |i| {
        var name: [8]u8 = undefined;
        const parsed = try observe(&host, try std.fmt.bufPrint(&name, "s{d}", .{i}), i, "");
        parsed.deinit();
    }
    // To a stream that there is, as its first frame and as a further one, and to a new one.
    for ([_][]const u8{ "{\"stream\":\"s0\",\"reset\":true", "{\"stream\":\"s0\"", "{\"stream\":\"new\"" }) |start| {
        var latent: [256]u8 = undefined;
        var action: [64]u8 = undefined;
        var text: [512]u8 = undefined;
        const left = host.head("POST", "/v1/observe", "application/json", "");
        host.core.bodyChunk(
            left,
            try std.fmt.bufPrint(
                &text,
                "{s},\"latent\":{s},\"action\":{s}}}",
                .{ start, frameText(&latent, 1, hosts.latent_elements), frameText(&action, 1, hosts.action_elements) },
            ),
        );
        host.core.requestEnd(left);
        // It leaves while the worker is in the last run.
        host.core.work();
        host.core.requestClosed(left);
        host.core.workDone();
        try expectEqual(@as(u32, 0), host.reply(left).heads);
    }
    for (0..limits.streams_max) |i| {
        var name: [8]u8 = undefined;
        const next = try observe(&host, try std.fmt.bufPrint(&name, "s{d}", .{i}), 1, "");
        defer next.deinit();
        try expectEqual(@as(i64, 2), next.value.object.get("frame").?.integer);
        try expectEqual(@as(i64, 1), next.value.object.get("count").?.integer);
    }
}
