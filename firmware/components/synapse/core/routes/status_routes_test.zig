//! The routes that tell how the board does: metrics, log and self-test.
const std = @import("std");
const abi = @import("../abi.zig");
const hosts = @import("../test_host.zig");
const log_ring = @import("../board/log_ring.zig");
const Host = hosts.Host;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

fn parse(reply: *const hosts.Reply) !std.json.Parsed(std.json.Value) {
    return std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
}

test "a board says how it is connected, or that it does not know" {
    var host: Host = undefined;
    try host.start();
    defer host.stop();
    const known = try parse(host.send("GET", "/v1/device", "", "", ""));
    defer known.deinit();
    const link = known.value.object.get("link").?.object;
    try std.testing.expectEqualStrings("home \"2\"", link.get("network").?.string);
    try expectEqual(@as(i64, -61), link.get("rssi_dbm").?.integer);
    try expect(std.mem.indexOf(
        u8,
        host.send("GET", "/v1/device", "", "application/cbor", "").body.items,
        "rssi_dbm\x38\x3c",
    ) != null);
    host.device.port.get_link = null;
    const unknown = try parse(host.send("GET", "/v1/device", "", "", ""));
    defer unknown.deinit();
    try expect(unknown.value.object.get("link").? == .null);
}

test "metrics count what was answered, and every line is a comment or a sample" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    _ = host.send("GET", "/v1/device", "", "", "");
    _ = host.send("HEAD", "/v1/device", "", "", "");
    _ = host.send("GET", "/v2", "", "", "");
    _ = host.send("POST", "/v1/encode", "image/jpeg", "", "\xff\xd8\xff");
    host.core.requestClosed(host.head("POST", "/v1/encode", "image/jpeg", ""));
    const waiting = host.head("POST", "/v1/encode", "image/jpeg", "");
    // As Prometheus asks.
    const reply = host.send(
        "GET",
        "/v1/metrics",
        "",
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
        "",
    );
    try expectEqual(@as(u32, 200), reply.status);
    try expect(reply.hasHeader("content-type: text/plain; version=0.0.4; charset=utf-8"));
    const text = reply.body.items;
    for ([_][]const u8{
        "\nsynapse_requests_total{method=\"GET\",route=\"/v1/device\",status=\"200\"} 2\n",
        "\nsynapse_requests_total{method=\"POST\",route=\"/v1/encode\",status=\"200\"} 1\n",
        "\nsynapse_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1\n",
        "\nsynapse_requests_abandoned_total 1\n",
        "\nsynapse_inference_seconds_bucket{route=\"/v1/encode\",le=\"0.001\"} ",
        "\nsynapse_inference_seconds_bucket{route=\"/v1/encode\",le=\"60\"} 1\n",
        "\nsynapse_inference_seconds_bucket{route=\"/v1/encode\",le=\"+Inf\"} 1\n",
        "\nsynapse_inference_seconds_count{route=\"/v1/encode\"} 1\n",
        "\nsynapse_queue_depth 1\n",
        "\nsynapse_memory_bytes{region=\"slow\",state=\"free\"} ",
        "\nsynapse_resets_total{last_reason=\"unknown\"} 0\n",
    }) |sample| {
        errdefer std.debug.print("missing: {s}in {s}", .{ sample, text });
        try expect(std.mem.indexOf(u8, text, sample) != null);
    }
    var lines = std.mem.splitScalar(u8, text, '\n');
    while (lines.next()) |line| {
        if (line.len == 0 or std.mem.startsWith(
            u8,
            line,
            "# HELP synapse_",
        ) or std.mem.startsWith(u8, line, "# TYPE synapse_")) continue;
        try expect(std.mem.startsWith(u8, line, "synapse_"));
        _ = try std.fmt.parseFloat(f64, line[std.mem.lastIndexOfScalar(u8, line, ' ').? + 1 ..]);
    }
    host.core.requestClosed(waiting);
}

