//! GET and PUT /v1/settings: what the owner has set. PUT changes the settings that it names, all of them or none, and
//! answers as GET does.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const broker_address = @import("settings/broker_address.zig");
const Address = broker_address.Address;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Pair = @import("../flash/journal.zig").Pair;
const limits = @import("../limits.zig");
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Storage = @import("../board/storage.zig").Storage;
const media_types = @import("../request/answer.zig").media_types;
const models = @import("models.zig");
const ownership = @import("ownership.zig");
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const schema = @import("settings/schema.zig");
const secrets = @import("../board/secrets.zig");
const small_task = @import("small_task.zig");

pub const route: Route = .{
    .method = .GET,
    .path = "/v1/settings",
    .access = .owner,
    .kind = .{ .immediate = .{ .offers = &media_types, .answer = show } },
};
pub const change_route: Route = .{
    .method = .PUT,
    .path = "/v1/settings",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{ .json, .cbor }, 200, small_task.beginAny, change) },
};

const url_bytes_max = bytes: {
    var most: u32 = 0;
    for (schema.table) |setting| switch (setting.kind) {
        .url => |bytes_max| most = @max(most, bytes_max),
        else => {},
    };
    break :bytes most;
};

/// Bytes of all lists, numbers and addresses of one request together, each at its largest.
const lists_bytes_max = bytes: {
    var bytes: usize = 0;
    for (schema.table) |setting| switch (setting.kind) {
        .list => |list| bytes += list.entries_max * (list.entry_bytes_max + 1),
        .number => bytes += 20,
        // The address once more, and its user's name and password.
        .url => |bytes_max| bytes += 2 * bytes_max,
        else => {},
    };
    break :bytes bytes;
};

comptime {
    std.debug.assert(lists_bytes_max <= limits.texts_bytes);
}

fn show(device: *Device, _: Request, answer: *Answer, problem: *Problem) ProblemError!void {
    report(device.storage orelse return models.withoutFlash(problem), answer);
}

fn report(storage: *const Storage, answer: *Answer) void {
    answer.begin(200);
    answer.objectBegin();
    for (schema.table) |setting| {
        const value = storage.settings.get(setting.key);
        answer.key(setting.key);
        switch (setting.kind) {
            .text => answer.text(value orelse ""),
            .url => {
                var buffer: [url_bytes_max + secrets.longer_max]u8 = undefined;
                answer.text(secrets.masked(value orelse "", &buffer));
            },
            .secret => if (value == null) answer.nothing() else answer.text("********"),
            .flag => answer.boolean(value != null),
            .number => if (value) |digits| {
                answer.unsigned(std.fmt.parseInt(u64, digits, 10) catch 0);
            } else answer.nothing(),
            .list => {
                answer.arrayBegin();
                var lines = std.mem.tokenizeScalar(u8, value orelse "", '\n');
                while (lines.next()) |line| answer.text(line);
                answer.arrayEnd();
            },
        }
    }
    answer.objectEnd();
    answer.end();
}

fn change(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const storage = device.storage orelse return models.withoutFlash(&exchange.problem);
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var changes: [schema.table.len + 2]Pair = undefined;
    var user: BrokerUser = .{};
    var count: usize = 0;
    var seen: u32 = 0;
    var lists: std.Io.Writer = .fixed(device.texts);
    try body.object();
    while (try body.field(0, &schema.keys, &seen)) |index| {
        const setting = &schema.table[index];
        changes[count] = .{ .key = setting.key, .value = switch (setting.kind) {
            .text, .secret => |bytes_max| try textValue(&body, bytes_max),
            .url => |bytes_max| try urlValue(&body, bytes_max, storage.settings.get(setting.key), &lists, &user),
            .flag => if (try body.boolean()) "1" else null,
            .number => |number| try numberValue(&body, number.most, &lists),
            .list => |*list| try listValue(&body, list, &lists),
        } };
        count += 1;
    }
    try body.end();
    // What the request says beside the address counts more.
    for ([_]Pair{
        .{ .key = "broker_username", .value = user.name },
        .{ .key = "broker_password", .value = user.password },
    }) |pair| {
        const said = for (changes[0..count]) |change_| {
            if (std.mem.eql(u8, change_.key, pair.key)) break true;
        } else false;
        if (pair.value == null or said) continue;
        changes[count] = pair;
        count += 1;
    }
    storage.settings.apply(changes[0..count]) catch |err| return small_task.settingsProblem(exchange, err);
    storage.access.load();
    report(storage, answer);
    ownership.changed(device, exchange);
    device.settingsChanged();
}

