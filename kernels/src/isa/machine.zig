//! The machine this compilation is for, chosen by the compiler's target. On x86 the kernels are compiled several times
//! and one set is chosen when the program starts (`dispatch.zig`).

const builtin = @import("builtin");

const avx2 = @import("avx2.zig");
const simd128 = @import("simd128.zig");
pub const Tile = @import("tile.zig").Tile;

const kind: enum { generic, avx2, avx512vnni, simd128 } = switch (builtin.cpu.arch) {
    .x86_64 => if (builtin.cpu.has(.x86, .avx512vnni))
        .avx512vnni
    else if (builtin.cpu.has(.x86, .avx2)) .avx2 else .generic,
    .wasm32 => if (builtin.cpu.has(.wasm, .simd128)) .simd128 else .generic,
    else => .generic,
};

/// The integer inner loop.
pub const integer = switch (kind) {
    .generic => @import("generic.zig"),
    .avx512vnni => @import("avx512vnni.zig"),
    .avx2 => avx2.pairs,
    .simd128 => simd128.pairs,
};

const description = switch (kind) {
    .generic => @import("generic.zig"),
    .avx512vnni => @import("avx512vnni.zig"),
    .avx2 => avx2,
    .simd128 => simd128,
};

pub const name: [:0]const u8 = description.name;
/// Rows of activations that one call of the f32 inner loop handles best.
pub const tile_rows_f32 = description.tile_rows_f32;
/// Outputs that the f32 inner loop sums at once: where there are no vectors, as many sums as stay in registers beside
/// the weights they need.
pub const columns_f32 = if (kind == .generic) 8 else 16;

/// Whether f32 vectors are instructions and not sixteen times the same scalar code.
pub const has_vectors = switch (builtin.cpu.arch) {
    .x86_64, .aarch64 => true,
    .wasm32 => builtin.cpu.has(.wasm, .simd128),
    else => false,
};

/// Whether a fused multiply-add costs one instruction. Elsewhere it would be a library call.
pub const has_fma = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .fma),
    .aarch64 => true,
    .riscv32 => builtin.cpu.has(.riscv, .f),
    else => false,
};

/// Upper bounds over all machines that one program may choose from: memory is planned before the choice is made.
pub const widened_bytes_max = if (builtin.cpu.arch == .x86_64) 2 else integer.widened_bytes;
pub const tile_rows_max = if (builtin.cpu.arch == .x86_64) 16 else @max(integer.tile_rows, integer.tile_rows_blocked);
pub const permutes_max = builtin.cpu.arch == .x86_64 or integer.permutes;
