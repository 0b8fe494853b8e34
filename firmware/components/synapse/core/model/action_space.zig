//! What a model's actions are, as its pack says in `meta.actions`: units, bounds, and the distribution of those that it
//! was trained on. A row of actions repeats the components of one environment action, as when several of them are one
//! step of the model.
const std = @import("std");
const binary64 = @import("../wire/binary64.zig");
const CborTokens = @import("../wire/cbor_tokens.zig").CborTokens;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");

pub const ActionSpace = struct {
    /// In the pack's meta; may be empty.
    units: []const u8 = "",
    /// Of each component; empty where the pack has none.
    min: []const f32 = &.{},
    max: []const f32 = &.{},
    mean: []const f32 = &.{},
    deviation: []const f32 = &.{},

    pub fn bounded(space: *const ActionSpace) bool {
        return space.min.len > 0;
    }

    /// `value` of column `column` of a row, moved into the bounds.
    pub fn clip(space: *const ActionSpace, column: usize, value: f32) f32 {
        if (!space.bounded()) return value;
        const component = column % space.min.len;
        return @min(@max(value, space.min[component]), space.max[component]);
    }

    /// Values of `rows`, of `width` each, that lie outside of the bounds, and where the first of them is.
    pub fn outside(space: *const ActionSpace, rows: []const f32, width: usize) Outside {
        var found: Outside = .{};
        if (!space.bounded()) return found;
        for (rows, 0..) |value, i| {
            if (value == space.clip(i % width, value)) continue;
            if (found.count == 0) found.first = i;
            found.count += 1;
        }
        return found;
    }

    pub const Outside = struct { count: usize = 0, first: usize = 0 };

    /// What meta says of rows of `width` values, with its numbers in `block`; null where it says nothing that this core
    /// understands, or what cannot be. The meta is well formed, which the runtime has checked.
    pub fn read(meta: []const u8, width: usize, block: *memory.Block) error{OutOfMemory}!?ActionSpace {
        const mark = block.used;
        const found = (find(meta) catch null) orelse return null;
        const space = try found.space(width, block);
        if (space == null) block.used = mark;
        return space;
    }
};

fn fits(list: List, width: usize) bool {
    return list.count >= 1 and list.count <= width and width % list.count == 0;
}

/// An array of finite numbers in the meta.
const List = struct {
    meta: []const u8,
    offset: usize,
    count: usize,

    fn values(list: List, block: *memory.Block) error{OutOfMemory}![]const f32 {
        const out = try block.takeItems(f32, list.count);
        var cbor: CborTokens = .init(@constCast(list.meta[list.offset..]));
        // It was read once before, so that nothing here can fail.
        _ = cbor.next() catch unreachable;
        for (out) |*value| value.* = binary64.single((cbor.next() catch unreachable).number);
        return out;
    }
};

const Found = struct {
    units: []const u8 = "",
    min: ?List = null,
    max: ?List = null,
    mean: ?List = null,
    std: ?List = null,

    fn space(found: *const Found, width: usize, block: *memory.Block) error{OutOfMemory}!?ActionSpace {
        var read: ActionSpace = .{ .units = found.units };
        if (found.min != null or found.max != null) {
            const min = found.min orelse return null;
            const max = found.max orelse return null;
            if (!fits(min, width) or max.count != min.count) return null;
            read.min = try min.values(block);
            read.max = try max.values(block);
            for (read.min, read.max) |low, high| if (!(low <= high)) return null;
        }
        if (found.mean != null or found.std != null) {
            const mean = found.mean orelse return null;
            const deviation = found.std orelse return null;
            if (!fits(mean, width) or deviation.count != mean.count) return null;
            read.mean = try mean.values(block);
            read.deviation = try deviation.values(block);
            for (read.deviation) |value| if (!(value > 0)) return null;
        }
        return read;
    }
};

const Error = @import("../wire/tokens.zig").Error || error{Unknown};

/// The top level's `actions`, where there is one and it is a map.
fn find(meta: []const u8) Error!?Found {
    var cbor: CborTokens = .init(@constCast(meta));
    if (meta.len == 0 or try cbor.next() != .object_begin) return null;
    while (true) switch (try cbor.next()) {
        .text => |key| if (std.mem.eql(u8, key, "actions")) return try readActions(&cbor, meta) else try skip(&cbor),
        else => return null,
    };
}

fn readActions(cbor: *CborTokens, meta: []const u8) Error!Found {
    var found: Found = .{};
    if (try cbor.next() != .object_begin) return error.Unknown;
    while (true) switch (try cbor.next()) {
        .text => |key| {
            if (std.mem.eql(u8, key, "units")) {
                const token = try cbor.next();
                if (token != .text or token.text.len > limits.action_units_bytes_max) return error.Unknown;
                found.units = token.text;
            } else if (std.mem.eql(u8, key, "bounds")) {
                if (try cbor.next() != .object_begin) return error.Unknown;
                while (true) switch (try cbor.next()) {
                    .text => |bound| {
                        const place = if (std.mem.eql(u8, bound, "min"))
                            &found.min
                        else if (std.mem.eql(u8, bound, "max")) &found.max else return error.Unknown;
                        place.* = try readList(cbor, meta);
                    },
                    else => break,
                };
            } else if (std.mem.eql(u8, key, "mean")) {
                found.mean = try readList(cbor, meta);
            } else if (std.mem.eql(u8, key, "std")) {
                found.std = try readList(cbor, meta);
            } else try skip(cbor);
        },
        else => return found,
    };
}

