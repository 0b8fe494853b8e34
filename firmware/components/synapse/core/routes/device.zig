//! GET /v1/device: what this board is and how it does.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const media_types = @import("../request/answer.zig").media_types;
const Device = @import("../request/device.zig").Device;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const room = @import("../request/room.zig");
const Storage = @import("../board/storage.zig").Storage;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const runtime = @import("../model/runtime.zig");
const ports = @import("../port.zig");
const version = @import("../request/device.zig").version;
const models = @import("models.zig");

pub const route: Route = .{ .method = .GET, .path = "/v1/device", .access = .identity, .kind = .{ .immediate = .{
    .offers = &media_types,
    .answer = report,
} } };

fn report(device: *Device, _: Request, answer: *Answer, _: *Problem) ProblemError!void {
    const config = &device.config;
    answer.begin(200);
    answer.objectBegin();
    answer.field("id", config.device_id.slice());
    answer.field("name", device.name());
    answer.fieldBoolean("simulated", config.simulated != 0);
    describeBoard(answer, config);
    answer.key("firmware");
    answer.objectBegin();
    answer.field("name", if (config.firmware_project.bytes == 0) "synapse" else config.firmware_project.slice());
    answer.field("version", device.firmwareVersion());
    answer.field("core", version);
    answer.field("state", device.firmware.state.text());
    answer.fieldUnsigned("capacity_bytes", config.firmware_bytes_max);
    answer.field("engine", config.engine.slice());
    answer.field("isa", std.mem.span(runtime.syn_isa_name()));
    answer.objectEnd();
    answer.fieldUnsigned("uptime_us", device.now() -| device.started_us);
    answer.key("reset");
    answer.objectBegin();
    answer.field("reason", device.resetReason());
    answer.fieldUnsigned("count", config.reset_count);
    answer.objectEnd();
    answer.key("clocks");
    answer.objectBegin();
    clock(answer, "cpu_hz", config.cpu_hz);
    clock(answer, "psram_hz", config.psram_hz);
    clock(answer, "flash_hz", config.flash_hz);
    answer.objectEnd();
    answer.key("memory");
    answer.objectBegin();
    region(answer, "fast", &device.memory.fast);
    region(answer, "slow", &device.memory.slow);
    answer.fieldUnsigned("flash_bytes", config.flash_bytes);
    answer.objectEnd();
    describeLink(answer, &device.port);
    answer.key("queue");
    answer.objectBegin();
    answer.fieldUnsigned("in_progress", device.queueDepth());
    answer.fieldUnsigned("capacity", config.exchange_count);
    // Of these, what everybody without the owner's token may hold together, and from one address.
    answer.fieldUnsigned("open_max", room.strangersMax(config.exchange_count));
    answer.fieldUnsigned("open_client_max", room.strangerMax(config.exchange_count));
    answer.objectEnd();
    describeLimits(answer, device);
    if (device.storage) |storage| describeOwnership(answer, device, storage);
    answer.key("mqtt");
    answer.objectBegin();
    answer.fieldBoolean("connected", device.broker.connected);
    answer.field("topic", device.broker.topic.slice());
    answer.key("failure");
    describeFailure(answer, device);
    answer.objectEnd();
    models.slots(device, answer);
    answer.objectEnd();
    answer.end();
}

fn describeBoard(answer: *Answer, config: *const ports.Config) void {
    const chip_revision = .{ config.chip_revision / 100, config.chip_revision % 100 };
    var revision: [16]u8 = undefined;
    answer.key("board");
    answer.objectBegin();
    answer.field("id", config.board_id.slice());
    answer.field("name", config.board_name.slice());
    answer.field("chip", config.chip.slice());
    answer.field("chip_revision", std.fmt.bufPrint(&revision, "{d}.{d}", chip_revision) catch unreachable);
    answer.field("radio", config.radio.slice());
    answer.objectEnd();
}

/// Everything that is bounded.
fn describeLimits(answer: *Answer, device: *const Device) void {
    answer.key("limits");
    answer.objectBegin();
    answer.fieldUnsigned("body_bytes_max", device.config.body_bytes_max);
    answer.fieldUnsigned("body_depth_max", limits.body_depth_max);
    answer.fieldUnsigned("rollout_steps_max", device.stepsMax());
    answer.fieldUnsigned("image_side_max", limits.image_side_max);
    answer.fieldUnsigned("image_pixels_max", limits.image_pixels_max);
    answer.fieldUnsigned("streams_max", limits.streams_max);
    answer.fieldUnsigned("model_gmac_max", device.gmacMax());
    answer.key("plan");
    answer.objectBegin();
    answer.fieldUnsigned("horizon_max", limits.plan_horizon_max);
    answer.fieldUnsigned("samples_max", limits.plan_samples_max);
    answer.fieldUnsigned("iterations_max", limits.plan_iterations_max);
    answer.fieldUnsigned("elites_max", limits.plan_elites_max);
    answer.fieldUnsigned("predictions_max", limits.plan_predictions_max);
    answer.objectEnd();
    answer.fieldUnsigned("open_predictions_max", device.openPredictionsMax());
    answer.fieldUnsigned("receive_idle_us_max", limits.receive_idle_us_max);
    answer.fieldUnsigned("receive_total_us_max", limits.receive_total_us_max);
    answer.objectEnd();
}

fn describeOwnership(answer: *Answer, device: *const Device, storage: *const Storage) void {
    answer.fieldBoolean("claimed", storage.access.claimed());
    // Whether claiming needs no code now.
    answer.fieldBoolean("claim_window", storage.access.windowOpen(device.now()));
    // Whether everybody may use the model, so that a page need not try.
    answer.fieldBoolean("open_inference", storage.access.open_inference);
    answer.fieldBoolean("safe_mode", storage.slots.safe_mode);
    // With any, a model has to be signed by one of them.
    answer.key("update_keys");
    answer.arrayBegin();
    for (storage.update_keys.known()) |*id| answer.hex(id);
    answer.arrayEnd();
}

/// Null while the board is not connected, or its port does not know how.
fn describeLink(answer: *Answer, port: *const ports.Port) void {
    const link = ports.linkOf(port);
    answer.key("link");
    if (link.kind.bytes == 0) return answer.nothing();
    answer.objectBegin();
    answer.field("kind", link.kind.slice());
    if (link.network.bytes > 0) answer.field("network", link.network.slice());
    if (link.address.bytes > 0) answer.field("address", link.address.slice());
    if (link.rssi_dbm != 0) {
        answer.key("rssi_dbm");
        answer.integer(link.rssi_dbm);
    }
    answer.objectEnd();
}

/// The last failure of the broker's connection since it was last there; null when there was none.
fn describeFailure(answer: *Answer, device: *const Device) void {
    const failure = &device.broker.failure;
    if (failure.count == 0) return answer.nothing();
    answer.objectBegin();
    answer.field("detail", failure.detail.slice());
    answer.fieldUnsigned("count", failure.count);
    answer.fieldUnsigned("ago_us", device.now() -| failure.last_us);
    answer.objectEnd();
}

fn clock(answer: *Answer, name: []const u8, hz: u64) void {
    answer.key(name);
    if (hz == 0) answer.nothing() else answer.unsigned(hz);
}

fn region(answer: *Answer, name: []const u8, block: *const memory.Block) void {
    answer.key(name);
    answer.objectBegin();
    answer.fieldUnsigned("bytes", block.bytes.len);
    answer.fieldUnsigned("used_bytes", block.used);
    answer.fieldUnsigned("free_bytes", block.free());
    answer.objectEnd();
}
