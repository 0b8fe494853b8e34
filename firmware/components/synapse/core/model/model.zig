//! The model that requests run: opened once, its memory laid out in what the core left of the board's two blocks.
const std = @import("std");
const ActionSpace = @import("action_space.zig").ActionSpace;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const ports = @import("../port.zig");
const runtime = @import("runtime.zig");
const size = @import("../wire/byte_text.zig").size;
const Turn = @import("turn.zig").Turn;
const CborTokens = @import("../wire/cbor_tokens.zig").CborTokens;

/// `encode`: one image in, one latent out.
pub const Encode = struct {
    entry: u32,
    output: u32,
    width: u32,
    height: u32,
    image_bytes: u32,
    latent_elements: u32,
};

/// `predict`: a history of latents and the action taken at each, in; for each the next latent, out.
pub const Predict = struct {
    entry: u32,
    latent_input: u32,
    action_input: u32,
    output: u32,
    latent_elements: u32,
    action_elements: u32,
    history_min: u32,
    history_max: u32,
    /// The rows of a run are its history; otherwise the history is fixed and a run has one row.
    dynamic: bool,
};

pub const Usage = struct { fast_bytes: u64 = 0, slow_bytes: u64 = 0 };

pub const Model = struct {
    handle: *runtime.Handle,
    session: *runtime.SessionHandle,
    info: runtime.ModelInfo,
    work: runtime.ModelWork,
    untrained: bool,
    encode: ?Encode,
    predict: ?Predict,
    /// Without numbers where the pack says nothing of its actions.
    actions: ActionSpace = .{},
    usage: Usage,

    pub fn name(model: *const Model) []const u8 {
        return (model.info.name orelse return "")[0..model.info.name_bytes];
    }

    pub fn meta(model: *const Model) []const u8 {
        return (model.info.meta orelse return "")[0..model.info.meta_bytes];
    }

    /// Opens `file` and takes memory from both blocks. On failure the blocks are as before and `err` is filled.
    pub fn load(
        file: []align(64) const u8,
        config: *const ports.Config,
        port: *const ports.Port,
        fast: *memory.Block,
        slow: *memory.Block,
        err: *ports.ErrorInfo,
    ) error{Refused}!Model {
        const fast_mark = fast.used;
        const slow_mark = slow.used;
        errdefer {
            fast.used = fast_mark;
            slow.used = slow_mark;
        }
        const opened = try openFile(file, slow, err);
        const session = try openSession(opened, config, port, fast, slow, err);
        var model: Model = .{
            .handle = opened,
            .session = session,
            .info = .{},
            .work = .{},
            .untrained = false,
            .encode = null,
            .predict = null,
            .usage = .{ .fast_bytes = fast.used - fast_mark, .slow_bytes = slow.used - slow_mark },
        };
        try check(runtime.syn_model_get_info(opened, &model.info), err);
        try check(runtime.syn_model_get_work(opened, &model.work), err);
        model.untrained = isUntrained(model.meta());
        model.encode = findEncode(opened);
        model.predict = findPredict(opened);
        if (model.predict) |predictor| {
            const before = slow.used;
            const space = ActionSpace.read(model.meta(), predictor.action_elements, slow) catch return tooLarge(
                err,
                .slow,
                slow.bytes.len + memory.alignment,
                slow,
            );
            model.actions = space orelse .{};
            model.usage.slow_bytes += slow.used - before;
        }
        return model;
    }

    fn openFile(file: []align(64) const u8, slow: *memory.Block, err: *ports.ErrorInfo) error{Refused}!*runtime.Handle {
        var failure: runtime.ErrorInfo = .{};
        var bytes: usize = 0;
        const readable = runtime.syn_model_requirements(file.ptr, file.len, &bytes, &failure);
        if (readable != runtime.ok) return refuse(err, &failure);
        const space = slow.take(bytes) catch return tooLarge(err, .slow, slow.used + memory.round(bytes), slow);
        var handle: ?*runtime.Handle = null;
        const valid = runtime.syn_model_open(file.ptr, file.len, 0, space.ptr, space.len, &handle, &failure);
        if (valid != runtime.ok) return refuse(err, &failure);
        return handle.?;
    }

    fn openSession(
        opened: *runtime.Handle,
        config: *const ports.Config,
        port: *const ports.Port,
        fast: *memory.Block,
        slow: *memory.Block,
        err: *ports.ErrorInfo,
    ) error{Refused}!*runtime.SessionHandle {
        var needs: runtime.SessionRequirements = .{};
        try check(runtime.syn_session_get_requirements(opened, config.threads, &needs), err);
        var apart: memory.Block = .init(if (config.scratch) |start| start[0..config.scratch_bytes] else &.{});
        const scratch = if (config.scratch != null) &apart else fast;
        if (needs.thread_bytes > scratch.bytes.len) return tooLarge(err, .fast, needs.thread_bytes, scratch);
        const scratch_in_fast = if (config.scratch != null) 0 else memory.round(needs.thread_bytes);
        const session_in_fast = memory.round(needs.session_bytes) + memory.round(needs.fast_bytes);
        const fast_needed = fast.used + session_in_fast + scratch_in_fast;
        const slow_needed = slow.used + memory.round(needs.slow_bytes) + memory.round(needs.state_bytes);
        if (fast_needed > fast.bytes.len) return tooLarge(err, .fast, fast_needed, fast);
        if (slow_needed > slow.bytes.len) return tooLarge(err, .slow, slow_needed, slow);
        const session_config: runtime.SessionConfig = .{
            .threads = config.threads,
            .session = (fast.take(needs.session_bytes) catch unreachable).ptr,
            .fast = (fast.take(needs.fast_bytes) catch unreachable).ptr,
            .thread = (scratch.take(needs.thread_bytes) catch unreachable).ptr,
            .slow = (slow.take(needs.slow_bytes) catch unreachable).ptr,
            .state = (slow.take(needs.state_bytes) catch unreachable).ptr,
            .session_bytes = needs.session_bytes,
            .fast_bytes = needs.fast_bytes,
            .slow_bytes = needs.slow_bytes,
            .state_bytes = needs.state_bytes,
            .thread_bytes = needs.thread_bytes,
            .parallel_for = port.parallel_for,
            .ticks = port.cycles orelse port.ticks_us,
            .user = port.user,
        };
        var session: ?*runtime.SessionHandle = null;
        try check(runtime.syn_session_open(opened, &session_config, &session), err);
        return session.?;
    }

    /// Rows of latents that a rollout from one start can be stored in, and the actions that go with them.
    pub fn canRollOutFromImage(model: *const Model) bool {
        const encoder = model.encode orelse return false;
        const predictor = model.predict orelse return false;
        return encoder.latent_elements == predictor.latent_elements;
    }

    /// image: [height][width][3]; latent: (latent_elements). On the worker. False: the turn is over, and the same call
    /// in the next one goes on.
    pub fn runEncode(model: *const Model, turn: *Turn, image: []const u8, latent: []f32) bool {
        const encoder = &model.encode.?;
        if (!turn.run_begun) {
            @memcpy(model.input(encoder.entry, 0)[0..image.len], image);
            model.begin(turn, encoder.entry, 1);
        }
        if (model.advance(turn) == runtime.more) return false;
        const latents = model.output(encoder.entry, encoder.output);
        @memcpy(std.mem.sliceAsBytes(latent), latents[0 .. latent.len * 4]);
        return true;
    }

    /// latents: (rows, latent_elements), actions: (rows, action_elements), next: (latent_elements). On the worker;
    /// as runEncode.
    pub fn runPredict(
        model: *const Model,
        turn: *Turn,
        rows: usize,
        latents: []const f32,
        actions: []const f32,
        next: []f32,
    ) bool {
        const predictor = &model.predict.?;
        if (!turn.run_begun) {
            const latent_bytes = std.mem.sliceAsBytes(latents);
            const action_bytes = std.mem.sliceAsBytes(actions);
            @memcpy(model.input(predictor.entry, predictor.latent_input)[0..latent_bytes.len], latent_bytes);
            @memcpy(model.input(predictor.entry, predictor.action_input)[0..action_bytes.len], action_bytes);
            model.begin(turn, predictor.entry, if (predictor.dynamic) @intCast(rows) else 1);
        }
        if (model.advance(turn) == runtime.more) return false;
        const rows_out = model.output(predictor.entry, predictor.output);
        const last = (rows - 1) * next.len * 4;
        @memcpy(std.mem.sliceAsBytes(next), rows_out[last..][0 .. next.len * 4]);
        return true;
    }

    /// Runs one of the pack's test vectors; false when the outputs are not those promised. On the worker. Null: the
    /// turn is over, as for runEncode.
    pub fn selfTest(model: *const Model, turn: *Turn, vector: u32) ?bool {
        if (!turn.run_begun) {
            if (runtime.syn_session_begin_self_test(model.session, vector) != runtime.ok) return false;
            turn.run_begun = true;
        }
        const result = model.advance(turn);
        return if (result == runtime.more) null else result == runtime.ok;
    }

    /// What the ops cost counts from here on. Not while the worker is at it.
    pub fn resetProfile(model: *const Model) void {
        std.debug.assert(runtime.syn_session_reset_profile(model.session) == runtime.ok);
    }

    /// What an op of an entry has cost since then; null: there is no such op.
    pub fn opProfile(model: *const Model, entry: u32, op: u32) ?runtime.OpProfile {
        var profile: runtime.OpProfile = .{};
        const found = runtime.syn_session_get_profile(model.session, entry, op, &profile) == runtime.ok;
        return if (found) profile else null;
    }

    /// Nobody wants the run under way any more. Not while the worker is at it.
    pub fn cancel(model: *const Model) void {
        std.debug.assert(runtime.syn_session_cancel(model.session) == runtime.ok);
    }

    fn begin(model: *const Model, turn: *Turn, entry: u32, rows: u32) void {
        std.debug.assert(runtime.syn_session_begin(model.session, entry, rows) == runtime.ok);
        turn.run_begun = true;
    }

    /// Op by op, to the end of the run or of the turn.
    fn advance(model: *const Model, turn: *Turn) c_int {
        while (true) {
            const result = runtime.syn_session_advance(model.session, 1);
            if (result != runtime.more) {
                turn.run_begun = false;
                return result;
            }
            if (turn.over()) return result;
        }
    }

    // The runtime promises that an opened model's runs fail only on wrong arguments,
    // and these arguments come from the model itself.
    fn input(model: *const Model, entry: u32, index: u32) []u8 {
        var data: ?[*]u8 = null;
        var bytes: usize = 0;
        std.debug.assert(runtime.syn_session_input(model.session, entry, index, &data, &bytes) == runtime.ok);
        return data.?[0..bytes];
    }

    fn output(model: *const Model, entry: u32, index: u32) []const u8 {
        var data: ?[*]const u8 = null;
        var bytes: usize = 0;
        std.debug.assert(runtime.syn_session_output(model.session, entry, index, &data, &bytes) == runtime.ok);
        return data.?[0..bytes];
    }
};

