//! A port for tests: keeps every answer, decodes a picture when told to, and runs the worker when pumped.
const std = @import("std");
const abi = @import("abi.zig");
pub const ports = @import("port.zig");
const Core = @import("core.zig").Core;
const Device = @import("request/device.zig").Device;
const flash_module = @import("flash/flash.zig");
const sim_ota = @import("sim_parts").sim_ota;
const SimOta = sim_ota.SimOta;
pub const Reply = @import("test_given.zig").Reply;
pub const Published = @import("test_given.zig").Published;
const SimFlash = @import("sim_parts").SimFlash;

/// Fuzz targets are no tests: there memory is taken from one block, all of which is free again for the next input.
pub const allocator = if (@import("builtin").is_test) std.testing.allocator else fixed.allocator();
var fixed: std.heap.FixedBufferAllocator = .init(&fixed_bytes);
var fixed_bytes: [if (@import("builtin").is_test) 0 else 16 << 20]u8 = undefined;

pub fn forgetAll() void {
    fixed.reset();
}

pub const model align(64) = @embedFile("test_model").*;
pub const latent_elements = 32;
pub const action_elements = 10;
pub const image_bytes = 28 * 28 * 3;
pub const body_bytes_max = 64 << 10;
pub const exchange_count = 3;
const requests_max = 128;

var fast_block: [512_000]u8 align(64) = undefined;
var slow_block: [4 << 20]u8 align(64) = undefined;

/// The areas of the board's flash: records, two slots, settings, two places for the firmware and the
/// record of which one starts.
pub const areas = [_]u32{ 2 * 4096, 48 * 4096, 32 * 4096, 4 * 4096, ota_bytes, ota_bytes, 2 * 4096 };
pub const flash_total = total: {
    var sum: usize = 0;
    for (areas) |area| sum += area;
    break :total sum;
};
pub const ota_area = 4;
pub const ota_bytes = 8 * 4096;

