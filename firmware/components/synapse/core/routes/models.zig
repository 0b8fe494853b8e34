//! GET /v1/models and GET /v1/models/{slot}: what models the board holds, and what they take and give.
const std = @import("std");
const binary64 = @import("../wire/binary64.zig");
const ActionSpace = @import("../model/action_space.zig").ActionSpace;
const Answer = @import("../request/answer.zig").Answer;
const media_types = @import("../request/answer.zig").media_types;
const Device = @import("../request/device.zig").Device;
const CborTokens = @import("../wire/cbor_tokens.zig").CborTokens;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const runtime = @import("../model/runtime.zig");
const Storage = @import("../board/storage.zig").Storage;
const SlotIndex = @import("../board/storage.zig").SlotIndex;
const slot_count = @import("../board/storage.zig").slot_count;

pub const route: Route = .{
    .method = .GET,
    .path = "/v1/models",
    .access = .read,
    .kind = .{ .immediate = .{ .offers = &media_types, .answer = list } },
};
pub const slot_route: Route = .{
    .method = .GET,
    .path = "/v1/models/*",
    .access = .read,
    .kind = .{ .immediate = .{ .offers = &media_types, .answer = one } },
};

fn list(device: *Device, _: Request, answer: *Answer, _: *Problem) ProblemError!void {
    answer.begin(200);
    answer.objectBegin();
    slots(device, answer);
    answer.objectEnd();
    answer.end();
}

fn one(device: *Device, request: Request, answer: *Answer, problem: *Problem) ProblemError!void {
    const slot = try find(device, request.wildcard, problem);
    answer.begin(200);
    answer.objectBegin();
    describe(device, slot, answer);
    if (running(device, slot)) |model| {
        details(model, answer);
        answer.key("memory");
        answer.objectBegin();
        answer.fieldUnsigned("fast_bytes", model.usage.fast_bytes);
        answer.fieldUnsigned("slow_bytes", model.usage.slow_bytes);
        answer.objectEnd();
        answer.key("meta");
        transcode(answer, model.meta());
    }
    answer.objectEnd();
    answer.end();
}

/// The slot of a request's path. A device without flash has one, for the model that it was given.
pub fn find(device: *const Device, name: []const u8, problem: *Problem) ProblemError!SlotIndex {
    if (device.storage) |storage| {
        if (storage.find(name)) |slot| return slot;
    } else if (device.active.slot.len > 0 and std.mem.eql(u8, name, device.active.slot.slice())) return 0;
    const failed = problem.fail(404, .SLOT_UNKNOWN, "the board has no such model slot", .{}, .{ .field = "slot" });
    if (device.storage) |storage| {
        problem.expected.print("{s} or {s}", .{ storage.name(0), storage.name(1) });
    } else problem.expected.print("{s}", .{device.active.slot.slice()});
    return failed;
}

pub fn withoutFlash(problem: *Problem) ProblemError {
    return problem.fail(
        409,
        .NO_FLASH,
        "the board has no flash for models",
        .{},
        .{ .expected = "a board with model partitions" },
    );
}

/// The key `slots`: a short description of each.
pub fn slots(device: *const Device, answer: *Answer) void {
    answer.key("slots");
    answer.arrayBegin();
    const count: usize = if (device.storage != null) slot_count else @intFromBool(device.active.slot.len > 0);
    for (0..count) |i| {
        answer.objectBegin();
        describe(device, @intCast(i), answer);
        answer.objectEnd();
    }
    answer.arrayEnd();
}

/// The model of a slot, when it is the one that requests run.
fn running(device: *const Device, slot: SlotIndex) ?*const Model {
    const model = if (device.active.model) |*model| model else return null;
    const storage = device.storage orelse return model;
    return if (std.mem.eql(u8, storage.name(slot), device.active.slot.slice())) model else null;
}

