//! Sessions as a caller sees them through the C API.

const std = @import("std");
const c_api = @import("c_api.zig");
const header = @import("header.zig");
const Model = @import("model.zig").Model;
const Work = @import("model.zig").Work;
const Session = @import("session.zig").Session;
const Tensor = @import("tensor.zig").Tensor;

const testing = std.testing;

const file: [64]u8 align(64) = @splat(0);
const zeros: [32]u8 = @splat(0);

/// A model of one entry without ops: `before` and `x` go in, `x` comes out. They fill `fast`.
const tensors = [_]Tensor{
    .{
        .name = "before",
        .type = .i32,
        .place = .fast,
        .dynamic = false,
        .rank = 1,
        .shape = .{ 3, 1, 1, 1 },
        .offset = 0,
        .bytes = 12,
        .stride = 3,
    },
    .{
        .name = "x",
        .type = .f32,
        .place = .fast,
        .dynamic = false,
        .rank = 1,
        .shape = .{ 2, 1, 1, 1 },
        .offset = 16,
        .bytes = 8,
        .stride = 2,
    },
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
        .work = .{},
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
    const entries = [_]header.Entry{.{
        .name = "go",
        .rows_max = 1,
        .inputs = &.{ before, x },
        .outputs = &.{x},
        .ops = &.{},
    }};
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

fn row(place: @FieldType(Tensor, "place"), rows: u32, cols: u32, dynamic: bool, offset: u32) Tensor {
    return .{
        .name = "",
        .type = .f32,
        .place = place,
        .dynamic = dynamic,
        .rank = 2,
        .shape = .{ rows, cols, 1, 1 },
        .offset = offset,
        .bytes = rows * cols * 4,
        .stride = cols,
    };
}

/// `sum` in the state gets `step` added, three times; then it comes out.
const counting = struct {
    const rows = [_]Tensor{ row(.fast, 1, 2, false, 0), row(.state, 1, 2, false, 0), row(.fast, 1, 2, false, 16) };
    const add: header.OpRecord = .{ .op = .{ .add = .{ .a = 1, .b = 0, .out = 1 } }, .at = 64 };
    const ops = [_]header.OpRecord{ add, add, add, .{ .op = .{ .copy = .{ .x = 1, .out = 2 } }, .at = 64 } };
    const entries = [_]header.Entry{.{
        .name = "count",
        .rows_max = 1,
        .inputs = &.{.{ .name = "step", .tensor = 0, .kind = .tensor }},
        .outputs = &.{.{ .name = "sum", .tensor = 2, .kind = .tensor }},
        .ops = &ops,
    }};

    fn model(goldens: []const header.Golden) Model {
        var result = modelOf(&entries, goldens);
        result.tensors = &rows;
        result.op_count = ops.len;
        return result;
    }

    fn value(bytes: []align(64) const u8, index: usize) f32 {
        return @as([*]const f32, @ptrCast(bytes.ptr))[index];
    }
};

fn beginCounting(session: *Session, step: f32) !void {
    @as([*]f32, @ptrCast(@alignCast(&Memory.fast)))[0] = step;
    try testing.expectEqual(.ok, c_api.sessionBegin(session, 0, 1));
}

test "a run in pieces computes what a whole one does, and its profile is the same" {
    const model = counting.model(&.{});
    const session = try open(&model);
    for ([_]u32{ 1, 2, 3, 4, 100 }) |ops_max| {
        _ = c_api.sessionReset(session);
        try beginCounting(session, 5);
        var pieces: u32 = 1;
        while (c_api.sessionAdvance(session, ops_max) == .more) pieces += 1;
        try testing.expectEqual((counting.ops.len + ops_max - 1) / ops_max, pieces);
        try testing.expectEqual(15, counting.value(&Memory.fast, 4));
        // It has ended.
        try testing.expectEqual(.cancelled, c_api.sessionAdvance(session, 1));
    }
    for (session.profilesOf(0)) |*profile| try testing.expectEqual(5, profile.runs);
    try testing.expectEqual(.argument, c_api.sessionBegin(session, 0, 2));
    try testing.expectEqual(.argument, c_api.sessionBegin(session, 1, 1));
    try testing.expectEqual(.argument, c_api.sessionAdvance(session, 0));
}

test "a cancelled run leaves a state of zeros, one that another takes the place of what its ops have written" {
    const model = counting.model(&.{});
    const session = try open(&model);
    try testing.expectEqual(.ok, c_api.sessionCancel(session));
    try beginCounting(session, 5);
    try testing.expectEqual(.more, c_api.sessionAdvance(session, 2));
    try testing.expectEqual(10, counting.value(&Memory.state, 0));
    try testing.expectEqual(.ok, c_api.sessionCancel(session));
    try testing.expectEqual(.cancelled, c_api.sessionAdvance(session, 1));
    try testing.expectEqual(0, counting.value(&Memory.state, 0));
    // Without a run under way there is nothing to cancel, and the state stays.
    try beginCounting(session, 1);
    try testing.expectEqual(.ok, c_api.sessionAdvance(session, 100));
    try testing.expectEqual(.ok, c_api.sessionCancel(session));
    try testing.expectEqual(3, counting.value(&Memory.state, 0));
    try beginCounting(session, 1);
    try testing.expectEqual(.more, c_api.sessionAdvance(session, 1));
    try testing.expectEqual(.ok, c_api.sessionRun(session, 0, 1));
    try testing.expectEqual(7, counting.value(&Memory.fast, 4));
    _ = c_api.sessionReset(session);
    try testing.expectEqual(.cancelled, c_api.sessionAdvance(session, 1));
}

test "a self-test in pieces says the same as a whole one" {
    var digest: [32]u8 = @splat(0);
    var model = counting.model(&.{.{ .entry = 0, .rows = 1, .seed = 7, .digest = &digest }});
    const session = try open(&model);
    try testing.expectEqual(.golden, c_api.sessionSelfTest(session, 0));
    std.crypto.hash.sha2.Sha256.hash(Memory.fast[16..24], &digest, .{});
    try testing.expectEqual(.ok, c_api.sessionSelfTest(session, 0));
    for (0..2) |_| {
        try testing.expectEqual(.ok, c_api.sessionBeginSelfTest(session, 0));
        for (0..3) |_| try testing.expectEqual(.more, c_api.sessionAdvance(session, 1));
        try testing.expectEqual(
            @as(@TypeOf(c_api.sessionAdvance(null, 1)), if (digest[0] == 0) .golden else .ok),
            c_api.sessionAdvance(session, 1),
        );
        digest = @splat(0);
    }
    try testing.expectEqual(.argument, c_api.sessionBeginSelfTest(session, 1));
}

test "a model's work is that of its ops, and never begins again at 0" {
    const big = [_]Tensor{
        row(.fast, 256, 1024, true, 0),
        row(.fast, 256, 1024, true, 0),
        row(.constant, 1024, 1024, false, 64),
    };
    const linear: header.OpRecord = .{ .op = .{ .linear = .{ .x = 0, .w = 2, .out = 1 } }, .at = 64 };
    const attention: header.OpRecord = .{
        .op = .{ .attention = .{
            .q = 0,
            .k = 0,
            .v = 0,
            .out = 1,
            .heads = 16,
            .kv_heads = 16,
            .scale = 1,
            .causal = true,
            .compute = .f32,
        } },
        .at = 64,
    };
    const copy: header.OpRecord = .{ .op = .{ .copy = .{ .x = 0, .out = 1 } }, .at = 64 };
    const entries = [_]header.Entry{
        .{ .name = "a", .rows_max = 256, .inputs = &.{}, .outputs = &.{}, .ops = &.{ linear, attention, copy } },
        .{ .name = "b", .rows_max = 256, .inputs = &.{}, .outputs = &.{}, .ops = &.{copy} },
    };
    const golden: header.Golden = .{ .entry = 0, .rows = 2, .seed = 1, .digest = &zeros };
    const attended = 2 * 256 * 256 * 1024 + 8 * 256 * 256 * 16;
    try testing.expectEqual(Work{
        .op_max = 256 * 1024 * 1024,
        .run_max = 256 * 1024 * 1024 + attended + 8 * 256 * 1024,
        .golden_total = 2 * (2 * 1024 * 1024 + 2 * 2 * 2 * 1024 + 8 * 2 * 2 * 16 + 8 * 2 * 1024),
    }, Work.of(&entries, &.{ golden, golden }, &big));
    var huge = big;
    huge[0].shape[0] = 1 << 24;
    huge[2].shape = .{ 1 << 24, 1 << 17, 1, 1 };
    const endless = [_]header.Entry{.{
        .name = "a",
        .rows_max = 1 << 24,
        .inputs = &.{},
        .outputs = &.{},
        .ops = &.{ linear, linear },
    }};
    try testing.expectEqual(std.math.maxInt(u64), Work.of(&endless, &.{}, &huge).run_max);
}