fn readList(cbor: *CborTokens, meta: []const u8) Error!List {
    var list: List = .{ .meta = meta, .offset = cbor.offset(), .count = 0 };
    if (try cbor.next() != .array_begin) return error.Unknown;
    while (true) switch (try cbor.next()) {
        .number => |number| {
            if (!std.math.isFinite(binary64.single(number))) return error.Unknown;
            list.count += 1;
        },
        .array_end => return list,
        else => return error.Unknown,
    };
}

/// One value, whatever it holds.
fn skip(cbor: *CborTokens) Error!void {
    var depth: usize = 0;
    while (true) {
        switch (try cbor.next()) {
            .object_begin, .array_begin => depth += 1,
            .object_end, .array_end => depth -= 1,
            .end => return error.Truncated,
            else => {},
        }
        if (depth == 0) return;
    }
}

const testing = std.testing;
var test_bytes: [4096]u8 align(memory.alignment) = undefined;

fn readTest(meta: []const u8, width: usize) !?ActionSpace {
    var block: memory.Block = .init(&test_bytes);
    return ActionSpace.read(meta, width, &block);
}

// {"x": [{"actions": 1}], "actions": {"units": "m/s", "bounds": {"min": [-1, -2], "max": [1, 2.5]}, "mean": [0, 0.5],
// "std": [1, 2]}}
const whole = "\xa2\x61x\x81\xa1\x67actions\x01\x67actions\xa4\x65units\x63m/s" ++
    "\x66bounds\xa2\x63min\x82\x20\x21\x63max\x82\x01\xf9\x41\x00\x64mean\x82\x00\xf9\x38\x00\x63std\x82\x01\x02";

test "units, bounds and the training's distribution are read, and repeat over a row" {
    const space = (try readTest(whole, 4)).?;
    try testing.expectEqualStrings("m/s", space.units);
    try testing.expectEqualSlices(f32, &.{ -1, -2 }, space.min);
    try testing.expectEqualSlices(f32, &.{ 1, 2.5 }, space.max);
    try testing.expectEqualSlices(f32, &.{ 0, 0.5 }, space.mean);
    try testing.expectEqualSlices(f32, &.{ 1, 2 }, space.deviation);
    try testing.expectEqual(@as(f32, 1), space.clip(2, 3));
    try testing.expectEqual(@as(f32, 2.5), space.clip(3, 3));
    try testing.expectEqual(@as(f32, -2), space.clip(1, -1e30));
    const found = space.outside(&.{ 1, 2.5, -1, -2.001, 0, 9, -9, 0 }, 4);
    try testing.expectEqual(@as(usize, 3), found.count);
    try testing.expectEqual(@as(usize, 3), found.first);
}

test "what cannot be is as if it were not there, and takes no memory" {
    const wrong = [_][]const u8{
        "",
        "\xa0",
        "\x81\x67actions",
        "\xa1\x67actions\x01", // No map.
        "\xa1\x67actions\xa1\x66bounds\xa1\x63min\x81\x00", // No max.
        "\xa1\x67actions\xa1\x66bounds\xa2\x63min\x81\x00\x63max\x82\x01\x01", // Of another length.
        "\xa1\x67actions\xa1\x66bounds\xa2\x63min\x81\x02\x63max\x81\x01", // Upside down.
        "\xa1\x67actions\xa1\x66bounds\xa2\x63min\x80\x63max\x80", // Of nothing.
        "\xa1\x67actions\xa1\x66bounds\xa2\x63min\x83\x00\x00\x00\x63max\x83\x01\x01\x01", // Not a part of a row.
        "\xa1\x67actions\xa1\x66bounds\xa2\x63min\x81\xf9\x7e\x00\x63max\x81\x01", // NaN.
        "\xa1\x67actions\xa1\x66bounds\xa2\x63min\x81\x61a\x63max\x81\x01",
        "\xa1\x67actions\xa2\x64mean\x81\x00\x63std\x81\x00", // A deviation of 0.
        "\xa1\x67actions\xa1\x64mean\x81\x00",
    };
    for (wrong) |meta| {
        var block: memory.Block = .init(&test_bytes);
        try testing.expectEqual(@as(?ActionSpace, null), try ActionSpace.read(meta, 4, &block));
        try testing.expectEqual(@as(u64, 0), block.used);
    }
    // Cut anywhere, and with any byte another one: never more than it says.
    for (0..whole.len) |n| _ = try readTest(whole[0..n], 4);
    var meta: [whole.len]u8 = undefined;
    for (0..whole.len) |at| for (0..256) |byte| {
        @memcpy(&meta, whole);
        meta[at] = @intCast(byte);
        const space = try readTest(&meta, 4) orelse continue;
        for (space.min, space.max) |low, high| try testing.expect(low <= high);
        try testing.expect(space.min.len <= 4);
    };
}
