//! GET /v1/models and GET /v1/models/{slot}: what models the board holds, and what they take and give.
const std = @import("std");
const Answer = @import("../answer.zig").Answer;
const media_types = @import("../answer.zig").media_types;
const Device = @import("../device.zig").Device;
const CborTokens = @import("../cbor_tokens.zig").CborTokens;
const Model = @import("../model.zig").Model;
const Problem = @import("../problem.zig").Problem;
const ProblemError = @import("../problem.zig").Error;
const routes = @import("../routes.zig");
const runtime = @import("../runtime.zig");

pub const route: routes.Route = .{ .method = .GET, .path = "/v1/models", .kind = .{ .immediate = .{ .offers = &media_types, .answer = list } } };
pub const slot_route: routes.Route = .{ .method = .GET, .path = "/v1/models/*", .kind = .{ .immediate = .{ .offers = &media_types, .answer = one } } };

fn list(device: *Device, _: routes.Request, answer: *Answer, _: *Problem) ProblemError!void {
    answer.begin(200);
    answer.objectBegin();
    slots(device, answer);
    answer.objectEnd();
    answer.end();
}

fn one(device: *Device, request: routes.Request, answer: *Answer, problem: *Problem) ProblemError!void {
    if (device.slot.len == 0 or !std.mem.eql(u8, request.wildcard, device.slot.slice())) {
        problem.* = Problem.init(404, "SLOT_UNKNOWN", "the board has no such model slot", .{}).at("slot", .{}).expecting("{s}", .{device.slot.slice()});
        return error.Problem;
    }
    answer.begin(200);
    answer.objectBegin();
    try describe(device, answer);
    if (device.model) |*model| {
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

/// The key `slots`: a short description of each.
pub fn slots(device: *const Device, answer: *Answer) void {
    answer.key("slots");
    answer.arrayBegin();
    if (device.slot.len > 0) {
        answer.objectBegin();
        describe(device, answer) catch unreachable;
        answer.objectEnd();
    }
    answer.arrayEnd();
}

fn describe(device: *const Device, answer: *Answer) error{}!void {
    answer.field("slot", device.slot.slice());
    const model = if (device.model) |*model| model else {
        answer.field("state", "BROKEN");
        return answer.field("detail", std.mem.sliceTo(&device.load_error.message, 0));
    };
    answer.field("state", "VALID");
    answer.fieldBoolean("active", true);
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
            if (runtime.syn_model_get_input(model.handle, index, @intCast(port), &info) == runtime.ok) describePort(answer, &info);
        }
        answer.arrayEnd();
        answer.key("outputs");
        answer.arrayBegin();
        for (0..entry.output_count) |port| {
            var info: runtime.PortInfo = .{};
            if (runtime.syn_model_get_output(model.handle, index, @intCast(port), &info) == runtime.ok) describePort(answer, &info);
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

/// The pack's meta map in the answer's own format. It was checked when the model was opened; anything else ends it early.
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
            .number => |number| if (number >= 0 and number < 9e15 and @floor(number) == number) answer.unsigned(@intFromFloat(number)) else answer.double(number),
            .boolean => |value| answer.boolean(value),
            .null => answer.nothing(),
        }
        if (depth > 0) expect_key[depth - 1] = true;
    }
    while (depth > 0) : (depth -= 1) if (maps[depth - 1]) answer.objectEnd() else answer.arrayEnd();
}