fn check(result: c_int, err: *ports.ErrorInfo) error{Refused}!void {
    if (result == runtime.ok) return;
    var failure: runtime.ErrorInfo = .{ .code = result };
    const text = std.mem.span(runtime.syn_result_name(result));
    @memcpy(
        failure.message[0..@min(text.len, failure.message.len - 1)],
        text[0..@min(text.len, failure.message.len - 1)],
    );
    return refuse(err, &failure);
}

fn refuse(err: *ports.ErrorInfo, failure: *const runtime.ErrorInfo) error{Refused} {
    err.* = .{ .code = @backingInt(ports.Result.model), .model_code = failure.code };
    const text = std.mem.sliceTo(&failure.message, 0);
    @memcpy(err.message[0..text.len], text);
    return error.Refused;
}

fn tooLarge(err: *ports.ErrorInfo, region: ports.Region, needed: u64, block: *const memory.Block) error{Refused} {
    const missing = needed - block.bytes.len;
    err.* = .{
        .code = @backingInt(ports.Result.model_memory),
        .region = @backingInt(region),
        .bytes_needed = needed,
        .bytes_missing = missing,
    };
    const label = if (region == .fast) "fast memory (SRAM)" else "slow memory (PSRAM)";
    _ = std.fmt.bufPrint(
        err.message[0 .. err.message.len - 1],
        "the model does not fit the board's {s}: {f} are needed, the core's share included, and {f} exist; {d} " ++
            "bytes are missing",
        .{ label, size(needed), size(block.bytes.len), missing },
    ) catch {}; // A full buffer is a cut text.
    return error.Refused;
}

