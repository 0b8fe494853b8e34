//! Random events in random order, with mutated bodies: whatever comes, every request gets at most one answer, and every
//! place is free again when the clients are gone. The seed is the test runner's; it is printed when something fails.
const std = @import("std");
const limits = @import("../limits.zig");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;
const SimFlash = @import("sim_parts").SimFlash;

const rounds = 60;
const events_per_round = 400;
const requests_per_round = 60;

const json_bodies = [_][]const u8{
    "{\"history\":[[0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7]]," ++
        "\"actions\":[[0,1,2,3,4,5,6,7,8,9]]}",
    "{\"start\":{\"latent\":[0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7]}," ++
        "\"actions\":[[0,1,2,3,4,5,6,7,8,9],[0,1,2,3,4,5,6,7,8,9]]}",
    "{\"start\":{\"image\":\"\\/9j\\/4AAQ\",\"type\":\"image\\/jpeg\"},\"actions\":[[0,1,2,3,4,5,6,7,8,9]]}",
    "{\"stream\":\"a\",\"image\":\"\\/9j\\/4AAQ\",\"type\":\"image\\/jpeg\",\"action\":[0,1,2,3,4,5,6,7,8,9]}",
    "{\"start\":{\"image\":\"\\/9j\\/4AAQ\",\"type\":\"image/jpeg\"},\"goal\":{\"image\":\"\\/9j\\/4AAQ\"," ++
        "\"type\":\"image/png\"},\"horizon\":2,\"budget\":{\"samples\":3,\"iterations\":2,\"elites\":2}}",
    "{\"start\":{\"image\":\"\\/9j\\/4AAQ\",\"type\":\"image/jpeg\"},\"goal\":{\"image\":\"\\/9j\\/4AAQ\"," ++
        "\"type\":\"image/jpeg\"},\"seed\":3,\"budget\":{\"samples\":3,\"iterations\":2,\"elites\":2}}",
    "{\"image\":\"/9j/4AAQ\",\"type\":\"image/jpeg\"}",
    "\xa2\x65start\xa1\x66latent\xd8\x55\x43abc" ++
        "\x67actions\x81\x8a\x00\x01\x00\x01\x00\x01\x00\x01\x00\xfa\x3f\x80\x00\x00",
    "\xbf\x67history\x9f\xff\x67actions\x9f\x9f\xf9\x3c\x00\xff\xff\xff",
    "\xff\xd8\xff\xe0 picture",
    "\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03 picture",
    "--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n" ++
        "\xff\xd8\xff\xe0 picture\r\n--B--\r\n",
};
const targets = [_][]const u8{
    "/v1/plan",
    "/v1/plan",
    "/v1/observe",
    "/v1/observe",
    "/v1/selftest",
    "/v1/metrics",
    "/v1/log?after=1&level=warn",
    "/v1/encode",
    "/v1/predict",
    "/v1/rollout",
    "/v1/rollout?latent=base64",
    "/v1/device",
    "/v1/models/model_a",
    "/v1/models/model_b",
    "/v1/models/model_b/activate",
    "/v1/claim",
    "/v1/settings",
    "/v1/reboot",
    "/",
    "/?",
    "",
    "/v1/encode#",
};
const methods = [_][]const u8{ "POST", "POST", "POST", "GET", "HEAD", "", "PUT" };
const types = [_][]const u8{
    "application/json",
    "application/json",
    "application/cbor",
    "image/jpeg",
    "image/png",
    "multipart/form-data; boundary=B",
    "application/octet-stream",
    "text/html; charset=x",
    "",
};
const accepts = [_][]const u8{
    "",
    "",
    "*/*",
    "application/cbor",
    "text/event-stream",
    "application/json;q=0.1, application/*;q=x",
    ";;q=,",
    "text/html",
};

fn pick(random: std.Random, comptime list: anytype) []const u8 {
    return list[random.uintLessThan(usize, list.len)];
}

fn mutate(random: std.Random, source: []const u8, buffer: []u8) []const u8 {
    var len = @min(source.len, buffer.len);
    @memcpy(buffer[0..len], source[0..len]);
    for (0..random.uintLessThan(usize, 4)) |_| {
        if (len == 0) break;
        const at = random.uintLessThan(usize, len);
        switch (random.uintLessThan(u8, 4)) {
            0 => buffer[at] = random.int(u8),
            1 => buffer[at] ^= @as(u8, 1) << random.int(u3),
            2 => len = at,
            else => { // Repeats a piece, which nests and duplicates.
                const n = @min(len - at, buffer.len - len);
                @memmove(buffer[at + n ..][0 .. len - at], buffer[at..len]);
                len += n;
            },
        }
    }
    return buffer[0..len];
}

