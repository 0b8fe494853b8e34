//! The exponentials of a row of scores.

const vector = @import("../vector.zig");
const math = @import("../math.zig");
const V = vector.V;

/// Replaces the first `seen` scores by exp(score - maximum), those up to `keys` rounded up to 16 by zero,
/// and returns their sum.
pub inline fn exponentials(scores: [*]f32, seen: usize, keys: usize) f32 {
    const shift: V = @splat(maximum(scores, seen));
    var total: V = @splat(0);
    var i: usize = 0;
    while (i < keys) : (i += 16) {
        const e = if (i + 16 <= seen) math.exp(vector.load(scores + i) - shift) else if (i < seen) blk: {
            var lanes: [16]f32 = math.exp(vector.load(scores + i) - shift);
            for (seen - i..16) |lane| lanes[lane] = 0;
            break :blk @as(V, lanes);
        } else @as(V, @splat(0));
        vector.store(scores + i, e);
        total += e;
    }
    return vector.sum(total);
}

pub inline fn maximum(scores: [*]const f32, seen: usize) f32 {
    var best = scores[0];
    var i: usize = 0;
    if (seen >= 16) {
        var lanes = vector.load(scores);
        i = 16;
        while (i + 16 <= seen) : (i += 16) lanes = vector.larger(vector.load(scores + i), lanes);
        best = vector.maximum(lanes);
    }
    while (i < seen) : (i += 1) best = if (scores[i] > best) scores[i] else best;
    return best;
}