fn findEntry(handle: *runtime.Handle, name: []const u8, info: *runtime.EntryInfo) ?u32 {
    var entry: u32 = 0;
    if (runtime.syn_model_find_entry(handle, name.ptr, name.len, &entry) != runtime.ok) return null;
    if (runtime.syn_model_get_entry(handle, entry, info) != runtime.ok) return null;
    return entry;
}

fn findPort(
    handle: *runtime.Handle,
    entry: u32,
    count: u32,
    kind: runtime.Kind,
    outputs: bool,
    info: *runtime.PortInfo,
) ?u32 {
    for (0..count) |i| {
        const index: u32 = @intCast(i);
        info.* = .{};
        const result = if (outputs) runtime.syn_model_get_output(
            handle,
            entry,
            index,
            info,
        ) else runtime.syn_model_get_input(handle, entry, index, info);
        if (result == runtime.ok and info.kind == kind) return index;
    }
    return null;
}

fn elements(info: *const runtime.PortInfo) u32 {
    return if (info.type == .f32) info.bytes_max / 4 else 0;
}

/// Elements of one row of an f32 port of two dimensions.
fn rowElements(info: *const runtime.PortInfo) u32 {
    return if (info.type == .f32 and info.rank == 2 and info.shape[1] <= limits.row_elements_max) info.shape[1] else 0;
}