/// Bytes at an address that models can run from.
var flash_bytes: [flash_total]u8 align(64) = undefined;
var flash_undecided: [flash_total]u8 = undefined;
const flash_total = total: {
    var sum: usize = 0;
    for (hosts.areas) |area| sum += area;
    break :total sum;
};

/// A piece of an upload, rightly or wrongly announced, or the order to run what came of it.
fn update(host: *Host, random: std.Random) void {
    if (random.uintLessThan(u8, 4) == 0) {
        _ = host.ask(
            "POST",
            pick(random, [_][]const u8{ "/v1/models/model_a/activate", "/v1/models/model_b/activate" }),
            &.{},
            "",
        );
        return;
    }
    const file = &hosts.model;
    const ends = [_]usize{ 0, 1, 63, 64, 65, 4096, 50_000, file.len - 1, file.len };
    const first = ends[random.uintLessThan(usize, ends.len)];
    const end = @max(first, ends[random.uintLessThan(usize, ends.len)]);
    var range: [64]u8 = undefined;
    const text = std.fmt.bufPrint(
        &range,
        "bytes {d}-{d}/{d}",
        .{ first, end -% @intFromBool(end > 0), file.len },
    ) catch unreachable;
    _ = host.ask(
        "PUT",
        pick(random, [_][]const u8{ "/v1/models/model_a", "/v1/models/model_b", "/v1/models/model_b" }),
        &.{ "content-range", text },
        file[first..end],
    );
}

/// With flash the board has an owner, and models come and go.
fn round(random: std.Random, with_flash: bool) !void {
    var host: Host = undefined;
    var sim: SimFlash = undefined;
    if (with_flash) {
        @memset(&flash_undecided, 0);
        sim = try .initIn(std.testing.allocator, &flash_bytes, &flash_undecided, &hosts.areas, random.int(u64));
        sim.program(1, &hosts.model);
        try std.testing.expectEqual(.ok, try host.startWithFlash(&sim));
        try host.claim();
    } else try host.startWithModel();
    defer if (with_flash) sim.deinitIn();
    defer host.stop();
    var buffer: [512]u8 = undefined;
    for (0..events_per_round) |_| {
        const any: u32 = random.uintLessThan(u32, requests_per_round + 2);
        switch (random.uintLessThan(u8, 13)) {
            0, 1, 2 => if (host.next <= requests_per_round) {
                _ = host.head(pick(random, methods), pick(random, targets), pick(random, types), pick(random, accepts));
            },
            3, 4, 5 => host.core.bodyChunk(any, mutate(random, pick(random, json_bodies), &buffer)),
            6 => host.core.requestEnd(any),
            7 => host.core.requestClosed(any),
            8 => {
                host.decode_now = random.boolean();
                host.decode_fails = random.uintLessThan(u8, 4) == 0;
            },
            9 => host.finishDecode(@min(any, requests_per_round)),
            10 => if (host.work_wanted) host.turn(),
            11 => if (with_flash and host.next <= requests_per_round) update(&host, random),
            else => {
                host.clock_us += random.uintLessThan(u64, limits.receive_idle_us_max);
                host.core.tick(host.clock_us);
            },
        }
    }
    for (0..requests_per_round + 2) |i| {
        const request: u32 = @intCast(i);
        host.core.requestClosed(request);
        if (request <= requests_per_round) host.finishDecode(request);
    }
    host.pump();
    try std.testing.expectEqual(@as(u32, 0), host.device.inProgress());
    for (&host.replies) |*reply| {
        try std.testing.expect(reply.heads <= 1);
        try std.testing.expectEqual(reply.heads, reply.ended);
        const is_json = reply.hasHeader("json");
        if (is_json and reply.body.items.len > 0) try std.testing.expect(try std.json.validate(
            std.testing.allocator,
            reply.body.items,
        ));
    }
    // And it still works.
    host.decode_now = true;
    host.decode_fails = false;
    host.next = requests_per_round + 1;
    host.reply(host.next).body.clearRetainingCapacity();
    try std.testing.expectEqual(
        @as(u32, 200),
        host.send("POST", "/v1/encode", "image/jpeg", "", "\xff\xd8\xff").status,
    );
}

test "random events and mutated bodies" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    for (0..rounds) |i| try round(source.random(), i % 2 == 1);
}
