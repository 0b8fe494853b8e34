//! The fuzz targets of the device core: bytes that strangers send. SYNAPSE_FUZZ_TARGET chooses one:
//! `json` and `cbor` read any bytes as a body, `http` sends them as the body of a request of any kind,
//! `mqtt` as a message from the broker.
//!
//! Beyond not crashing, these must hold: what the JSON reader takes whole is JSON; every request is answered once, in
//! the form that it says; whatever came, every place is free again when the clients are gone,
//! and the board still works.
const std = @import("std");
const core = @import("core");
const hosts = core.hosts;
const Host = hosts.Host;

comptime {
    @import("synapse").c_api.exportAll();
    @import("synapse").kernel_check.exportAll();
}

/// A failed check ends the process, and libFuzzer keeps the input.
pub const panic = std.debug.FullPanic(stop);

extern fn abort() noreturn;
extern fn getenv(name: [*:0]const u8) ?[*:0]const u8;
extern fn write(descriptor: c_int, bytes: [*]const u8, count: usize) isize;

fn stop(message: []const u8, address: ?usize) noreturn {
    _ = address;
    for ([_][]const u8{ "synapse: ", message, "\n" }) |piece| _ = write(2, piece.ptr, piece.len);
    abort();
}

const Target = enum { json, cbor, http, mqtt };

fn chosen() Target {
    const name = std.mem.span(getenv("SYNAPSE_FUZZ_TARGET") orelse return .http);
    return std.meta.stringToEnum(Target, name) orelse @panic("SYNAPSE_FUZZ_TARGET is none of json, cbor, http, mqtt");
}

export fn LLVMFuzzerTestOneInput(data: [*]const u8, size: usize) c_int {
    const bytes = data[0..size];
    hosts.forgetAll();
    switch (chosen()) {
        .json => readBody(.json, bytes),
        .cbor => readBody(.cbor, bytes),
        .http => onBoard(bytes, request),
        .mqtt => onBoard(bytes, fromBroker),
    }
    return 0;
}

/// Readers decode in place, so they get a copy; it ends where a byte more would be noticed.
var copy: [32 << 10]u8 = undefined;
var values: [64]f32 = undefined;

fn readBody(comptime format: core.Format, bytes: []const u8) void {
    if (bytes.len == 0 or bytes.len > copy.len) return;
    const shape = bytes[0];
    const text = copy[copy.len - (bytes.len - 1) ..];
    @memcpy(text, bytes[1..]);
    if (wholeDocument(format, text) and format == .json) {
        if (!(std.json.validate(hosts.allocator, bytes[1..]) catch false)) @panic("the reader took what is not JSON");
    }
    @memcpy(text, bytes[1..]);
    var problem: core.Problem = .{};
    var body: core.Body = undefined;
    body.init(format, text, &problem);
    readShape(&body, shape) catch {
        if (problem.status < 400 or problem.detail.len == 0) @panic("a refusal without a reason");
    };
}

fn wholeDocument(comptime format: core.Format, text: []u8) bool {
    var tokens: core.Tokens = undefined;
    tokens.init(format, text);
    var depth: usize = 0;
    while (true) switch (tokens.next() catch return false) {
        .object_begin, .array_begin => {
            depth += 1;
            if (depth > core.limits.body_depth_max) @panic("nested more deeply than the limit");
        },
        .object_end, .array_end => depth -= 1,
        .end => return depth == 0,
        else => {},
    };
}

const fields = [_][]const u8{ "start", "actions", "history", "image", "type", "latent", "seed" };

fn readShape(body: *core.Body, shape: u8) !void {
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, &fields, &seen)) |_| switch (shape % 7) {
        0 => try body.floats(values[0..10]),
        1 => _ = try body.rows(&values, 8),
        2 => _ = try body.blob(),
        3 => _ = try body.text(),
        4 => _ = try body.unsigned(0, 1 << 40),
        5 => _ = try body.boolean(),
        else => _ = try body.unsignedOrNull(1, 9),
    };
    try body.require(&fields, seen, 0b1);
    try body.end();
}

// ---- on a board

var flash_bytes: [hosts.flash_total]u8 align(64) = undefined;
var undecided: [hosts.flash_total]u8 = undefined;

var sim: core.SimFlash = undefined;
var host: Host = undefined;
var made = false;
/// Flash operations that the board had seen when it was started for the last time; one that has seen more is made anew,
/// so that inputs do not build on each other.
var operations: u64 = 0;

fn startBoard() void {
    @memset(&undecided, 0);
    if (made) sim.deinitIn();
    made = true;
    sim = core.SimFlash.initIn(std.heap.page_allocator, &flash_bytes, &undecided, &hosts.areas, 1) catch unreachable;
    sim.program(1, &hosts.model);
    if ((host.startWithFlash(&sim) catch unreachable) != .ok) @panic("the board did not boot");
    host.claim() catch unreachable;
    host.core.mqtt.connect(host.device, 5);
    operations = sim.operations;
}

