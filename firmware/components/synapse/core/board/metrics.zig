//! Counters of the device since it started, in memory of fixed size. Touched on the event side only.
const std = @import("std");
const limits = @import("../limits.zig");

/// Every status that the core answers; anything else would be counted at the end.
pub const statuses = [_]u16{
    200,
    201,
    202,
    204,
    206,
    304,
    400,
    401,
    403,
    404,
    405,
    406,
    408,
    409,
    411,
    412,
    413,
    414,
    415,
    416,
    422,
    429,
    500,
    503,
    507,
    0,
};

/// Upper bounds of the inference histogram's buckets.
pub const bucket_us_max = [_]u64{
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
};

pub const Histogram = struct {
    /// Observations of each bucket alone; the last one is everything beyond the bounds.
    buckets: [bucket_us_max.len + 1]u32 = @splat(0),
    sum_us: u64 = 0,

    pub fn observe(self: *Histogram, value_us: u64) void {
        const bucket = for (bucket_us_max, 0..) |bound, i| {
            if (value_us <= bound) break i;
        } else bucket_us_max.len;
        self.buckets[bucket] +%= 1;
        self.sum_us +%= value_us;
    }

    pub fn count(self: *const Histogram) u64 {
        var total: u64 = 0;
        for (self.buckets) |n| total += n;
        return total;
    }
};

/// The number of a route that no request found.
pub const route_unmatched = limits.routes_max;

pub const Metrics = struct {
    requests: [limits.routes_max + 1][statuses.len]u32 = @splat(@splat(0)),
    inference: [limits.routes_max]Histogram = @splat(.{}),
    /// Requests whose client left before the answer.
    abandoned: u32 = 0,
    flash_erases: u32 = 0,
    flash_writes: u32 = 0,
    /// Erases and writes that the flash did not do.
    flash_failures: u32 = 0,

    pub fn answered(self: *Metrics, route: usize, status: u16) void {
        const index = std.mem.indexOfScalar(u16, &statuses, status) orelse statuses.len - 1;
        self.requests[@min(route, route_unmatched)][index] +%= 1;
    }
};

test "a value at a bound belongs to its bucket, one beyond all bounds to the last" {
    var histogram: Histogram = .{};
    histogram.observe(1_000);
    histogram.observe(1_001);
    histogram.observe(60_000_001);
    try std.testing.expectEqual(@as(u32, 1), histogram.buckets[0]);
    try std.testing.expectEqual(@as(u32, 1), histogram.buckets[1]);
    try std.testing.expectEqual(@as(u32, 1), histogram.buckets[bucket_us_max.len]);
    try std.testing.expectEqual(@as(u64, 3), histogram.count());
    try std.testing.expectEqual(@as(u64, 60_002_002), histogram.sum_us);
}
