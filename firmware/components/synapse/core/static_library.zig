//! The device core as a library for a chip.
const std = @import("std");

/// A failed check ends in the chip's own panic handler, which says where: there is no console here to write to.
pub const panic = std.debug.FullPanic(trap);

fn trap(_: []const u8, _: ?usize) noreturn {
    @trap();
}

comptime {
    _ = @import("abi.zig");
}
