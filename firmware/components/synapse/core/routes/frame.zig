//! A frame in a request: a latent, or a picture that the model turns into one.
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const image = @import("image.zig");

pub const fields = image.fields ++ [_][]const u8{"latent"};

pub const Frame = struct {
    parts: image.Parts = .{},
    /// A bit for each of `fields`.
    seen: u32 = 0,

    /// The value of one of `fields`; a latent goes to `latent`.
    pub fn read(frame: *Frame, body: *Body, index: usize, latent: []f32) ProblemError!void {
        if (index < image.fields.len) return frame.parts.read(body, index);
        return body.floats(latent);
    }

    /// An object of `fields` alone.
    pub fn readObject(frame: *Frame, body: *Body, latent: []f32) ProblemError!void {
        const base_len = body.path.len;
        try body.object();
        while (try body.field(base_len, &fields, &frame.seen)) |index| try frame.read(body, index, latent);
    }

    /// Once the body has been read: exactly one of latent and picture was given, and a picture can be used. `path` is
    /// where the frame lies in the body, with a dot at its end, or empty.
    /// The picture becomes picture `index` of the exchange.
    pub fn finish(
        frame: *const Frame,
        device: *const Device,
        exchange: *Exchange,
        comptime index: usize,
        comptime path: []const u8,
    ) ProblemError!void {
        const object = if (path.len == 0) "" else path[0 .. path.len - 1];
        if (frame.seen == 0b100) return;
        if (frame.seen != 0b011) {
            return exchange.problem.fail(
                422,
                .BODY_INVALID,
                "the frame is {s}",
                .{
                    if (frame.seen & 0b100 != 0) "a latent and a picture" else "neither a latent nor a picture " ++
                        "with its type",
                },
                .{ .field = object, .expected = "{{\"latent\": ..}}, or {{\"image\": .., \"type\": ..}}" },
            );
        }
        const model = &device.active.model.?;
        if (!model.canRollOutFromImage()) {
            return exchange.problem.fail(
                409,
                .MODEL_LACKS_ENTRY,
                "the model cannot turn a picture into a latent that its predictor takes",
                .{},
                .{ .field = path ++ "image", .expected = "a latent, or a model with the entry \"encode\"" },
            );
        }
        return image.fromObject(exchange, index, &model.encode.?, frame.parts.bytes, frame.parts.media_type, path);
    }
};