/// The fields of a slot, inside an object.
pub fn describe(device: *const Device, slot: SlotIndex, answer: *Answer) void {
    const model = running(device, slot);
    if (device.storage) |storage| {
        const shown = storage.slots.shown(slot);
        const state = &storage.slots.state.slots[slot];
        answer.field("slot", storage.name(slot));
        answer.field("state", @tagName(shown));
        answer.fieldBoolean("active", model != null);
        answer.fieldUnsigned("capacity_bytes", storage.slots.areas[slot].bytes);
        if (reasonText(storage, slot)) |text| answer.field("detail", text);
        const upload = &storage.upload;
        if (upload.active() and upload.slot == slot) {
            answer.key("upload");
            answer.objectBegin();
            answer.fieldUnsigned("received_bytes", upload.received);
            answer.fieldUnsigned("bytes", upload.total_bytes);
            answer.objectEnd();
        }
        if (shown == .VALID or shown == .PENDING) answer.fieldBoolean("signed", storage.slots.signed(slot));
        if (shown != .EMPTY and model == null and state.file_bytes > 0) {
            answer.fieldUnsigned("bytes", state.file_bytes);
            answer.key("sha256");
            answer.hex(&state.sha256);
        }
        return if (model) |open| describeModel(open, answer);
    }
    answer.field("slot", device.active.slot.slice());
    answer.field("state", if (model == null) "BROKEN" else "VALID");
    answer.fieldBoolean("active", model != null);
    if (model) |open| return describeModel(open, answer);
    answer.field("detail", std.mem.sliceTo(&device.active.load_error.message, 0));
}

/// Why a slot's model is not run, or was not.
fn reasonText(storage: *const Storage, slot: SlotIndex) ?[]const u8 {
    const refusal = &storage.refusals[slot];
    return switch (storage.slots.state.slots[slot].reason) {
        .none => null,
        .interrupted => "the upload ended early",
        .digest => "checksum does not match",
        .flash => "the flash did not hold what was written",
        .refused => if (refusal.len > 0) refusal.slice() else "the runtime did not open the model, or it did not " ++
            "fit the board",
        .golden => "its test vectors came out differently",
        .signature => "it is not signed by one of the board's update keys",
        .returned => "the board was reset while the model was being tried",
    };
}

fn describeModel(model: *const Model, answer: *Answer) void {
    answer.field("name", model.name());
    answer.fieldBoolean("untrained", model.untrained);
    answer.fieldBoolean("exact", model.info.exact != 0);
    answer.fieldUnsigned("bytes", model.info.file_bytes);
    answer.key("sha256");
    answer.hex(&model.info.sha256);
    if (model.encode) |encoder| {
        answer.key("image");
        answer.objectBegin();
        answer.fieldUnsigned("width", encoder.width);
        answer.fieldUnsigned("height", encoder.height);
        answer.objectEnd();
        answer.fieldUnsigned("latent_elements", encoder.latent_elements);
    } else if (model.predict) |predictor| answer.fieldUnsigned("latent_elements", predictor.latent_elements);
    if (model.predict) |predictor| {
        answer.fieldUnsigned("action_elements", predictor.action_elements);
        answer.fieldUnsigned("history_max", predictor.history_max);
        describeActions(&model.actions, answer);
    }
    const Capability = struct { name: []const u8, has: bool };
    const capabilities = [_]Capability{
        .{ .name = "encode", .has = routes_encode.available(model) },
        .{ .name = "predict", .has = routes_predict.available(model) },
        .{ .name = "rollout", .has = routes_rollout.available(model) },
        .{ .name = "observe", .has = routes_observe.available(model) },
        .{ .name = "plan", .has = routes_rollout.available(model) },
        .{ .name = "selftest", .has = model.info.golden_count > 0 },
    };
    answer.key("routes");
    answer.arrayBegin();
    for (capabilities) |capability| if (capability.has) answer.text(capability.name);
    answer.arrayEnd();
}

/// Of each component of an environment action; a row of `action_elements` repeats them.
fn describeActions(space: *const ActionSpace, answer: *Answer) void {
    if (space.units.len == 0 and !space.bounded()) return;
    answer.key("actions");
    answer.objectBegin();
    if (space.units.len > 0) answer.field("units", space.units);
    if (space.bounded()) {
        answer.key("bounds");
        answer.objectBegin();
        for ([_][]const u8{ "min", "max" }, [_][]const f32{ space.min, space.max }) |name, values| {
            answer.key(name);
            answer.arrayBegin();
            for (values) |value| answer.float(value);
            answer.arrayEnd();
        }
        answer.objectEnd();
    }
    answer.objectEnd();
}

