//! What the WASM and RV32 guests have in common: memory for the host's buffers, and the description of the C API they
//! are called through.

pub const heap = @import("heap.zig");
pub const Heap = heap.Heap;
pub const abi = @import("abi.zig");
pub const manifest = @import("manifest.zig");

test {
    _ = @import("heap.zig");
    _ = @import("manifest.zig");
}
