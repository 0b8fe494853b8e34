//! Words and questions over the cable, as those who type them and the programs that ask see them.
const std = @import("std");
const cables = @import("cable");
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const Asked = struct {
    board: cables.cable_t = undefined,
    sent: [4096]u8 = undefined,
    sent_bytes: usize = 0,
    number: u32 = 0,
    method: [16]u8 = undefined,
    target: [96]u8 = undefined,
    asks: u32 = 0,
    claims: u32 = 0,
    resets: u32 = 0,
    helps: u32 = 0,

    fn plug(cable: *Asked) void {
        cable.* = .{};
        const host: cables.cable_host_t = .{
            .user = cable,
            .send = send,
            .join = join,
            .scan = nothing,
            .claim = claim,
            .reset_settings = reset,
            .help = help,
            .ask = ask,
            .firmware = "synapse",
            .version = "1.2.3",
            .chip = "ESP32-P4",
            .device_name = "kitchen",
        };
        cables.cable_begin(&cable.board, &host, false);
    }

    fn of(user: ?*anyopaque) *Asked {
        return @ptrCast(@alignCast(user.?));
    }

    fn send(user: ?*anyopaque, bytes: [*c]const u8, count: usize) callconv(.c) void {
        const cable = of(user);
        @memcpy(cable.sent[cable.sent_bytes..][0..count], bytes[0..count]);
        cable.sent_bytes += count;
    }

    fn join(_: ?*anyopaque, _: [*c]const u8, _: [*c]const u8) callconv(.c) void {}

    fn nothing(_: ?*anyopaque) callconv(.c) void {}

    fn claim(user: ?*anyopaque) callconv(.c) void {
        of(user).claims += 1;
    }

    fn reset(user: ?*anyopaque) callconv(.c) void {
        of(user).resets += 1;
    }

    fn help(user: ?*anyopaque, _: [*c]const u8) callconv(.c) void {
        of(user).helps += 1;
    }

    fn ask(user: ?*anyopaque, number: u32, method: [*c]const u8, target: [*c]const u8) callconv(.c) void {
        const cable = of(user);
        cable.number = number;
        cable.asks += 1;
        copy(&cable.method, method);
        copy(&cable.target, target);
    }

    fn copy(out: []u8, text: [*c]const u8) void {
        const bytes = std.mem.span(@as([*:0]const u8, @ptrCast(text)));
        @memcpy(out[0..bytes.len], bytes);
        out[bytes.len] = 0;
    }

    fn feed(cable: *Asked, bytes: []const u8) void {
        cables.cable_feed(&cable.board, bytes.ptr, bytes.len);
    }

    /// A question as a program sends it.
    fn question(cable: *Asked, text: []const u8) void {
        var line: [200]u8 = undefined;
        const crc = std.hash.Crc32.hash(text);
        cable.feed(std.fmt.bufPrint(&line, "{s} {x:0>8}\n", .{ text, crc }) catch unreachable);
    }

    /// The frames since the last look are these payloads, of this question.
    fn expectFrames(cable: *Asked, id: u32, first: u32, payloads: []const []const u8) !void {
        var expected: [4096]u8 = undefined;
        var at: usize = 0;
        for (payloads, first..) |payload, sequence| {
            const inside = try std.fmt.bufPrint(expected[at + 1 ..], "{d}:{d}:{s}", .{ id, sequence, payload });
            expected[at] = '~';
            const crc = std.hash.Crc32.hash(inside);
            at += 1 + inside.len;
            at += (try std.fmt.bufPrint(expected[at..], ":{x:0>8}\r\n", .{crc})).len;
        }
        try expectEqualStrings(expected[0..at], cable.sent[0..cable.sent_bytes]);
        cable.sent_bytes = 0;
    }
};

test "a program asks for a route, and gets its answer in frames" {
    var cable: Asked = undefined;
    cable.plug();
    cable.feed("\nask 17 POST /v1/selftest 574c2d51\r\n");
    try expectEqual(1, cable.asks);
    try expectEqualStrings("POST", std.mem.sliceTo(&cable.method, 0));
    try expectEqualStrings("/v1/selftest", std.mem.sliceTo(&cable.target, 0));
    try cable.expectFrames(17, 0, &.{"+"});
    cables.cable_answer_begin(&cable.board, cable.number, 200);
    const body: [100]u8 = @splat('a');
    cables.cable_answer_add(&cable.board, cable.number, &body, 50);
    cables.cable_answer_add(&cable.board, cable.number, &body, 50);
    cables.cable_answer_end(&cable.board, cable.number);
    var whole: [64]u8 = undefined;
    for (&whole, 0..) |*digit, i| digit.* = "YWFh"[i % 4];
    try cable.expectFrames(17, 1, &.{ "=200", &whole, &whole, "YWFhYQ==", ".100" });
    // It has been answered.
    cables.cable_answer_add(&cable.board, cable.number, &body, 50);
    cables.cable_answer_end(&cable.board, cable.number);
    try cable.expectFrames(17, 1, &.{});
}

test "a new question takes the place of one that is not answered yet" {
    var cable: Asked = undefined;
    cable.plug();
    cable.question("ask 1 GET /v1/device");
    const first = cable.number;
    cable.question("ask 2 GET /v1/models");
    try expectEqual(2, cable.asks);
    cable.sent_bytes = 0;
    cables.cable_answer_begin(&cable.board, first, 200);
    cables.cable_answer_end(&cable.board, first);
    cables.cable_answer_begin(&cable.board, cable.number, 404);
    cables.cable_answer_end(&cable.board, cable.number);
    try cable.expectFrames(2, 1, &.{ "=404", ".0" });
}

test "a question that is damaged, or none, asks nothing and is said to be so" {
    var cable: Asked = undefined;
    cable.plug();
    cable.feed("ask 17 POST /v1/selftest 574c2d52\n");
    try cable.expectFrames(0, 0, &.{"!"});
    for ([_][]const u8{ "ask 17\n", "ask \n", "ask 17 GET /v1/device 123456789\n", "ask a b c d\n" }) |text| {
        cable.feed(text);
        try cable.expectFrames(0, 0, &.{"!"});
    }
    for ([_][]const u8{ "ask 5", "ask 5 GET", "ask 5 GET v1", "ask 5 GET /a b", "ask 5 DELETEALL /a" }) |text| {
        cable.question(text);
        try cable.expectFrames(5, 0, &.{"!"});
    }
    try expectEqual(0, cable.asks);
}

test "people type words" {
    var cable: Asked = undefined;
    cable.plug();
    cable.feed("claim\r\nreset settings\nwhat\nasking\n");
    try expectEqual(1, cable.claims);
    try expectEqual(1, cable.resets);
    try expectEqual(2, cable.helps);
}
