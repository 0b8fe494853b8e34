//! What an op's scratch consists of, as data: the runtime checks and uses it by this, and hosts that plan memory are
//! told the same (format.zig).

const std = @import("std");

/// A part of the scratch. The first begins at its start, each of the others at the next multiple of 64,
/// and the last ends at one.
pub const Piece = struct {
    name: []const u8,
    /// The condition, a field of the op's sizes, under which there is such a piece.
    when: []const u8,
    element_bytes: u32 = 1,
    /// Their product is the number of elements.
    factors: []const Factor,
};

/// A field of the op's sizes, rounded up to a multiple, then divided.
pub const Factor = struct {
    of: []const u8,
    multiple: u32 = 1,
    divisor: u32 = 1,
};

pub const alignment = 64;

/// Where each piece lies, for ops whose numbers and conditions are the fields of `Sizes`.
pub fn Layout(comptime Sizes: type, comptime pieces: []const Piece) type {
    return struct {
        begins: [pieces.len]u64,
        end: u64,

        const Self = @This();

        pub fn of(sizes: Sizes) Self {
            var result: Self = .{ .begins = undefined, .end = 0 };
            inline for (pieces, &result.begins) |piece, *begin| {
                begin.* = result.end;
                if (@field(sizes, piece.when)) result.end += bytesOf(piece, sizes);
            }
            return result;
        }

        fn bytesOf(comptime piece: Piece, sizes: Sizes) u64 {
            var bytes: u64 = piece.element_bytes;
            inline for (piece.factors) |factor| {
                bytes *= std.mem.alignForward(u64, @field(sizes, factor.of), factor.multiple) / factor.divisor;
            }
            return std.mem.alignForward(u64, bytes, alignment);
        }

        /// The piece of a name, in a scratch that starts at `scratch`.
        pub fn at(self: *const Self, comptime T: type, scratch: [*]u8, comptime name: []const u8) T {
            const index = comptime for (pieces, 0..) |piece, i| {
                if (std.mem.eql(u8, piece.name, name)) break i;
            } else @compileError("no piece of scratch is called " ++ name);
            return @ptrCast(@alignCast(scratch + @as(usize, @intCast(self.begins[index]))));
        }
    };
}
