//! POST /encode, for clients of the published LeWM port: a picture as little-endian f32, rows from the top, RGB,
//! normalised with the statistics of ImageNet, whatever the content type says.
//! It becomes the bytes that it was made of.
const std = @import("std");
const Answer = @import("../../request/answer.zig").Answer;
const media_types = @import("../../request/answer.zig").media_types;
const Device = @import("../../request/device.zig").Device;
const Exchange = @import("../../request/device.zig").Exchange;
const Problem = @import("../../wire/problem.zig").Problem;
const ProblemError = @import("../../wire/problem.zig").Error;
const Route = @import("../../request/device.zig").Route;
const encode = @import("../encode.zig");
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/encode", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{.raw},
    .assumes = .raw,
    .offers = media_types[0..1],
    .available = encode.available,
    .parse = parse,
    .step = encode.step,
    .results = encode.results,
    .answer = report,
} } };

const mean = [3]f32{ 0.485, 0.456, 0.406 };
const deviation = [3]f32{ 0.229, 0.224, 0.225 };

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const encoder = &device.active.model.?.encode.?;
    const body = exchange.body();
    if (body.len != encoder.image_bytes * 4) {
        return exchange.problem.fail(
            422,
            .IMAGE_SIZE,
            "the picture has {d} bytes",
            .{body.len},
            .{
                .field = "body",
                .expected = .{
                    "{d} bytes: {d} x {d} pixels, RGB, f32",
                    .{ encoder.image_bytes * 4, encoder.width, encoder.height },
                },
            },
        );
    }
    for (exchange.image, 0..) |*byte, i| {
        const value: f32 = @bitCast(std.mem.readInt(u32, body[4 * i ..][0..4], .little));
        if (!std.math.isFinite(value)) {
            return exchange.problem.fail(
                422,
                .BODY_INVALID,
                "number {d} is not finite",
                .{i},
                .{ .field = "body", .expected = "finite numbers" },
            );
        }
        byte.* = @intFromFloat(@round(std.math.clamp((value * deviation[i % 3] + mean[i % 3]) * 255, 0, 255)));
    }
    exchange.pictures[0] = .{ .given = true, .pixels = exchange.image };
}

fn report(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    answer.key("latent");
    answer.latent(encode.results(&device.active.model.?, exchange));
    reply.latency(exchange, answer);
}