fn findEncode(handle: *runtime.Handle) ?Encode {
    var entry_info: runtime.EntryInfo = .{};
    const entry = findEntry(handle, "encode", &entry_info) orelse return null;
    var image: runtime.PortInfo = .{};
    var latent: runtime.PortInfo = .{};
    if (entry_info.input_count != 1 or findPort(handle, entry, 1, .image, false, &image) == null) return null;
    const output = findPort(handle, entry, entry_info.output_count, .latent, true, &latent) orelse return null;
    if (image.type != .u8 or image.rank != 3 or image.shape[2] != 3 or image.dynamic != 0 or
        latent.dynamic != 0) return null;
    const latent_elements = elements(&latent);
    if (latent_elements == 0 or latent_elements > limits.row_elements_max) return null;
    return .{
        .entry = entry,
        .output = output,
        .height = image.shape[0],
        .width = image.shape[1],
        .image_bytes = image.bytes_max,
        .latent_elements = latent_elements,
    };
}

fn findPredict(handle: *runtime.Handle) ?Predict {
    var entry_info: runtime.EntryInfo = .{};
    const entry = findEntry(handle, "predict", &entry_info) orelse return null;
    if (entry_info.input_count != 2) return null;
    var latent: runtime.PortInfo = .{};
    var action: runtime.PortInfo = .{};
    var next: runtime.PortInfo = .{};
    const latent_input = findPort(handle, entry, 2, .latent, false, &latent) orelse return null;
    const action_input = findPort(handle, entry, 2, .action, false, &action) orelse return null;
    const output = findPort(handle, entry, entry_info.output_count, .latent, true, &next) orelse return null;
    const latent_elements = rowElements(&latent);
    const action_elements = rowElements(&action);
    if (latent_elements == 0 or action_elements == 0 or rowElements(&next) != latent_elements) return null;
    if (latent.shape[0] != action.shape[0] or latent.shape[0] != next.shape[0]) return null;
    if (latent.dynamic != action.dynamic or latent.dynamic != next.dynamic) return null;
    const dynamic = latent.dynamic != 0;
    return .{
        .entry = entry,
        .latent_input = latent_input,
        .action_input = action_input,
        .output = output,
        .latent_elements = latent_elements,
        .action_elements = action_elements,
        .history_min = if (dynamic) 1 else latent.shape[0],
        .history_max = latent.shape[0],
        .dynamic = dynamic,
    };
}

/// Whether the pack's meta map says `untrained: true`. The runtime has checked that the map is well formed.
fn isUntrained(meta: []const u8) bool {
    var cbor: CborTokens = .init(@constCast(meta));
    var depth: usize = 0;
    var wanted = false;
    while (true) {
        const token = cbor.next() catch return false;
        switch (token) {
            .object_begin, .array_begin => depth += 1,
            .object_end, .array_end => depth -= 1,
            .end => return false,
            .boolean => |value| if (wanted and value) return true,
            else => {},
        }
        wanted = depth == 1 and token == .text and std.mem.eql(u8, token.text, "untrained");
    }
}

test "untrained is read from the top level of meta only" {
    try std.testing.expect(isUntrained("\xa1\x69untrained\xf5"));
    try std.testing.expect(!isUntrained("\xa1\x69untrained\xf4"));
    try std.testing.expect(!isUntrained("\xa1\x61a\xa1\x69untrained\xf5"));
    try std.testing.expect(!isUntrained(""));
}
