//! POST /v1/encode: a picture in, its latent out.
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Model = @import("../model/model.zig").Model;
const ProblemError = @import("../wire/problem.zig").Error;
const Route = @import("../request/device.zig").Route;
const image = @import("image.zig");
const reply = @import("reply.zig");

pub const route: Route = .{ .method = .POST, .path = "/v1/encode", .access = .inference, .kind = .{ .inference = .{
    .accepts = &.{ .jpeg, .png, .raw, .form, .json, .cbor },
    .available = available,
    .parse = parse,
    .step = step,
    .results = results,
    .answer = reportLatent,
} } };

pub fn available(model: *const Model) bool {
    return model.encode != null;
}

fn parse(device: *const Device, exchange: *Exchange) ProblemError!void {
    const encoder = &device.active.model.?.encode.?;
    switch (exchange.body_type) {
        .jpeg, .png, .raw => return image.fromBody(exchange, encoder),
        .form => return image.fromForm(exchange, encoder),
        .json, .cbor => {},
    }
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var parts: image.Parts = .{};
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, &image.fields, &seen)) |index| try parts.read(&body, index);
    try body.require(&image.fields, seen, 0b11);
    try body.end();
    return image.fromObject(exchange, 0, encoder, parts.bytes, parts.media_type, "");
}

pub fn step(device: *Device, exchange: *Exchange) bool {
    const model = &device.active.model.?;
    return model.runEncode(
        &device.requests.turn,
        exchange.pictures[0].pixels,
        exchange.result(0, model.encode.?.latent_elements),
    );
}

pub fn results(model: *const Model, exchange: *Exchange) []const f32 {
    return exchange.result(0, model.encode.?.latent_elements);
}

fn reportLatent(device: *const Device, exchange: *Exchange, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    answer.key("latent");
    answer.latent(results(&device.active.model.?, exchange));
    reply.modelAndTiming(device, exchange, answer);
    answer.objectEnd();
    answer.end();
}
