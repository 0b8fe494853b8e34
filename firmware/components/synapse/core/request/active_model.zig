//! The model that requests run: opened from flash or memory in what the core left of the board's memory, shown to
//! requests, taken away again.
const std = @import("std");
const Device = @import("device.zig").Device;
const Bounded = @import("../wire/problem.zig").Bounded;
const Exchange = @import("device.zig").Exchange;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const Model = @import("../model/model.zig").Model;
const ports = @import("../port.zig");
const Reason = @import("../flash/slots.zig").Reason;
const SlotIndex = @import("../board/storage.zig").SlotIndex;
const Streams = @import("../model/streams.zig").Streams;

/// A model that is open in the device's memory and not yet shown to requests.
pub const Opened = struct { model: Model, fast_used: u64, slow_used: u64 };

/// A model from memory, for a device without flash.
pub fn loadModel(device: *Device, slot: []const u8, file: []align(64) const u8) ports.Result {
    if (device.storage != null) return refuseLoad(device, .argument, "the board has flash; its models come from there");
    if (device.inProgress() > 0) return refuseLoad(
        device,
        .busy,
        "requests are in progress; a model can only be loaded when there are none",
    );
    unload(device);
    device.active.slot = .{};
    device.active.slot.append(slot);
    const opened = open(device, file, &device.active.load_error) catch return loadFailed(device);
    if (workRefusal(device, &opened.model)) |refusal| {
        _ = refuseLoad(device, .model, refusal.text.slice());
        return loadFailed(device);
    }
    publish(device, &opened);
    return .ok;
}

/// Runs the model that the flash names. The result is why the last one tried cannot be run.
pub fn boot(device: *Device) ports.Result {
    const storage = device.storage orelse return refuseLoad(device, .argument, "the board has no flash to boot from");
    if (storage.slots.safe_mode) {
        device.log(.warn, "safe mode: too many boots ended early, so no model runs until one is activated");
        return refuseLoad(device, .model, "safe mode: too many boots ended early");
    }
    _ = refuseLoad(device, .model, "no slot holds a model");
    while (storage.slots.current()) |slot| {
        const opened = openSlot(device, slot) catch {
            _ = loadFailed(device);
            giveUp(device, slot, .refused);
            continue;
        };
        publish(device, &opened);
        device.active.slot = .{};
        device.active.slot.append(storage.name(slot));
        return .ok;
    }
    return @fromBackingInt(@intCast(device.active.load_error.code));
}

pub const WorkRefusal = struct { text: Bounded(ports.error_message_bytes_max - 1) = .{} };

/// Why a model would keep the board from everything else for too long. A boot does not ask: what it runs was looked at
/// when it was activated, or is the maker's.
pub fn workRefusal(device: *const Device, model: *const Model) ?WorkRefusal {
    const most = device.gmacMax();
    if (most == 0) return null;
    const work = &model.work;
    const giga = 1_000_000_000;
    for ([_]struct { []const u8, u64, u64 }{
        .{ "the model's longest run takes", work.run_max, most * giga },
        .{ "the model's test vectors together take", work.golden_total, most * giga },
        .{ "one op of the model, which nothing can interrupt, takes", work.op_max, most * giga / limits.op_part },
    }) |case| {
        if (case[1] <= case[2]) continue;
        var refusal: WorkRefusal = .{};
        refusal.text.print(
            "{s} {d}.{d} G multiply-accumulates, and this board takes at most {d}.{d} G",
            .{ case[0], case[1] / giga, case[1] % giga / (giga / 10), case[2] / giga, case[2] % giga / (giga / 10) },
        );
        return refusal;
    }
    return null;
}

fn refuseLoad(device: *Device, result: ports.Result, text: []const u8) ports.Result {
    device.active.load_error = .{ .code = @backingInt(result) };
    @memcpy(device.active.load_error.message[0..text.len], text);
    return result;
}