fn onBoard(bytes: []const u8, comptime event: fn ([]const u8) void) void {
    if (bytes.len < 6) return;
    if (!made or sim.operations != operations or host.reboots > 0 or host.device.update.state != .IDLE) startBoard();
    // Their memory has been taken back.
    host.replies = @splat(.{});
    host.published = .empty;
    host.subscriptions = .empty;
    host.next = 1;
    event(bytes);
    host.pump();
    for (0..host.next) |number| {
        host.core.requestClosed(@intCast(number));
        host.finishDecode(@intCast(number));
    }
    host.pump();
    if (host.device.update.busy()) core.updates.cancel(host.device);
    if (host.device.inProgress() != 0) @panic("a request without a client holds a place");
    for (host.replies[0..host.next]) |*reply| {
        if (reply.heads > 1 or reply.heads != reply.ended) @panic("a request was answered more than once, or by half");
        if (reply.hasHeader("json") and reply.body.items.len > 0) expectJson(reply.body.items);
    }
    for (host.published.items) |*published| if (std.mem.endsWith(
        u8,
        published.content_type,
        "json",
    )) expectJson(published.payload);
    host.decode_now = true;
    host.decode_fails = false;
    // A model may have been changed, but never to one that does not work.
    if (bytes[0] % 8 != 0 and sim.operations == operations) return;
    if (host.device.active.model != null and host.send(
        "POST",
        "/v1/encode",
        "image/jpeg",
        "",
        "\xff\xd8\xff",
    ).status == 500) @panic("the board does not work any more");
}

fn expectJson(text: []const u8) void {
    if (!(std.json.validate(hosts.allocator, text) catch false)) @panic("an answer is not JSON");
}

fn pick(comptime list: anytype, choice: u8) []const u8 {
    const texts: [list.len][]const u8 = list;
    return texts[choice % list.len];
}

const targets = .{
    "/v1/encode",
    "/v1/predict",
    "/v1/rollout",
    "/v1/observe",
    "/v1/plan",
    "/v1/settings",
    "/v1/claim",
    "/v1/models/model_b",
    "/v1/models/model_b/activate",
    "/v1/firmware?reboot=false",
    "/v1/updates/model",
    "/v1/updates/firmware",
    "/v1/updates",
    "/v1/selftest",
    "/v1/log?after=1",
    "/v1/device",
    "/encode",
    "/predict",
    "/rollout",
    "/status",
    "",
};
const methods = .{ "POST", "PUT", "GET", "DELETE", "HEAD", "OPTIONS" };
const types = .{
    "application/json",
    "application/cbor",
    "image/jpeg",
    "image/png",
    "application/octet-stream",
    "",
    "text/plain",
    "multipart/form-data; boundary=B",
};
const accepts = .{
    "",
    "application/json",
    "application/cbor",
    "text/event-stream",
    "application/*;q=0.5, text/event-stream",
};

/// Five bytes choose target, method, types and how the body is cut; an empty target is taken from the bytes themselves.
fn request(bytes: []const u8) void {
    var target = pick(targets, bytes[0]);
    var body = bytes[5..];
    if (target.len == 0) {
        const end = std.mem.indexOfScalar(u8, body, 0) orelse body.len;
        target = body[0..end];
        body = body[@min(body.len, end + 1)..];
    }
    host.decode_fails = bytes[4] & 64 != 0;
    host.decode_now = bytes[4] & 128 == 0;
    var length: [16]u8 = undefined;
    var headers: [4]hosts.ports.Header = undefined;
    var count: usize = 0;
    for ([_][2][]const u8{
        .{ "content-type", pick(types, bytes[2]) },
        .{ "accept", pick(accepts, bytes[3]) },
        .{ "content-length", std.fmt.bufPrint(&length, "{d}", .{body.len}) catch unreachable },
        .{ "authorization", host.token[0..host.token_len] },
    }) |pair| {
        if (pair[1].len == 0) continue;
        headers[count] = .{ .name = .of(pair[0]), .value = .of(pair[1]) };
        count += 1;
    }
    const number = host.next;
    host.next += 1;
    host.core.requestHead(number, pick(methods, bytes[1]), target, "", headers[0..count]);
    const piece = @as(usize, bytes[4] & 31) * 97 + 1;
    var at: usize = 0;
    while (at < body.len) : (at += piece) host.core.bodyChunk(number, body[at..@min(body.len, at + piece)]);
    host.core.requestEnd(number);
}

const commands = .{
    "encode",
    "predict",
    "rollout",
    "observe",
    "plan",
    "settings",
    "model",
    "firmware",
    "updates",
    "stop_update",
    "activate/model_b",
    "slot/model_a",
    "device",
    "selftest",
    "log",
    "metrics",
    "models",
    "cancel/7",
    "reboot",
    "",
};

/// Five bytes choose topic, properties and flags; an empty command is taken from the bytes themselves.
fn fromBroker(bytes: []const u8) void {
    var command = pick(commands, bytes[0]);
    var payload = bytes[5..];
    if (command.len == 0) {
        const end = std.mem.indexOfScalar(u8, payload, 0) orelse payload.len;
        command = payload[0..@min(end, 200)];
        payload = payload[@min(payload.len, end + 1)..];
    }
    var topic: [256]u8 = undefined;
    const place = if (bytes[4] & 1 == 0) "synapse/020000000001/cmd/" else "synapse/group/hall/cmd/";
    const id = if (bytes[4] & 2 == 0) "" else "/a7?accept=text/event-stream";
    host.receive(.{
        .qos = bytes[4] >> 2 & 1,
        .retain = .of(bytes[4] & 0xf8 == 0xf8),
        .duplicate = .of(bytes[4] >> 3 & 1 != 0),
        .packet_id = bytes[3],
        .topic = .of(std.fmt.bufPrint(&topic, "{s}{s}{s}", .{ place, command, id }) catch unreachable),
        .content_type = .of(pick(types, bytes[1])),
        .response_topic = .of(pick(.{ "", "clients/7", "synapse/020000000001/cmd/reboot", "a/#" }, bytes[2])),
        .correlation = .of(payload[0..@min(payload.len, bytes[3] % 80)]),
    }, payload);
}
