//! GET /status, for clients of the published LeWM port: the keys that it gives.
const Answer = @import("../../request/answer.zig").Answer;
const media_types = @import("../../request/answer.zig").media_types;
const Device = @import("../../request/device.zig").Device;
const Problem = @import("../../wire/problem.zig").Problem;
const ProblemError = @import("../../wire/problem.zig").Error;
const Request = @import("../../request/route.zig").Request;
const Route = @import("../../request/device.zig").Route;

pub const route: Route = .{
    .method = .GET,
    .path = "/status",
    .access = .read,
    .kind = .{ .immediate = .{ .offers = media_types[0..1], .answer = report } },
};

fn report(device: *Device, _: Request, answer: *Answer, _: *Problem) ProblemError!void {
    const model = if (device.active.model) |*model| model else null;
    const encoder = if (model) |open| open.encode else null;
    const predictor = if (model) |open| open.predict else null;
    answer.begin(200);
    answer.objectBegin();
    answer.field("model", if (model) |open| open.name() else "");
    const both_or_predictor = if (encoder != null) "full" else "predictor";
    const encoder_or_none = if (encoder != null) "encoder" else "none";
    answer.field("mode", if (predictor != null) both_or_predictor else encoder_or_none);
    const predicted_elements = if (predictor) |part| part.latent_elements else 0;
    answer.fieldUnsigned("latent_dim", if (encoder) |part| part.latent_elements else predicted_elements);
    answer.fieldUnsigned("action_dim", if (predictor) |part| part.action_elements else 0);
    answer.fieldBoolean("has_encoder", encoder != null);
    answer.field("backend", device.config.engine.slice());
    answer.fieldUnsigned("heap_free", device.memory.fast.free());
    answer.fieldUnsigned("psram_free", device.memory.slow.free());
    answer.objectEnd();
    answer.end();
}