const routes_encode = @import("encode.zig").route.kind.inference;
const routes_predict = @import("predict.zig").route.kind.inference;
const routes_observe = @import("observe.zig").route.kind.inference;
const routes_rollout = @import("rollout.zig").route.kind.inference;

fn details(model: *const Model, answer: *Answer) void {
    answer.fieldUnsigned("golden_count", model.info.golden_count);
    answer.key("entries");
    answer.arrayBegin();
    for (0..model.info.entry_count) |i| {
        const index: u32 = @intCast(i);
        var entry: runtime.EntryInfo = .{};
        if (runtime.syn_model_get_entry(model.handle, index, &entry) != runtime.ok) continue;
        answer.objectBegin();
        answer.field("name", view(entry.name, entry.name_bytes));
        answer.fieldUnsigned("rows_max", entry.rows_max);
        answer.fieldUnsigned("ops", entry.op_count);
        answer.key("inputs");
        answer.arrayBegin();
        for (0..entry.input_count) |port| {
            var info: runtime.PortInfo = .{};
            if (runtime.syn_model_get_input(
                model.handle,
                index,
                @intCast(port),
                &info,
            ) == runtime.ok) describePort(answer, &info);
        }
        answer.arrayEnd();
        answer.key("outputs");
        answer.arrayBegin();
        for (0..entry.output_count) |port| {
            var info: runtime.PortInfo = .{};
            if (runtime.syn_model_get_output(
                model.handle,
                index,
                @intCast(port),
                &info,
            ) == runtime.ok) describePort(answer, &info);
        }
        answer.arrayEnd();
        answer.objectEnd();
    }
    answer.arrayEnd();
}

fn describePort(answer: *Answer, info: *const runtime.PortInfo) void {
    answer.objectBegin();
    answer.field("name", view(info.name, info.name_bytes));
    answer.field("kind", std.enums.tagName(runtime.Kind, info.kind) orelse "tensor");
    answer.field("type", std.enums.tagName(runtime.Type, info.type) orelse "f32");
    answer.key("shape");
    answer.arrayBegin();
    for (info.shape[0..@min(info.rank, info.shape.len)]) |size| answer.unsigned(size);
    answer.arrayEnd();
    answer.fieldBoolean("dynamic", info.dynamic != 0);
    answer.objectEnd();
}

fn view(data: ?[*]const u8, bytes: u32) []const u8 {
    return (data orelse return "")[0..bytes];
}

/// The pack's meta map in the answer's own format. It was checked when the model was opened;
/// anything else ends it early.
fn transcode(answer: *Answer, meta: []const u8) void {
    if (meta.len == 0) return answer.nothing();
    var cbor: CborTokens = .init(@constCast(meta));
    var expect_key: [32]bool = undefined;
    var maps: [32]bool = undefined;
    var depth: usize = 0;
    while (true) {
        const token = cbor.next() catch break;
        const key_due = depth > 0 and maps[depth - 1] and expect_key[depth - 1];
        switch (token) {
            .end => return,
            .object_begin, .array_begin => {
                maps[depth] = token == .object_begin;
                expect_key[depth] = true;
                depth += 1;
                if (token == .object_begin) answer.objectBegin() else answer.arrayBegin();
                continue;
            },
            .object_end, .array_end => {
                depth -= 1;
                if (token == .object_end) answer.objectEnd() else answer.arrayEnd();
            },
            .text => |text| if (key_due) {
                answer.key(text);
                expect_key[depth - 1] = false;
                continue;
            } else answer.text(text),
            .bytes => |bytes| answer.blob(bytes),
            .number => |number| if (binary64.whole(number)) |whole| answer.unsigned(whole) else answer.double(number),
            .decimal => unreachable, // JSON's alone.
            .boolean => |value| answer.boolean(value),
            .null => answer.nothing(),
        }
        if (depth > 0) expect_key[depth - 1] = true;
    }
    while (depth > 0) : (depth -= 1) if (maps[depth - 1]) answer.objectEnd() else answer.arrayEnd();
}
