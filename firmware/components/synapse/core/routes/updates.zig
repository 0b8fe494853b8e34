//! POST /v1/updates/{model|firmware}: tells the board to fetch a model or a firmware by itself. GET /v1/updates says
//! how far it is, DELETE takes it back.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const broker_address = @import("settings/broker_address.zig");
const limits = @import("../limits.zig");
const media_types = @import("../request/answer.zig").media_types;
const models = @import("models.zig");
const pack_signature = @import("../flash/pack_signature.zig");
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const small_task = @import("small_task.zig");
const Kind = @import("../board/update.zig").Kind;
const updates = @import("../updates/updates.zig");

pub const route: Route = .{
    .method = .GET,
    .path = "/v1/updates",
    .access = .owner,
    .kind = .{ .immediate = .{ .offers = &media_types, .answer = show } },
};
pub const cancel_route: Route = .{
    .method = .DELETE,
    .path = "/v1/updates",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{}, 200, small_task.beginAny, cancel) },
};
pub const ask_route: Route = .{
    .method = .POST,
    .path = "/v1/updates/*",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{ .json, .cbor }, 202, begin, ask) },
};

fn show(device: *Device, _: Request, answer: *Answer, _: *Problem) ProblemError!void {
    report(device, 200, answer);
}

fn report(device: *Device, status: u16, answer: *Answer) void {
    answer.begin(status);
    answer.objectBegin();
    updates.describe(device.update, answer);
    answer.objectEnd();
    answer.end();
}

fn cancel(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    // What has arrived whole goes on to its end: it is being checked,
    // and a firmware that was checked is what starts next.
    if (device.update.state != .QUEUED and device.update.state != .DOWNLOADING) {
        return exchange.problem.fail(
            409,
            .NO_UPDATE,
            "no update is under way that could be taken back",
            .{},
            .{ .expected = "an update that is queued or being downloaded" },
        );
    }
    updates.cancel(device);
    report(device, 200, answer);
}

const State = struct { kind: Kind = .model };

fn begin(device: *Device, exchange: *Exchange, request: Request) ProblemError!void {
    const kind = std.meta.stringToEnum(Kind, request.wildcard) orelse {
        return exchange.problem.fail(
            404,
            .NOT_FOUND,
            "there are no such updates",
            .{},
            .{ .expected = "/v1/updates/model or /v1/updates/firmware" },
        );
    };
    exchange.begin(State).kind = kind;
    if (device.port.fetch_start == null) {
        return exchange.problem.fail(
            409,
            .NO_FETCH,
            "this board cannot fetch files",
            .{},
            .{ .expected = "an upload" },
        );
    }
    if (kind == .model and device.storage == null) return models.withoutFlash(&exchange.problem);
    if (kind == .firmware and device.config.firmware_bytes_max == 0) {
        return exchange.problem.fail(
            409,
            .NO_FIRMWARE_UPDATE,
            "this board cannot update its firmware over the network",
            .{},
            .{ .expected = "the serial port" },
        );
    }
}

const fields = [_][]const u8{ "url", "bytes", "sha256", "activate", "spread_s", "slot" };

fn ask(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const kind = exchange.own(State).kind;
    if (device.update.busy()) {
        return exchange.problem.fail(
            409,
            .UPDATE_IN_PROGRESS,
            "another update is {t}",
            .{device.update.state},
            .{ .expected = "the same request later, or DELETE /v1/updates first" },
        );
    }
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    const most: u64 = if (kind == .firmware) device.config.firmware_bytes_max else @as(
        u64,
        @max(device.config.slot_bytes[0], device.config.slot_bytes[1]),
    ) + pack_signature.bytes;
    var asked: updates.Asked = .{ .kind = kind, .url = "", .bytes = 0, .sha256 = undefined, .right = exchange.right };
    var seen: u32 = 0;
    try body.object();
    while (try body.field(0, if (kind == .model) &fields else fields[0..5], &seen)) |index| switch (index) {
        0 => asked.url = try readUrl(&body),
        1 => asked.bytes = try body.unsigned(1, most),
        2 => asked.sha256 = try readDigest(&body),
        3 => asked.activate = try body.boolean(),
        4 => asked.spread_s = try body.unsigned(0, limits.update_spread_s_max),
        else => {
            asked.slot = try body.text();
            if (asked.slot.len == 0) return body.failExpecting(
                "a slot's name, or no such key",
                .{},
                "the slot has no name",
                .{},
            );
        },
    };
    try body.require(&fields, seen, 0b111);
    try body.end();
    if (kind == .model) asked.slot = try slotName(device, asked.slot, &exchange.problem);
    updates.queue(device, &asked);
    report(device, 202, answer);
}

fn readUrl(body: *Body) ProblemError![]const u8 {
    const text = try body.text();
    const host = for ([_][]const u8{ "http://", "https://" }) |scheme| {
        if (std.ascii.startsWithIgnoreCase(text, scheme)) break text[scheme.len..];
    } else "";
    const plain = for (text) |byte| {
        if (byte <= ' ' or byte > '~') break false;
    } else true;
    const authority = host[0 .. std.mem.indexOfAny(u8, host, "/?#") orelse host.len];
    const place = authority[if (std.mem.lastIndexOfScalar(u8, authority, '@')) |at| at + 1 else 0..];
    if (broker_address.isPlace(place) and plain and text.len <= limits.url_bytes_max) return text;
    return body.failExpecting(
        "http:// or https://, a host, maybe a port from 1 to 65535, and a path, at most {d} characters of ASCII",
        .{limits.url_bytes_max},
        "this is no address that the board can fetch from",
        .{},
    );
}

fn readDigest(body: *Body) ProblemError![32]u8 {
    const text = try body.text();
    var digest: [32]u8 = undefined;
    if (text.len == 64) if (std.fmt.hexToBytes(&digest, text)) |_| return digest else |_| {};
    return body.failExpecting("64 hexadecimal digits", .{}, "this is no SHA-256", .{});
}

/// The slot that was asked for, or the one that does not run.
fn slotName(device: *const Device, wanted: []const u8, problem: *Problem) ProblemError![]const u8 {
    const storage = device.storage.?;
    if (wanted.len > 0) return storage.name(try models.find(device, wanted, problem));
    return storage.name(if (storage.slots.state.active) |active| active ^ 1 else 0);
}
