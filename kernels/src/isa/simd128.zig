//! WebAssembly SIMD: `i32x4.dot_i16x8_s` on widened int8.

const Half = @Vector(8, i16);
const Acc = @Vector(4, i32);

extern fn @"llvm.wasm.dot"(Half, Half) Acc;

inline fn madd(a: Half, b: Half) Acc {
    return @"llvm.wasm.dot"(a, b);
}

pub const pairs = @import("pairs.zig").Pairs(4, 2, madd);
pub const name = "simd128";
pub const tile_rows_f32 = 2;
