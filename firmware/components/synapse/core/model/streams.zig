//! Named streams of frames: for each the last latents and actions, as many as the model's history holds, and running
//! statistics of surprise. A bounded number of streams, in memory taken with the model; the one unused for longest
//! makes room for a new one. The worker reads them in its turn, and the event side changes them before the next.
const std = @import("std");
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const Predict = @import("model.zig").Predict;
const Bounded = @import("../wire/problem.zig").Bounded;

pub const Name = Bounded(limits.stream_name_bytes_max);

/// Welford's running mean and variance (Knuth, The Art of Computer Programming, vol. 2, section 4.2.2).
pub const Statistics = struct {
    count: u64 = 0,
    mean: f64 = 0,
    squares: f64 = 0,

    pub fn add(self: *Statistics, value: f64) void {
        self.count += 1;
        const before = value - self.mean;
        self.mean += before / @as(f64, @floatFromInt(self.count));
        self.squares += before * (value - self.mean);
    }

    /// The sample standard deviation (n - 1), from two values on.
    pub fn deviation(self: *const Statistics) ?f64 {
        if (self.count < 2) return null;
        return @sqrt(self.squares / @as(f64, @floatFromInt(self.count - 1)));
    }

    /// How many deviations `value` lies above the mean; null as long as there is no deviation, or it is zero.
    pub fn zScore(self: *const Statistics, value: f64) ?f64 {
        const scale = self.deviation() orelse return null;
        return if (scale > 0) (value - self.mean) / scale else null;
    }
};

pub const Stream = struct {
    name: Name = .{},
    /// Begun by somebody who uses what the owner opened to everybody.
    /// Such streams and the owner's know nothing of each other.
    open: bool = false,
    /// When it was last used, counted in observations of all streams; 0: free.
    used: u64 = 0,
    /// Frames since it began.
    frames: u64 = 0,
    /// Rows of history, oldest first. Action i is the one taken at latent i;
    /// the last latent's comes with the next frame.
    rows: usize = 0,
    latents: []f32 = &.{},
    actions: []f32 = &.{},
    surprise: Statistics = .{},

    fn restart(stream: *Stream, name: Name, open: bool) void {
        stream.* = .{ .name = name, .open = open, .latents = stream.latents, .actions = stream.actions };
    }

    /// Of the action taken at the last latent. What lies there counts for nothing before the next
    /// frame has been taken in.
    pub fn lastAction(stream: *const Stream, predictor: *const Predict) []f32 {
        return stream.actions[(stream.rows - 1) * predictor.action_elements ..][0..predictor.action_elements];
    }

    /// latent: (latent_elements). The oldest row makes room.
    pub fn append(stream: *Stream, latent: []const f32, predictor: *const Predict) void {
        if (stream.rows == predictor.history_max) {
            stream.rows -= 1;
            @memmove(stream.latents[0 .. stream.rows * latent.len], stream.latents[latent.len..]);
            @memmove(
                stream.actions[0 .. stream.rows * predictor.action_elements],
                stream.actions[predictor.action_elements..],
            );
        }
        @memcpy(stream.latents[stream.rows * latent.len ..][0..latent.len], latent);
        stream.rows += 1;
        stream.frames += 1;
    }
};