test "the log shows its last lines, by level and from where a client stopped reading" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    host.device.log(.err, "something is wrong");
    const all = try parse(host.send("GET", "/v1/log", "", "", ""));
    defer all.deinit();
    try expectEqual(@as(usize, 3), all.value.object.get("entries").?.array.items.len);
    const errors = try parse(host.send("GET", "/v1/log?level=error", "", "", ""));
    defer errors.deinit();
    const entry = errors.value.object.get("entries").?.array.items[0].object;
    try std.testing.expectEqualStrings("something is wrong", entry.get("text").?.string);
    try expectEqual(@as(i64, 3), entry.get("sequence").?.integer);
    for (0..log_ring.entries_max) |_| host.device.log(.warn, "again");
    const later = try parse(host.send("GET", "/v1/log?after=1&level=info", "", "", ""));
    defer later.deinit();
    try expectEqual(@as(usize, log_ring.entries_max), later.value.object.get("entries").?.array.items.len);
    try expectEqual(@as(i64, 2), later.value.object.get("dropped").?.integer);
    const next = later.value.object.get("next").?.integer;
    var target: [64]u8 = undefined;
    const nothing = try parse(host.send(
        "GET",
        try std.fmt.bufPrint(&target, "/v1/log?after={d}", .{next}),
        "",
        "",
        "",
    ));
    defer nothing.deinit();
    try expectEqual(@as(usize, 0), nothing.value.object.get("entries").?.array.items.len);
}

test "the log has lines of the firmware's other parts, which the port is not told again" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const before = host.device.log_ring.written;
    abi.events.logged(host.core, 7, .of("wifi: connected \"\x1b\""));
    const all = try parse(host.send("GET", "/v1/log", "", "", ""));
    defer all.deinit();
    const entries = all.value.object.get("entries").?.array.items;
    const last = entries[entries.len - 1].object;
    try std.testing.expectEqualStrings("wifi: connected \"\x1b\"", last.get("text").?.string);
    try std.testing.expectEqualStrings("info", last.get("level").?.string);
    try expectEqual(before + 1, host.device.log_ring.written);
}

test "the self-test runs every vector of the pack, and sees damage" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    const good = try parse(host.send("POST", "/v1/selftest", "", "", ""));
    defer good.deinit();
    errdefer std.debug.print("{s}\n", .{host.reply(1).body.items});
    try expect(good.value.object.get("passed").?.bool);
    const vectors = good.value.object.get("vectors").?.array.items;
    try expectEqual(host.device.active.model.?.info.golden_count, vectors.len);
    try expect(vectors.len > 0);

    const kernels = good.value.object.get("kernels").?.array.items;
    try expect(kernels.len > 15);
    for (kernels) |kernel| try expect(kernel.object.get("passed").?.bool);
    // Every op of the entries that the vectors run, timed by the port's clock, as it counts no cycles.
    try std.testing.expectEqualStrings("us", good.value.object.get("ticks").?.string);
    const ops = good.value.object.get("ops").?.array.items;
    try expect(ops.len > 10);
    var macs: i64 = 0;
    for (ops) |op| {
        try expect(op.object.get("runs").?.integer > 0);
        try expect(op.object.get("activation_bytes").?.integer > 0);
        macs += op.object.get("macs").?.integer;
    }
    try expect(macs > 0);
    // Each self-test counts anew.
    const again = try parse(host.send("POST", "/v1/selftest", "", "", ""));
    defer again.deinit();
    try expectEqual(
        ops[0].object.get("runs").?.integer,
        again.value.object.get("ops").?.array.items[0].object.get("runs").?.integer,
    );

    // Weights that changed after the pack was opened: flash that has gone bad.
    var damaged: [hosts.model.len]u8 align(64) = hosts.model;
    try expectEqual(.ok, host.core.loadModel("model_a", &damaged));
    @memset(damaged[damaged.len / 2 ..], 0x11);
    const bad = try parse(host.send("POST", "/v1/selftest", "", "", ""));
    defer bad.deinit();
    try expect(!bad.value.object.get("passed").?.bool);
}
