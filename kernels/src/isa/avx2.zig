//! AVX2: `vpmaddwd` on widened int8. `vpmaddubsw` would be twice as fast and is not used because it saturates: the
//! result must be exact.

const Half = @Vector(16, i16);
const Acc = @Vector(8, i32);

inline fn madd(a: Half, b: Half) Acc {
    return asm ("vpmaddwd %[b], %[a], %[out]"
        : [out] "=x" (-> Acc),
        : [a] "x" (a),
          [b] "x" (b),
    );
}

pub const pairs = @import("pairs.zig").Pairs(8, 4, madd);
pub const name = "avx2";
pub const tile_rows_f32 = 6;