pub const Streams = struct {
    items: []Stream = &.{},
    clock: u64 = 0,

    /// Bytes of slow memory for a model's streams.
    pub fn bytes(predictor: *const Predict) u64 {
        const row = @as(u64, predictor.history_max) * (predictor.latent_elements + predictor.action_elements) * 4;
        return memory.round(
            @sizeOf(Stream) * limits.streams_max,
        ) + (memory.round(row) + 2 * memory.alignment) * limits.streams_max;
    }

    pub fn init(block: *memory.Block, predictor: *const Predict) error{OutOfMemory}!Streams {
        const items = try block.takeItems(Stream, limits.streams_max);
        for (items) |*stream| stream.* = .{
            .latents = try block.takeItems(f32, predictor.history_max * predictor.latent_elements),
            .actions = try block.takeItems(f32, predictor.history_max * predictor.action_elements),
        };
        return .{ .items = items };
    }

    /// The stream of that name, if there is one.
    pub fn get(streams: *const Streams, name: *const Name, open: bool) ?*Stream {
        return for (streams.items) |*stream| {
            if (stream.used > 0 and stream.open == open and std.mem.eql(
                u8,
                stream.name.slice(),
                name.slice(),
            )) break stream;
        } else null;
    }

    /// Where a new stream may begin: a free place, or that of the one unused for longest; for the owner an open one
    /// first, and for others no other. Null when all are the owner's and it is not the owner who asks.
    pub fn placeFor(streams: *const Streams, open: bool) ?*Stream {
        var best: ?*Stream = null;
        for (streams.items) |*stream| {
            if (open and stream.used > 0 and !stream.open) continue;
            const other = best orelse {
                best = stream;
                continue;
            };
            const ranks = [2]u2{ rank(stream), rank(other) };
            if (ranks[0] < ranks[1] or (ranks[0] == ranks[1] and stream.used < other.used)) best = stream;
        }
        return best;
    }

    fn rank(stream: *const Stream) u2 {
        return if (stream.used == 0) 0 else if (stream.open) 1 else 2;
    }

    /// The stream of that name; when there is none, a new one in the place that `placeFor` says, which there is. The
    /// name of the stream that was there is then in `evicted`.
    pub fn find(streams: *Streams, name: Name, open: bool, fresh: bool, evicted: *Name) *Stream {
        streams.clock += 1;
        const stream = streams.get(&name, open) orelse place: {
            const place = streams.placeFor(open).?;
            if (place.used > 0) evicted.* = place.name;
            place.restart(name, open);
            break :place place;
        };
        if (fresh) stream.restart(name, open);
        stream.used = streams.clock;
        return stream;
    }
};

/// Euclidean distance, summed in order in f64.
pub fn distance(a: []const f32, b: []const f32) f64 {
    var sum: f64 = 0;
    for (a, b) |x, y| {
        const difference = @as(f64, x) - @as(f64, y);
        sum += difference * difference;
    }
    return @sqrt(sum);
}

test "running statistics are those of all values at once" {
    var statistics: Statistics = .{};
    try std.testing.expectEqual(@as(?f64, null), statistics.zScore(1));
    for ([_]f64{ 2, 4, 4, 4, 5, 5, 7, 9 }) |value| statistics.add(value);
    try std.testing.expectApproxEqAbs(@as(f64, 5), statistics.mean, 1e-12);
    try std.testing.expectApproxEqAbs(@sqrt(@as(f64, 32.0 / 7.0)), statistics.deviation().?, 1e-12);
    try std.testing.expectApproxEqAbs(2.0 / @sqrt(@as(f64, 32.0 / 7.0)), statistics.zScore(7).?, 1e-12);
}

test "histories slide, and the stream unused for longest makes room" {
    const predictor: Predict = .{
        .entry = 0,
        .latent_input = 0,
        .action_input = 1,
        .output = 0,
        .latent_elements = 2,
        .action_elements = 1,
        .history_min = 1,
        .history_max = 3,
        .dynamic = true,
    };
    var bytes: [16384]u8 align(memory.alignment) = undefined;
    var block: memory.Block = .init(&bytes);
    var streams: Streams = try .init(&block, &predictor);
    try std.testing.expect(block.used <= Streams.bytes(&predictor));
    var evicted: Name = .{};
    for (0..limits.streams_max + 1) |i| {
        var name: Name = .{};
        name.print("s{d}", .{i});
        const stream = streams.find(name, false, false, &evicted);
        for (0..5) |frame| {
            const value: f32 = @floatFromInt(frame);
            stream.append(&.{ value, -value }, &predictor);
        }
        try std.testing.expectEqualSlices(f32, &.{ 2, -2, 3, -3, 4, -4 }, stream.latents);
        try std.testing.expectEqual(@as(u64, 5), stream.frames);
        var zero: Name = .{};
        zero.append("s0");
        if (i < limits.streams_max - 1) try std.testing.expectEqual(
            @as(u64, 5),
            streams.find(zero, false, false, &evicted).frames,
        );
    }
    // s0 was used again and again, so s1 was the oldest.
    try std.testing.expectEqualStrings("s1", evicted.slice());
}
