//! Random numbers that are the same bytes on every machine: an integer generator, and normal numbers made from it with
//! nothing but additions, multiplications, divisions and square roots in f32, which IEEE 754 defines to the last bit.
const std = @import("std");

/// xoshiro128++ 1.0 (Blackman and Vigna, 2019), seeded through SplitMix64.
pub const Random = struct {
    state: [4]u32,

    pub fn init(seed: u64) Random {
        var mix = seed;
        var state: [4]u32 = undefined;
        for (0..2) |i| {
            mix +%= 0x9e3779b97f4a7c15;
            var z = mix;
            z = (z ^ (z >> 30)) *% 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) *% 0x94d049bb133111eb;
            z ^= z >> 31;
            state[i * 2] = @truncate(z);
            state[i * 2 + 1] = @truncate(z >> 32);
        }
        return .{ .state = state };
    }

    pub fn next(random: *Random) u32 {
        const s = &random.state;
        const result = std.math.rotl(u32, s[0] +% s[3], 7) +% s[0];
        const t = s[1] << 9;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = std.math.rotl(u32, s[3], 11);
        return result;
    }

    /// A standard normal number: the quantile of a uniform one of 24 bits, so it lies within +-5.42.
    pub fn normal(random: *Random) f32 {
        // The centre of one of 2^24 equal cells, less a half: an odd multiple of 2^-25, which f32 holds exactly.
        const cell = @as(i32, @intCast(random.next() >> 8)) - (1 << 23);
        const q = (@as(f32, @floatFromInt(cell)) + 0.5) * 0x1p-24;
        return quantile(q);
    }
};

/// The standard normal quantile of q + 1/2 for |q| < 1/2. Algorithm AS 241, PPND7 (Wichura, Applied Statistics 37,
/// 1988): about 1 part in 10^7. Its third branch serves probabilities below e^-25, which 24 bits never reach.
pub fn quantile(q: f32) f32 {
    if (@abs(q) <= 0.425) {
        const r = 0.180625 - q * q;
        return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
            (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0);
    }
    const r = @sqrt(-ln(0.5 - @abs(q))) - 1.6;
    const magnitude = (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
        ((0.12021132975 * r + 0.73700164250) * r + 1.0);
    return if (q < 0) -magnitude else magnitude;
}

/// Natural logarithm of a positive, normal number: ln(2^e m) = e ln 2 + 2 artanh((m - 1) / (m + 1)),
/// m in [sqrt 1/2, sqrt 2).
fn ln(x: f32) f32 {
    const bits: u32 = @bitCast(x);
    var exponent: f32 = @floatFromInt(@as(i32, @intCast(bits >> 23)) - 127);
    var m: f32 = @bitCast((bits & 0x7fffff) | 0x3f800000);
    if (m > 1.41421356) {
        m *= 0.5;
        exponent += 1;
    }
    const s = (m - 1) / (m + 1);
    const s2 = s * s;
    const series = (((s2 * (1.0 / 9.0) + 1.0 / 7.0) * s2 + 1.0 / 5.0) * s2 + 1.0 / 3.0) * s2 + 1.0;
    return exponent * 0.693147181 + 2 * s * series;
}

test "the generator gives its authors' numbers" {
    var random: Random = .{ .state = .{ 1, 2, 3, 4 } };
    for ([_]u32{
        641,
        1573767,
        3222811527,
        3517856514,
        836907274,
    }) |expected| try std.testing.expectEqual(expected, random.next());
}

test "quantiles are those of tables" {
    const cases = [_][2]f32{
        .{ 0, 0 },
        .{ 0.25, 0.67448975 },
        .{ 0.475, 1.95996398 },
        .{ 0.495, 2.57582930 },
        .{ 0.499, 3.09023231 },
        .{ -0.475, -1.95996398 },
    };
    for (cases) |case| try std.testing.expectApproxEqAbs(case[1], quantile(case[0]), 2e-5);
    try std.testing.expectApproxEqAbs(@as(f32, 5.42), quantile(0.5 - 0x1p-25), 0.01);
}

test "normal numbers have mean 0, deviation 1, and are the same bytes everywhere" {
    var random: Random = .init(42);
    var sum: f64 = 0;
    var squares: f64 = 0;
    var hash: std.hash.Fnv1a_64 = .init();
    const count = 100_000;
    for (0..count) |_| {
        const value = random.normal();
        hash.update(std.mem.asBytes(&value));
        sum += value;
        squares += value * value;
    }
    // Four standard errors.
    try std.testing.expect(@abs(sum / count) < 4 / @sqrt(@as(f64, count)));
    try std.testing.expect(@abs(squares / count - 1) < 4 * @sqrt(2.0 / @as(f64, count)));
    try std.testing.expectEqual(@as(u64, 11905635293318088695), hash.final());
}
