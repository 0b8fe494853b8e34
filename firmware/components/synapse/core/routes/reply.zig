//! What the answers of all inference routes end with: which model answered, and how long each part took.
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Bounded = @import("../wire/problem.zig").Bounded;
const Exchange = @import("../request/device.zig").Exchange;

/// The member `warnings`, where some of the actions that the client gave lie outside of the model's bounds: the answer
/// is what the model makes of them, but it has seen none like them. `rows`: of the width of the model's actions;
/// `field`: of the body; `actions` are rows, `action` is one.
pub noinline fn actionWarnings(
    device: *const Device,
    rows: []const f32,
    field: enum { actions, action },
    answer: *Answer,
) void {
    const model = &device.active.model.?;
    const width = model.predict.?.action_elements;
    const space = &model.actions;
    const outside = space.outside(rows, width);
    if (outside.count == 0) return;
    const column = outside.first % width;
    const component = column % space.min.len;
    var text: Bounded(160) = .{};
    answer.key("warnings");
    answer.arrayBegin();
    answer.objectBegin();
    answer.field("code", "ACTION_OUT_OF_BOUNDS");
    text.print(
        "{d} of {d} values lie outside of the model's bounds; the first is {d}",
        .{ outside.count, rows.len, rows[outside.first] },
    );
    answer.field("detail", text.slice());
    text = .{};
    text.append(@tagName(field));
    if (field == .actions) text.print("[{d}]", .{outside.first / width});
    text.print("[{d}]", .{column});
    answer.field("field", text.slice());
    text = .{};
    text.print(
        "{d} to {d}{s}{s}",
        .{ space.min[component], space.max[component], if (space.units.len > 0) ", in " else "", space.units },
    );
    answer.field("expected", text.slice());
    answer.objectEnd();
    answer.arrayEnd();
}

pub fn modelAndTiming(device: *const Device, exchange: *const Exchange, answer: *Answer) void {
    const model = &device.active.model.?;
    answer.key("model");
    answer.objectBegin();
    answer.field("name", model.name());
    answer.key("sha256");
    answer.hex(&model.info.sha256);
    answer.fieldBoolean("untrained", model.untrained);
    answer.objectEnd();
    const timing = &exchange.timing;
    // receive: from the head to the end of the body; decode: reading the body, a picture's pixels included; queue:
    // waiting for the worker.
    answer.key("timing");
    answer.objectBegin();
    answer.fieldUnsigned("receive_us", timing.received_us -| timing.started_us);
    answer.fieldUnsigned("decode_us", timing.queued_us -| timing.received_us);
    answer.fieldUnsigned("queue_us", timing.running_us -| timing.queued_us);
    answer.fieldUnsigned("inference_us", timing.inference_us);
    answer.fieldUnsigned("total_us", device.now() -| timing.started_us);
    answer.objectEnd();
}
