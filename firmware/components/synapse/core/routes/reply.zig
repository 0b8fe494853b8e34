//! What the answers of all inference routes end with: which model answered, and how long each part took.
const Answer = @import("../answer.zig").Answer;
const Device = @import("../device.zig").Device;
const Exchange = @import("../exchange.zig").Exchange;

pub fn modelAndTiming(device: *const Device, exchange: *const Exchange, answer: *Answer) void {
    const model = &device.model.?;
    answer.key("model");
    answer.objectBegin();
    answer.field("name", model.name());
    answer.key("sha256");
    answer.hex(&model.info.sha256);
    answer.fieldBoolean("untrained", model.untrained);
    answer.objectEnd();
    const timing = &exchange.timing;
    // receive: from the head to the end of the body; decode: reading the body, a picture's pixels included; queue: waiting for the worker.
    answer.key("timing");
    answer.objectBegin();
    answer.fieldUnsigned("receive_us", timing.received_us -| timing.started_us);
    answer.fieldUnsigned("decode_us", timing.queued_us -| timing.received_us);
    answer.fieldUnsigned("queue_us", timing.running_us -| timing.queued_us);
    answer.fieldUnsigned("inference_us", timing.inference_us);
    answer.fieldUnsigned("total_us", device.now() -| timing.started_us);
    answer.objectEnd();
}
