//! Sessions as a caller sees them through the C API.

const std = @import("std");
const c_api = @import("c_api.zig");
const header = @import("header.zig");
const Model = @import("model.zig").Model;
const Session = @import("session.zig").Session;
const Tensor = @import("tensor.zig").Tensor;

const testing = std.testing;

const file: [64]u8 align(64) = @splat(0);
const zeros: [32]u8 = @splat(0);

/// A model of one entry without ops: `before` and `x` go in, `x` comes out. They fill `fast`.
const tensors = [_]Tensor{
    .{ .name = "before", .type = .i32, .place = .fast, .dynamic = false, .rank = 1, .shape = .{ 3, 1, 1, 1 }, .offset = 0, .bytes = 12, .stride = 3 },
    .{ .name = "x", .type = .f32, .place = .fast, .dynamic = false, .rank = 1, .shape = .{ 2, 1, 1, 1 }, .offset = 16, .bytes = 8, .stride = 2 },
};
const before: header.Port = .{ .name = "before", .tensor = 0, .kind = .tensor };
const x: header.Port = .{ .name = "x", .tensor = 1, .kind = .tensor };

fn modelOf(entries: []const header.Entry, goldens: []const header.Golden) Model {
    return .{
        .file = &file,
        .name = "test",
        .exact = true,
        .regions = .{ .fast = 64, .slow = 0, .state = 16 },
        .tensors = &tensors,
        .entries = entries,
        .goldens = goldens,
        .meta = "",
        .sha256 = &zeros,
        .op_count = 0,
        .thread_bytes = 64,
    };
}

const Memory = struct {
    var session: [1024]u8 align(64) = undefined;
    var fast: [64]u8 align(64) = undefined;
    var state: [64]u8 align(64) = undefined;
    var thread: [64]u8 align(64) = undefined;
};

fn open(model: *const Model) !*Session {
    const config: c_api.SessionConfig = .{
        .size = @sizeOf(c_api.SessionConfig),
        .threads = 1,
        .session = &Memory.session,
        .fast = &Memory.fast,
        .slow = null,
        .state = &Memory.state,
        .thread = &Memory.thread,
        .session_bytes = Memory.session.len,
        .fast_bytes = Memory.fast.len,
        .slow_bytes = 0,
        .state_bytes = Memory.state.len,
        .thread_bytes = Memory.thread.len,
        .parallel_for = null,
        .ticks = null,
        .user = null,
    };
    var session: *Session = undefined;
    try testing.expectEqual(.ok, c_api.sessionOpen(model, &config, &session));
    return session;
}

test "every element of every input takes one number of a self-test's sequence" {
    const seed = 7;
    var sequence: [5]u32 = undefined;
    var s: u32 = seed;
    for (&sequence) |*number| {
        s ^= s << 13;
        s ^= s >> 17;
        s ^= s << 5;
        number.* = s;
    }
    var expected: [2]f32 = undefined;
    for (&expected, sequence[3..]) |*value, number| value.* = @as(f32, @floatFromInt(number >> 8)) * 0x1p-23 - 1;
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(std.mem.sliceAsBytes(&expected), &digest, .{});
    const entries = [_]header.Entry{.{ .name = "go", .rows_max = 1, .inputs = &.{ before, x }, .outputs = &.{x}, .ops = &.{} }};
    const model = modelOf(&entries, &.{.{ .entry = 0, .rows = 1, .seed = seed, .digest = &digest }});
    const session = try open(&model);
    try testing.expectEqual(.ok, c_api.sessionSelfTest(session, 0));
    try testing.expectEqualSlices(u8, &@as([12]u8, @splat(0)), Memory.fast[0..12]);
    digest[0] ^= 1;
    try testing.expectEqual(.golden, c_api.sessionSelfTest(session, 0));
}

test "nothing is written to an out parameter of a call that is refused" {
    const model = modelOf(&.{}, &.{});
    const session = try open(&model);
    var untouched: [1]u8 = undefined;
    var data: [*]u8 = &untouched;
    var bytes: usize = 5;
    try testing.expectEqual(.argument, c_api.sessionState(session, &data, null));
    try testing.expectEqual(.argument, c_api.sessionState(session, null, &bytes));
    try testing.expectEqual(@as([*]u8, &untouched), data);
    try testing.expectEqual(5, bytes);
    try testing.expectEqual(.ok, c_api.sessionState(session, &data, &bytes));
    try testing.expectEqual(@as([*]u8, &Memory.state), data);
    try testing.expectEqual(16, bytes);
}
