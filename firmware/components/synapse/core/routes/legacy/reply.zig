//! What the answers of the published port's routes end with.
const Answer = @import("../../request/answer.zig").Answer;
const Exchange = @import("../../request/device.zig").Exchange;

pub fn latency(exchange: *const Exchange, answer: *Answer) void {
    answer.key("latency_ms");
    answer.double(@as(f64, @floatFromInt(exchange.timing.inference_us / 10)) / 100);
    answer.objectEnd();
    answer.end();
}
