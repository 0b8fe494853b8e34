//! The runtime as a WebAssembly module: the C API of synapse.h, memory for the host's buffers, and a manifest of the
//! API's layout. The module imports one function, a clock for the per-op profile, and exports its memory.

const std = @import("std");
const guest = @import("guest");

pub const panic = std.debug.no_panic;

/// Nanoseconds from any starting point, never going back.
extern "env" fn syn_clock_ns() f64;

const page_bytes = 64 * 1024;

fn grow(bytes: usize) ?[]align(guest.heap.alignment) u8 {
    const pages = bytes / page_bytes + @intFromBool(bytes % page_bytes != 0);
    const before = @wasmMemoryGrow(0, pages);
    if (before < 0) return null;
    const start: [*]align(guest.heap.alignment) u8 = @ptrFromInt(@as(usize, @intCast(before)) * page_bytes);
    return start[0 .. pages * page_bytes];
}

var heap: guest.Heap = .{ .grow = grow };

/// The address of `bytes` bytes at a multiple of `alignment` (a power of two up to 64), or 0.
export fn syn_wasm_alloc(bytes: usize, alignment: usize) usize {
    if (!std.math.isPowerOfTwo(alignment) or alignment > guest.heap.alignment) return 0;
    return heap.alloc(bytes) orelse 0;
}

/// Takes back what `syn_wasm_alloc` gave for the same number of bytes.
export fn syn_wasm_free(address: usize, bytes: usize) void {
    heap.free(address, bytes);
}

fn ticks(_: ?*anyopaque) callconv(.c) u64 {
    return @intFromFloat(syn_clock_ns());
}

/// The `ticks` that a session's configuration may name.
export fn syn_wasm_ticks() usize {
    return @intFromPtr(&ticks);
}

const manifest = guest.manifest.generate(guest.abi.structs, guest.abi.Result, guest.abi.functions);

export fn syn_wasm_manifest_ptr() [*]const u8 {
    return manifest.ptr;
}

export fn syn_wasm_manifest_len() usize {
    return manifest.len;
}

comptime {
    guest.abi.exportAll();
}
