//! A CBOR header taken apart into items that can be replaced, for the mutator. What it cannot read it refuses, and the
//! mutator does without.

const std = @import("std");

pub const bytes_max = 64 << 10;
const items_max = 8192;

pub const Major = enum(u3) { unsigned = 0, negative = 1, bytes = 2, text = 3, array = 4, map = 5, tag = 6, simple = 7 };

pub const Item = struct {
    begin: u32,
    /// Where the content begins: of strings the bytes, of arrays and maps the first element.
    inside: u32 = 0,
    end: u32 = 0,
    major: Major,
    value: u64,
};

pub const Document = struct {
    buffer: [bytes_max]u8 = undefined,
    length: usize = 0,
    items: [items_max]Item = undefined,
    count: usize = 0,

    pub fn bytes(self: *const Document) []const u8 {
        return self.buffer[0..self.length];
    }

    pub fn read(self: *Document, source: []const u8) bool {
        @memcpy(self.buffer[0..source.len], source);
        self.length = source.len;
        return self.reparse();
    }

    pub fn reparse(self: *Document) bool {
        self.count = 0;
        const end = self.item(0, 0) orelse return false;
        return end == self.length;
    }

    /// Reads the item at `at` and those inside it; answers where it ends.
    fn item(self: *Document, at: usize, depth: usize) ?usize {
        if (at >= self.length or self.count == items_max or depth > 16) return null;
        const index = self.count;
        self.count += 1;
        const initial = self.buffer[at];
        const info = initial & 31;
        var position = at + 1;
        var value: u64 = info;
        if (info >= 28) return null;
        if (info >= 24) {
            const size = @as(usize, 1) << @intCast(info - 24);
            if (self.length - position < size) return null;
            value = 0;
            for (self.buffer[position..][0..size]) |byte| value = value << 8 | byte;
            position += size;
        }
        self.items[index] = .{
            .begin = @intCast(at),
            .inside = @intCast(position),
            .major = @fromBackingInt(@intCast(initial >> 5)),
            .value = value,
        };
        switch (self.items[index].major) {
            .bytes, .text => {
                if (value > self.length - position) return null;
                position += @intCast(value);
            },
            .array, .map => |major| {
                if (value > self.length) return null;
                const each: usize = if (major == .map) 2 else 1;
                const count: usize = @intCast(value);
                for (0..count * each) |_| position = self.item(position, depth + 1) orelse return null;
            },
            else => {},
        }
        self.items[index].end = @intCast(position);
        return position;
    }

    /// Any item of a kind, each as likely as the other.
    pub fn pick(self: *const Document, major: Major, prng: *std.Random.SplitMix64) ?*const Item {
        var chosen: ?*const Item = null;
        var seen: u64 = 0;
        for (self.items[0..self.count]) |*candidate| {
            if (candidate.major != major) continue;
            seen += 1;
            if (prng.next() % seen == 0) chosen = candidate;
        }
        return chosen;
    }

    pub fn content(self: *const Document, of: *const Item) []const u8 {
        return self.buffer[of.inside..of.end];
    }

    fn splice(self: *Document, begin: usize, end: usize, replacement: []const u8) void {
        const length = self.length - (end - begin) + replacement.len;
        if (length > self.buffer.len) return;
        // The replacement may lie in the buffer itself.
        var copy: [bytes_max]u8 = undefined;
        @memcpy(copy[0..replacement.len], replacement);
        @memmove(self.buffer[begin + replacement.len .. length], self.buffer[end..self.length]);
        @memcpy(self.buffer[begin..][0..replacement.len], copy[0..replacement.len]);
        self.length = length;
    }

    fn head(major: Major, value: u64, out: *[9]u8) []const u8 {
        const kind = @as(u8, @backingInt(major)) << 5;
        if (value < 24) {
            out[0] = kind | @as(u8, @intCast(value));
            return out[0..1];
        }
        inline for (.{ u8, u16, u32, u64 }, 24..) |Width, info| {
            if (value <= std.math.maxInt(Width)) {
                out[0] = kind | @as(u8, info);
                std.mem.writeInt(Width, out[1..][0..@sizeOf(Width)], @intCast(value), .big);
                return out[0 .. 1 + @sizeOf(Width)];
            }
        }
        unreachable;
    }

    pub fn replaceHead(self: *Document, of: *const Item, value: u64) void {
        var out: [9]u8 = undefined;
        self.splice(of.begin, of.inside, head(of.major, value, &out));
    }

    pub fn replaceText(self: *Document, of: *const Item, text: []const u8) void {
        var copy: [256]u8 = undefined;
        const kept = copy[0..@min(text.len, copy.len)];
        @memcpy(kept, text[0..kept.len]);
        const begin = of.begin;
        self.splice(of.inside, of.end, kept);
        var out: [9]u8 = undefined;
        self.splice(begin, of.inside, head(.text, kept.len, &out));
    }

    pub fn replaceByte(self: *Document, of: *const Item, byte: u8) void {
        self.buffer[of.begin] = byte;
    }

    pub fn replaceFloat(self: *Document, of: *const Item, bits: u32) void {
        var out: [5]u8 = .{ 0xfa, 0, 0, 0, 0 };
        std.mem.writeInt(u32, out[1..5], bits, .big);
        self.splice(of.begin, of.end, &out);
    }

    /// Changes a number wherever it stands: dimensions that must agree still do.
    pub fn replaceEverywhere(self: *Document, old: u64, new: u64) void {
        var index = self.count;
        // From the end, so that what comes before stays where it was read.
        while (index > 0) {
            index -= 1;
            if (self.items[index].major == .unsigned and
                self.items[index].value == old) self.replaceHead(&self.items[index], new);
        }
    }

    /// From a tensor's name on, finds `shape` and `bytes` and makes the constant one row shorter.
    pub fn resizeConstant(self: *Document, from: *const Item, prng: *std.Random.SplitMix64) void {
        const start = (@intFromPtr(from) - @intFromPtr(&self.items)) / @sizeOf(Item);
        const near = self.items[start..@min(start + 16, self.count)];
        var rows: ?*const Item = null;
        for (near, 0..) |*key, index| {
            if (key.major != .text or index + 2 >= near.len) continue;
            if (std.mem.eql(u8, self.content(key), "shape")) rows = &near[index + 2];
            const shape = rows orelse continue;
            if (!std.mem.eql(u8, self.content(key), "bytes")) continue;
            if (shape.major != .unsigned or shape.value < 2 or near[index + 1].major != .unsigned) return;
            const left = 1 + prng.next() % (shape.value - 1);
            self.replaceHead(&near[index + 1], near[index + 1].value / shape.value *| left);
            self.replaceHead(shape, left);
            return;
        }
    }

    /// Removes, repeats or swaps elements of an array (`step` 1) or pairs of a map (`step` 2).
    pub fn changeElements(self: *Document, of: *const Item, step: usize, prng: *std.Random.SplitMix64) void {
        if (of.value == 0) return;
        const count: usize = @intCast(of.value);
        const a = self.element(of, prng.next() % count, step);
        const parent = of.*;
        switch (prng.next() % 3) {
            0 => {
                self.splice(a[0], a[1], "");
                self.replaceHead(&parent, count - 1);
            },
            1 => {
                self.splice(a[0], a[0], self.buffer[a[0]..a[1]]);
                self.replaceHead(&parent, count + 1);
            },
            else => {
                const b = self.element(of, prng.next() % count, step);
                const first, const second = if (a[0] < b[0]) .{ a, b } else .{ b, a };
                if (first[0] == second[0]) return;
                var copy: [bytes_max]u8 = undefined;
                const moved = copy[0 .. second[1] - second[0]];
                @memcpy(moved, self.buffer[second[0]..second[1]]);
                self.splice(second[0], second[1], self.buffer[first[0]..first[1]]);
                self.splice(first[0], first[1], moved);
            },
        }
    }

    /// Begin and end of element `index`.
    fn element(self: *const Document, of: *const Item, index: usize, step: usize) [2]usize {
        var position: usize = of.inside;
        var begin = position;
        for (0..(index + 1) * step) |i| {
            if (i % step == 0) begin = position;
            // Items stand in the order of their beginnings.
            const found = std.sort.binarySearch(Item, self.items[0..self.count], position, struct {
                fn compare(at: usize, candidate: Item) std.math.Order {
                    return std.math.order(at, candidate.begin);
                }
            }.compare).?;
            position = self.items[found].end;
        }
        return .{ begin, position };
    }

    /// Makes the header `length` bytes long with the byte string `pad`, where there is one with enough room.
    pub fn settleLength(self: *Document, length: usize) void {
        if (!self.reparse()) return;
        for (self.items[0..self.count], 0..) |*key, index| {
            if (key.major != .text or !std.mem.eql(u8, self.content(key), "pad") or index + 1 == self.count) continue;
            const pad = self.items[index + 1];
            // A head of three bytes holds any length, so that it never changes itself.
            if (pad.major != .bytes or pad.inside - pad.begin != 3) return;
            const room = @as(i64, @intCast(pad.value)) + @as(i64, @intCast(length)) - @as(i64, @intCast(self.length));
            if (room < 0 or room > 4096) return;
            const zeros: [4096]u8 = @splat(0);
            self.splice(pad.inside, pad.end, zeros[0..@intCast(room)]);
            std.mem.writeInt(u16, self.buffer[pad.begin + 1 ..][0..2], @intCast(room), .big);
            return;
        }
    }
};