pub const Host = struct {
    published: std.ArrayList(Published) = .empty,
    /// "+filter" and "-filter" lines.
    subscriptions: std.ArrayList(u8) = .empty,
    settings_changes: u32 = 0,
    broker_full: bool = false,
    replies: [requests_max]Reply = @splat(.{}),
    core: *Core = undefined,
    /// Of the core.
    device: *Device = undefined,
    port: ports.Port = undefined,
    clock_us: u64 = 1_000_000,
    work_wanted: bool = false,
    decode_now: bool = true,
    decode_fails: bool = false,
    /// The job that waits for its picture when decode_now is off; 0 for none.
    pending_decode: [requests_max]bool = @splat(false),
    next: u32 = 1,
    /// Null on a board without.
    flash: ?*SimFlash = null,
    ota: SimOta = undefined,
    /// The download that the board wants, and how many it has wanted.
    fetch: u32 = 0,
    fetch_from: u64 = 0,
    fetches: u32 = 0,
    fetch_cancelled: u32 = 0,
    resets: u32 = 0,
    random_byte: u8 = 4,
    reboots: u32 = 0,
    reset_reason: []const u8 = "power-on",
    /// Of a board that takes signed models only, from its next start on.
    update_keys: []const ports.PublicKey = &.{},
    /// The address that requests come from.
    client: []const u8 = "",
    /// Sent with every request when there is one.
    token: [64]u8 = undefined,
    token_len: usize = 0,

    /// In place: the port points at the host.
    pub fn start(host: *Host) !void {
        host.* = .{};
        host.wire();
        const config = host.configuration();
        var core: ?*Core = null;
        var err: ports.ErrorInfo = .{};
        try std.testing.expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &core, &err));
        host.core = core.?;
        host.device = host.core.device;
    }

    fn wire(host: *Host) void {
        host.port = .{
            .user = host,
            .log = log,
            .ticks_us = ticks,
            .random = random,
            .send_head = sendHead,
            .send_chunk = sendChunk,
            .end = end,
            .decode_image = decodeImage,
            .start_work = startWork,
            .mqtt_publish = mqttPublish,
            .mqtt_subscribe = mqttSubscribe,
            .settings_changed = settingsChanged,
            .get_link = getLink,
        };
    }

    fn getLink(_: ?*anyopaque, out: *ports.Link) callconv(.c) void {
        out.kind = .of("wifi");
        out.network = .of("home \"2\"");
        out.address = .of("192.168.1.7");
        out.rssi_dbm = -61;
    }

    pub fn startWithModel(host: *Host) !void {
        try host.start();
        try std.testing.expectEqual(
            ports.Result.ok,
            abi.synapse_device_load_model(host.core, .of("model_a"), &model, model.len, null),
        );
    }

    /// A board with flash, in whatever state it is. The result is the boot's.
    pub fn startWithFlash(host: *Host, flash: *SimFlash) !ports.Result {
        return host.startWithKeys(flash, &.{});
    }

    /// As startWithFlash; models have to be signed by one of the keys.
    pub fn startWithKeys(host: *Host, flash: *SimFlash, keys: []const ports.PublicKey) !ports.Result {
        host.* = .{ .flash = flash, .update_keys = keys };
        return host.boot();
    }

    /// What the device knew is gone, but for the flash.
    pub fn reset(host: *Host) !ports.Result {
        host.resets += 1;
        host.work_wanted = false;
        return host.boot();
    }

    fn boot(host: *Host) !ports.Result {
        host.wire();
        var config = host.configuration();
        config.records_bytes, config.slot_bytes[0], config.slot_bytes[1], config.settings_bytes = areas[0..4].*;
        const flash = host.flash.?;
        host.ota = .{
            .places = .{ flash.area(ota_area), flash.area(ota_area + 1) },
            .record = flash.area(ota_area + 2),
        };
        host.ota.boot();
        config.firmware_bytes_max = ota_bytes;
        config.firmware_state = @backingInt(host.ota.state);
        if (host.ota.head) |*image| config.firmware_version = .of(image.version());
        host.port.firmware_begin = Ota.begin;
        host.port.firmware_write = Ota.write;
        host.port.firmware_check = Ota.check;
        host.port.firmware_activate = Ota.activate;
        host.port.firmware_abort = Ota.abort;
        host.port.firmware_confirm = Ota.confirm;
        host.port.fetch_start = fetchStart;
        host.port.fetch_cancel = fetchCancel;
        host.port.verify = @import("sim_parts").verify;
        config.update_keys = host.update_keys.ptr;
        config.update_key_count = @intCast(host.update_keys.len);
        config.slot_names = .{ .of("model_a"), .of("model_b") };
        config.reset_count = host.resets;
        config.reset_reason = .of(host.reset_reason);
        host.port.reboot = reboot;
        host.port.flash_read = flashRead;
        host.port.flash_erase = flashErase;
        host.port.flash_write = flashWrite;
        host.port.flash_map = flashMap;
        var core: ?*Core = null;
        try std.testing.expectEqual(ports.Result.ok, abi.synapse_device_init(&config, &core, null));
        host.core = core.?;
        host.device = host.core.device;
        return abi.synapse_device_boot(host.core, null);
    }

    pub fn configuration(host: *Host) ports.Config {
        return .{
            .body_bytes_max = body_bytes_max,
            .exchange_count = exchange_count,
            .chip_revision = 103,
            .device_id = .of("02:00:00:00:00:01"),
            .device_name = .of("a \"test\" board"),
            .fast = &fast_block,
            .fast_bytes = fast_block.len,
            .slow = &slow_block,
            .slow_bytes = slow_block.len,
            .port = &host.port,
        };
    }

    pub fn stop(host: *Host) void {
        host.forget();
        host.published.deinit(allocator);
        host.subscriptions.deinit(allocator);
        for (&host.replies) |*given| given.body.deinit(allocator);
    }

    /// What was published and subscribed so far is of no interest.
    pub fn forget(host: *Host) void {
        for (host.published.items) |*message| message.free(allocator);
        host.published.clearRetainingCapacity();
        host.subscriptions.clearRetainingCapacity();
    }

    /// The last message on a topic.
    pub fn last(host: *Host, topic: []const u8) ?*const Published {
        var i = host.published.items.len;
        while (i > 0) {
            i -= 1;
            if (std.mem.eql(u8, host.published.items[i].topic, topic)) return &host.published.items[i];
        }
        return null;
    }

    /// A whole message from the broker, worked off.
    pub fn receive(host: *Host, message: ports.MqttMessage, payload: []const u8) void {
        const request = host.next;
        host.next += 1;
        // In two pieces, as long ones come.
        const first = payload[0 .. payload.len - payload.len / 3];
        var whole = message;
        whole.payload = first.ptr;
        whole.payload_bytes = first.len;
        whole.total_bytes = payload.len;
        abi.events.mqtt_received(host.core, request, &whole);
        if (first.len < payload.len) host.core.bodyChunk(request, payload[first.len..]);
        host.core.requestEnd(request);
        host.pump();
    }

    pub fn reply(host: *Host, request: u32) *Reply {
        return &host.replies[request];
    }

    /// Sends a head with content-type and accept, each left out when empty.
    pub fn head(host: *Host, method: []const u8, target: []const u8, content_type: []const u8, accept: []const u8) u32 {
        const request = host.next;
        host.next += 1;
        var headers: [3]ports.Header = undefined;
        var count: usize = 0;
        for ([_][2][]const u8{
            .{ "Content-Type", content_type },
            .{ "accept", accept },
            .{ "authorization", host.token[0..host.token_len] },
        }) |pair| {
            if (pair[1].len == 0) continue;
            headers[count] = .{ .name = .of(pair[0]), .value = .of(pair[1]) };
            count += 1;
        }
        host.core.requestHead(request, method, target, host.client, headers[0..count]);
        return request;
    }

    /// A whole request, worked off.
    pub fn send(
        host: *Host,
        method: []const u8,
        target: []const u8,
        content_type: []const u8,
        accept: []const u8,
        body: []const u8,
    ) *Reply {
        const request = host.head(method, target, content_type, accept);
        // In two pieces, as bodies come.
        host.core.bodyChunk(request, body[0 .. body.len / 2]);
        host.core.bodyChunk(request, body[body.len / 2 ..]);
        host.core.requestEnd(request);
        host.pump();
        return host.reply(request);
    }

    /// Claims the board and uses the token from here on.
    pub fn claim(host: *Host) !void {
        const reply_ = host.ask("POST", "/v1/claim", &.{ "content-type", "application/json" }, "{}");
        try host.takeToken(reply_);
    }

    /// Uses the token that a claim has given from here on.
    pub fn takeToken(host: *Host, reply_: *const Reply) !void {
        try std.testing.expectEqual(@as(u32, 201), reply_.status);
        const parsed = try std.json.parseFromSlice(std.json.Value, allocator, reply_.body.items, .{});
        defer parsed.deinit();
        const token = parsed.value.object.get("token").?.string;
        const text = std.fmt.bufPrint(&host.token, "Bearer {s}", .{token}) catch unreachable;
        host.token_len = text.len;
    }

    /// The head of a request with any headers, given as names and values in turn, and the host's token if it has one.
    pub fn begin(host: *Host, method: []const u8, target: []const u8, headers: []const []const u8) u32 {
        const request = host.next;
        host.next += 1;
        var list: [8]ports.Header = undefined;
        var count = headers.len / 2;
        for (0..count) |i| list[i] = .{ .name = .of(headers[2 * i]), .value = .of(headers[2 * i + 1]) };
        if (host.token_len > 0) {
            list[count] = .{ .name = .of("Authorization"), .value = .of(host.token[0..host.token_len]) };
            count += 1;
        }
        host.core.requestHead(request, method, target, host.client, list[0..count]);
        return request;
    }

    /// A whole request as `begin` begins it, worked off.
    pub fn ask(
        host: *Host,
        method: []const u8,
        target: []const u8,
        headers: []const []const u8,
        body: []const u8,
    ) *Reply {
        const request = host.begin(method, target, headers);
        var rest = body;
        while (rest.len > 0) {
            const n = @min(rest.len, 1460);
            host.core.bodyChunk(request, rest[0..n]);
            rest = rest[n..];
        }
        host.core.requestEnd(request);
        host.pump();
        return host.reply(request);
    }

    pub fn json(host: *Host, target: []const u8, body: []const u8) *Reply {
        return host.send("POST", target, "application/json", "", body);
    }

    /// Works until there is nothing to do.
    pub fn pump(host: *Host) void {
        while (host.work_wanted) host.turn();
    }

    pub fn turn(host: *Host) void {
        host.work_wanted = false;
        host.core.work();
        host.core.workDone();
    }

    pub fn finishDecode(host: *Host, job: u32) void {
        if (!host.pending_decode[job]) return;
        host.pending_decode[job] = false;
        host.decoded(job);
    }

    fn decoded(host: *Host, job: u32) void {
        if (host.decode_fails) return host.core.imageDecoded(job, null, "the picture ends in the middle");
        var rgb: [image_bytes]u8 = undefined;
        for (&rgb, 0..) |*value, i| value.* = @truncate(i * 7);
        host.core.imageDecoded(job, &rgb, "");
    }

    fn of(user: ?*anyopaque) *Host {
        return @ptrCast(@alignCast(user.?));
    }

    fn log(_: ?*anyopaque, _: ports.LogLevel, _: [*]const ports.Char, _: usize) callconv(.c) void {}

    fn ticks(user: ?*anyopaque) callconv(.c) u64 {
        const host = of(user);
        host.clock_us += 10;
        return host.clock_us;
    }

    fn random(user: ?*anyopaque, out: [*]u8, bytes: usize) callconv(.c) void {
        @memset(out[0..bytes], of(user).random_byte);
    }

    fn sendHead(
        user: ?*anyopaque,
        request: u32,
        status: u32,
        headers: [*]const ports.Header,
        count: usize,
    ) callconv(.c) void {
        const given = of(user).reply(request);
        given.status = status;
        given.heads += 1;
        for (headers[0..count]) |header| {
            const line = std.fmt.bufPrint(
                given.headers[given.headers_len..],
                "{s}: {s}\n",
                .{ header.name.slice(), header.value.slice() },
            ) catch unreachable;
            given.headers_len += line.len;
        }
    }

    fn sendChunk(user: ?*anyopaque, request: u32, bytes: [*]const u8, count: usize) callconv(.c) void {
        const given = of(user).reply(request);
        std.debug.assert(given.heads == 1 and given.ended == 0);
        given.body.appendSlice(allocator, bytes[0..count]) catch unreachable;
    }

    fn end(user: ?*anyopaque, request: u32) callconv(.c) void {
        of(user).reply(request).ended += 1;
    }

    fn decodeImage(
        user: ?*anyopaque,
        job: u32,
        _: [*]const u8,
        _: usize,
        _: ports.Text,
        width: u32,
        height: u32,
    ) callconv(.c) void {
        const host = of(user);
        std.debug.assert(width * height * 3 == image_bytes);
        if (host.decode_now) host.decoded(job) else host.pending_decode[job] = true;
    }

    fn mqttPublish(user: ?*anyopaque, message: *const ports.MqttMessage) callconv(.c) i32 {
        const host = of(user);
        if (host.broker_full) return -1;
        var properties: std.ArrayList(u8) = .empty;
        if (message.properties) |list| for (list[0..message.property_count]) |property| properties.print(
            allocator,
            "{s}: {s}\n",
            .{ property.name.slice(), property.value.slice() },
        ) catch unreachable;
        host.published.append(allocator, .{
            .topic = allocator.dupe(u8, message.topic.slice()) catch unreachable,
            .payload = allocator.dupe(u8, message.payload.?[0..message.payload_bytes]) catch unreachable,
            .content_type = allocator.dupe(u8, message.content_type.slice()) catch unreachable,
            .correlation = allocator.dupe(u8, message.correlation.slice()) catch unreachable,
            .properties = properties.toOwnedSlice(allocator) catch unreachable,
            .qos = message.qos,
            .retain = message.retain.is(),
        }) catch unreachable;
        return 0;
    }

    fn mqttSubscribe(user: ?*anyopaque, filter: ports.Text, on: ports.Flag) callconv(.c) void {
        of(user).subscriptions.print(
            allocator,
            "{s}{s}\n",
            .{ if (on.is()) "+" else "-", filter.slice() },
        ) catch unreachable;
    }

    fn settingsChanged(user: ?*anyopaque) callconv(.c) void {
        of(user).settings_changes += 1;
    }

    fn reboot(user: ?*anyopaque) callconv(.c) void {
        of(user).reboots += 1;
    }

    const Ota = sim_ota.Calls(struct {
        fn otaOf(user: ?*anyopaque) *SimOta {
            return &of(user).ota;
        }
    }.otaOf);

    fn fetchStart(user: ?*anyopaque, fetch: u32, _: ports.Text, from: u64) callconv(.c) void {
        const host = of(user);
        host.fetch = fetch;
        host.fetch_from = from;
        host.fetches += 1;
    }

    fn fetchCancel(user: ?*anyopaque, fetch: u32) callconv(.c) void {
        of(user).fetch_cancelled = fetch;
    }

    fn flashRead(user: ?*anyopaque, area: u32, offset: u32, out: [*]u8, bytes: usize) callconv(.c) flash_module.Result {
        return SimFlash.calls.read(of(user).flash.?, area, offset, out, bytes);
    }

    fn flashErase(user: ?*anyopaque, area: u32, offset: u32) callconv(.c) flash_module.Result {
        return SimFlash.calls.erase(of(user).flash.?, area, offset);
    }

    fn flashWrite(
        user: ?*anyopaque,
        area: u32,
        offset: u32,
        data: [*]const u8,
        bytes: usize,
    ) callconv(.c) flash_module.Result {
        return SimFlash.calls.write(of(user).flash.?, area, offset, data, bytes);
    }

    fn flashMap(user: ?*anyopaque, area: u32) callconv(.c) ?[*]align(64) const u8 {
        return @alignCast(of(user).flash.?.contents(area).ptr);
    }

    fn startWork(user: ?*anyopaque) callconv(.c) void {
        of(user).work_wanted = true;
    }
};