/// The model of a slot that is ready; load_error says why it cannot be opened. On the worker too,
/// while the device has no model.
pub fn openSlot(device: *Device, slot: SlotIndex) error{Refused}!Opened {
    const storage = device.storage.?;
    const file = storage.file(slot) orelse {
        _ = refuseLoad(device, .model, "the slot's flash cannot be mapped into memory");
        return error.Refused;
    };
    return open(device, file, &device.active.load_error);
}

/// Opens a model in what the core left of the board's memory, and changes nothing else of the device.
fn open(device: *const Device, file: []align(64) const u8, err: *ports.ErrorInfo) error{Refused}!Opened {
    err.* = .{};
    var fast = device.memory.fast;
    var slow = device.memory.slow;
    fast.used = device.memory.fast_mark;
    slow.used = device.memory.slow_mark;
    var model: Model = try .load(file, &device.config, &device.port, &fast, &slow, err);
    const result_bytes = Exchange.resultBytes(&model);
    if (result_bytes > device.config.body_bytes_max) {
        err.* = .{ .code = @backingInt(ports.Result.model) };
        _ = std.fmt.bufPrint(
            err.message[0 .. ports.error_message_bytes_max - 1],
            "the model's latents do not fit the board's memory for a request: {d} bytes are needed and {d} exist; " ++
                "a board with longer bodies takes it",
            .{ result_bytes, device.config.body_bytes_max },
        ) catch unreachable;
        return error.Refused;
    }
    const wanted = requestBytes(device, &model);
    if (wanted > slow.free()) {
        const needed = slow.used + wanted;
        err.* = .{
            .code = @backingInt(ports.Result.model_memory),
            .region = @backingInt(ports.Region.slow),
            .bytes_needed = needed,
            .bytes_missing = needed - slow.bytes.len,
        };
        _ = std.fmt.bufPrint(
            err.message[0 .. ports.error_message_bytes_max - 1],
            "the model's requests do not fit the board's slow memory (PSRAM): {d} bytes are needed and {d} exist; " ++
                "{d} bytes are missing",
            .{ needed, slow.bytes.len, needed - slow.bytes.len },
        ) catch unreachable;
        return error.Refused;
    }
    model.usage.slow_bytes += wanted;
    return .{ .model = model, .fast_used = fast.used, .slow_used = slow.used };
}

/// Memory of the requests that run a model.
fn requestBytes(device: *const Device, model: *const Model) u64 {
    const stream_bytes = if (model.predict) |*predictor| Streams.bytes(predictor) else 0;
    return memory.round(Exchange.inputBytes(model)) * device.inferences().len + stream_bytes;
}

/// Lets requests run the model. No inference is in progress.
pub fn publish(device: *Device, opened: *const Opened) void {
    device.memory.fast.used = opened.fast_used;
    device.memory.slow.used = opened.slow_used;
    const input_bytes = memory.round(Exchange.inputBytes(&opened.model));
    for (device.inferences()) |*exchange| {
        exchange.divide(device.memory.slow.take(input_bytes) catch unreachable, &opened.model);
    }
    device.active.streams = if (opened.model.predict) |*predictor|
        Streams.init(&device.memory.slow, predictor) catch unreachable
    else
        .{};
    device.active.model = opened.model;
    device.log(.info, "model loaded");
}

/// Takes the model from requests and frees its memory. No inference is in progress.
pub fn unload(device: *Device) void {
    device.active.model = null;
    device.active.streams = .{};
    device.memory.fast.used = device.memory.fast_mark;
    device.memory.slow.used = device.memory.slow_mark;
}

pub fn giveUp(device: *Device, slot: SlotIndex, reason: Reason) void {
    const storage = device.storage.?;
    storage.refusals[slot] = .{};
    if (reason == .refused) storage.refusals[slot].append(std.mem.sliceTo(&device.active.load_error.message, 0));
    storage.slots.giveUp(slot, reason) catch device.log(.err, "the flash did not take the record of a slot given up");
}

fn loadFailed(device: *Device) ports.Result {
    device.log(.err, std.mem.sliceTo(&device.active.load_error.message, 0));
    return @fromBackingInt(@intCast(device.active.load_error.code));
}
