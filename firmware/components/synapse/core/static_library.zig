//! The device core as a library for a chip.
const std = @import("std");

/// A failed check is an illegal instruction where it failed: the chip's own panic handler says where, and needs no
/// words of ours in flash.
pub const panic = std.debug.no_panic;

comptime {
    _ = @import("abi.zig");
    // For pictures, which the port decodes.
    _ = @import("image/resize.zig");
}