fn textValue(body: *Body, bytes_max: u32) ProblemError!?[]const u8 {
    const text = try body.text();
    if (text.len > bytes_max or !schema.isPrintable(text)) return body.failExpecting(
        "at most {d} printable bytes; none to remove the setting",
        .{bytes_max},
        "the text has {d} bytes, or some that are not printable",
        .{text.len},
    );
    return if (text.len == 0) null else text;
}

/// Who an address says that the board is.
const BrokerUser = struct { name: ?[]const u8 = null, password: ?[]const u8 = null };

fn urlValue(
    body: *Body,
    bytes_max: u32,
    now: ?[]const u8,
    texts: *std.Io.Writer,
    user: *BrokerUser,
) ProblemError!?[]const u8 {
    const text = try textValue(body, bytes_max + secrets.longer_max) orelse return null;
    if (now) |set| {
        // What is shown, sent back: it is the same address still.
        var buffer: [url_bytes_max + secrets.longer_max]u8 = undefined;
        if (std.mem.eql(u8, text, secrets.masked(set, &buffer))) return set;
    }
    if (text.len > bytes_max) return body.failExpecting(
        "at most {d} printable bytes; none to remove the setting",
        .{bytes_max},
        "the text has {d} bytes",
        .{text.len},
    );
    const address = Address.parse(text) orelse return body.failExpecting(
        "{s}",
        .{broker_address.expected},
        "this is no broker's address",
        .{},
    );
    if (address.username == null) return text;
    user.name = try userPart(body, address.username.?, limits.broker_username_bytes_max, texts);
    user.password = try userPart(body, address.password orelse "", limits.broker_password_bytes_max, texts);
    const start = texts.end;
    texts.print(
        "{s}{s}",
        .{ address.scheme, address.rest },
    ) catch unreachable; // The buffer holds an address and its parts.
    return texts.buffered()[start..];
}

fn userPart(body: *Body, text: []const u8, bytes_max: u32, texts: *std.Io.Writer) ProblemError!?[]const u8 {
    if (text.len == 0) return null;
    const decoded = broker_address.decode(texts.buffer[texts.end..], text) orelse return body.failExpecting(
        "printable characters, or % and two hexadecimal digits for one",
        .{},
        "the user in the address is not valid",
        .{},
    );
    if (decoded.len > bytes_max) return body.failExpecting(
        "at most {d} bytes",
        .{bytes_max},
        "the user in the address has {d} bytes",
        .{decoded.len},
    );
    texts.advance(decoded.len);
    return decoded;
}

fn numberValue(body: *Body, most: u64, texts: *std.Io.Writer) ProblemError!?[]const u8 {
    const value = (try body.unsignedOrNull(0, most)) orelse return null;
    const start = texts.end;
    texts.print("{d}", .{value}) catch unreachable; // The buffer holds every value at its largest.
    return texts.buffered()[start..];
}

fn listValue(body: *Body, list: anytype, lists: *std.Io.Writer) ProblemError!?[]const u8 {
    if (try body.next() != .array_begin) return body.failExpecting("an array of texts", .{}, "this is no array", .{});
    const start = lists.end;
    var entries: u32 = 0;
    while (true) switch (try body.next()) {
        .array_end => break,
        .text => |entry| {
            entries += 1;
            if (entries > list.entries_max) return body.failExpecting(
                "at most {d} entries",
                .{list.entries_max},
                "there are too many entries",
                .{},
            );
            if (entry.len > list.entry_bytes_max or !list.valid(entry)) return body.failExpecting(
                "{s}",
                .{list.expected},
                "entry {d} is not valid",
                .{entries},
            );
            if (entries > 1) lists.writeByte('\n') catch unreachable;
            lists.writeAll(entry) catch unreachable; // The buffer holds every list at its largest.
        },
        else => return body.failExpecting("an array of texts", .{}, "entry {d} is no text", .{entries + 1}),
    };
    return if (entries == 0) null else lists.buffered()[start..];
}
