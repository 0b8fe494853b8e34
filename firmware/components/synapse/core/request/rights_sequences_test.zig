//! Heads, pieces of bodies, ends, claims, new tokens, settings, boards given away, uploads, updates and commands in any
//! order: nothing acts without a right that holds in that moment. What holds is kept here a second time, from what
//! clients were answered.
const std = @import("std");
const abi = @import("../abi.zig");
const hosts = @import("../test_host.zig");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const Board = @import("../test_board.zig").Board;
const expect = std.testing.expect;

const topic = "synapse/020000000001/cmd/";
const Act = enum { claim, rotate, release, settings, open, close, broker, upload, activate, encode, announce, reboot };
const Basis = enum { stranger, owner, broker, unclaimed };

/// Who owns the board, what opens it, and which broker is its own: as clients can know it.
const World = struct {
    claimed: bool = false,
    owner: u32 = 0,
    token: u32 = 0,
    broker: u32 = 0,
    open: bool = false,
    /// Only what was set is another when it is gone.
    broker_set: bool = false,
};

const Asked = struct {
    act: Act = .settings,
    basis: Basis = .stranger,
    /// When it was admitted.
    then: World = .{},
    sent: usize = 0,
    body: [96]u8 = undefined,
    body_len: usize = 0,
    done: bool = true,

    fn mayAct(asked: *const Asked, now: *const World) bool {
        return switch (asked.basis) {
            .owner => now.claimed and asked.then.token == now.token,
            .broker => now.claimed and asked.then.owner == now.owner and asked.then.broker == now.broker,
            .unclaimed => !now.claimed and asked.then.owner == now.owner,
            .stranger => now.claimed and now.open and asked.then.owner == now.owner,
        };
    }
};

const Walk = struct {
    board: Board,
    random: std.Random,
    world: World = .{},
    /// Tokens that were the owner's, the last one included: somebody may have taken any of them.
    tokens: [4]struct { text: [64]u8 = undefined, len: usize = 0, token: u32 = 0 } = @splat(.{}),
    asked: [128]Asked = @splat(.{}),
    /// Of whoever announced the update under way.
    announcer: ?Asked = null,
    connected_broker: u32 = 0,
    acted: u32 = 0,
    lost: u32 = 0,

    fn bodyOf(walk: *Walk, asked: *Asked, request: u32) void {
        asked.body_len = (switch (asked.act) {
            .claim, .rotate => std.fmt.bufPrint(&asked.body, "{{\"name\":\"n{d}\"}}", .{request}),
            .settings => std.fmt.bufPrint(&asked.body, "{{\"name\":\"n{d}\"}}", .{request}),
            .open => std.fmt.bufPrint(&asked.body, "{{\"open_inference\":true}}", .{}),
            .close => std.fmt.bufPrint(&asked.body, "{{\"open_inference\":false}}", .{}),
            .broker => std.fmt.bufPrint(
                &asked.body,
                "{{\"broker_url\":\"mqtt://b{d}\"}}",
                .{request + walk.board.host.resets * 128},
            ),
            .encode => std.fmt.bufPrint(&asked.body, "\xff\xd8\xff", .{}),
            else => std.fmt.bufPrint(&asked.body, "", .{}),
        } catch unreachable).len;
    }

    fn begin(walk: *Walk) void {
        const host = &walk.board.host;
        const random = walk.random;
        const request = host.next;
        host.next += 1;
        const asked = &walk.asked[request];
        // Giving away and claiming stay rare, or nothing else would get far.
        asked.* = .{ .act = random.enumValue(Act), .then = walk.world, .done = false };
        if (asked.act == .release and random.uintLessThan(u8, 3) > 0) asked.act = .upload;
        if (walk.world.claimed and random.uintLessThan(u8, 4) == 0) return walk.command(request, asked);
        walk.bodyOf(asked, request);
        const known = walk.tokens[random.uintLessThan(usize, walk.tokens.len)];
        const with_token = known.len > 0 and asked.act != .claim and random.uintLessThan(u8, 8) > 0;
        const is_owner = with_token and known.token == walk.world.token;
        asked.basis = if (!walk.world.claimed) .unclaimed else if (is_owner) .owner else .stranger;
        var headers: [4]ports.Header = undefined;
        var count: usize = 0;
        if (with_token) {
            headers[count] = .{ .name = .of("authorization"), .value = .of(known.text[0..known.len]) };
            count += 1;
        }
        if (asked.act == .announce) return walk.announce(asked, request, headers[0..count]);
        var length: [16]u8 = undefined;
        const type_: []const u8 = switch (asked.act) {
            .claim, .rotate, .settings, .open, .close, .broker => "application/json",
            .encode => "image/jpeg",
            else => "",
        };
        if (type_.len > 0) {
            headers[count] = .{ .name = .of("content-type"), .value = .of(type_) };
            count += 1;
        }
        if (asked.act == .upload) {
            headers[count] = .{
                .name = .of("content-length"),
                .value = .of(std.fmt.bufPrint(&length, "{d}", .{hosts.model.len}) catch unreachable),
            };
            count += 1;
        }
        const method, const target = switch (asked.act) {
            .claim, .rotate => .{ "POST", "/v1/claim" },
            .release => .{ "DELETE", "/v1/claim" },
            .settings, .open, .close, .broker => .{ "PUT", "/v1/settings" },
            .upload => .{ "PUT", if (walk.activeIs("model_a")) "/v1/models/model_b" else "/v1/models/model_a" },
            .activate => .{
                "POST",
                if (walk.activeIs("model_a")) "/v1/models/model_b/activate" else "/v1/models/model_a/activate",
            },
            .encode => .{ "POST", "/v1/encode" },
            .reboot => .{ "POST", "/v1/reboot" },
            .announce => unreachable,
        };
        host.core.requestHead(request, method, target, walk.clientOf(request), headers[0..count]);
    }

    fn activeIs(walk: *Walk, name: []const u8) bool {
        return std.mem.eql(u8, walk.board.host.device.active.slot.slice(), name);
    }

    /// Three strangers, and the owner at the address of one of them.
    fn clientOf(_: *const Walk, request: u32) []const u8 {
        return ([_][]const u8{ "10.0.0.1", "10.0.0.2", "2001:db8::1" })[request % 3];
    }

    fn announce(walk: *Walk, asked: *Asked, request: u32, token: []const ports.Header) void {
        const host = &walk.board.host;
        var headers: [2]ports.Header = .{
            .{ .name = .of("content-type"), .value = .of("application/json") },
            undefined,
        };
        if (token.len > 0) headers[1] = token[0];
        host.core.requestHead(
            request,
            "POST",
            "/v1/updates/model",
            walk.clientOf(request),
            headers[0 .. 1 + token.len],
        );
        walk.sendAnnouncement(asked, request);
    }

    fn sendAnnouncement(walk: *Walk, asked: *Asked, request: u32) void {
        const host = &walk.board.host;
        var digest: [32]u8 = undefined;
        std.crypto.hash.sha2.Sha256.hash(&hosts.model, &digest, .{});
        var body: [256]u8 = undefined;
        host.core.bodyChunk(
            request,
            std.fmt.bufPrint(
                &body,
                "{{\"url\":\"http://h/f\",\"bytes\":{d},\"sha256\":\"{x}\"}}",
                .{ hosts.model.len, &digest },
            ) catch unreachable,
        );
        host.core.requestEnd(request);
        if (host.reply(request).status == 202) walk.announcer = asked.*;
    }

    /// Over the broker's connection, which may be that of a broker that the owner has left.
    fn command(walk: *Walk, request: u32, asked: *Asked) void {
        const host = &walk.board.host;
        asked.act = if (walk.random.boolean()) .settings else .activate;
        asked.basis = .broker;
        asked.then.broker = walk.connected_broker;
        walk.bodyOf(asked, request);
        var text: [80]u8 = undefined;
        const activate = if (walk.activeIs("model_a")) "activate/model_b" else "activate/model_a";
        const name = if (asked.act == .settings) "settings" else activate;
        asked.sent = @min(asked.body_len, 3);
        abi.events.mqtt_received(host.core, request, &.{
            .qos = 1,
            .topic = .of(std.fmt.bufPrint(
                &text,
                topic ++ "{s}/r{d}-{d}",
                .{ name, host.resets, request },
            ) catch unreachable),
            .payload = &asked.body,
            .payload_bytes = asked.sent,
            .total_bytes = asked.body_len,
        });
    }

    fn goOn(walk: *Walk) void {
        const host = &walk.board.host;
        if (host.next == 1) return;
        // The first from anywhere on that is not done.
        const first = walk.random.uintLessThan(u32, host.next - 1);
        const request = for (0..host.next - 1) |i| {
            const candidate = 1 + (first + @as(u32, @intCast(i))) % (host.next - 1);
            if (!walk.asked[candidate].done) break candidate;
        } else return;
        const asked = &walk.asked[request];
        if (asked.act == .upload) {
            const n = @min(hosts.model.len - asked.sent, 1 + walk.random.uintLessThan(usize, 120_000));
            host.core.bodyChunk(request, hosts.model[asked.sent..][0..n]);
            asked.sent += n;
            if (asked.sent < hosts.model.len) return;
        } else if (asked.sent < asked.body_len) {
            const n = if (walk.random.boolean()) asked.body_len - asked.sent else 1;
            host.core.bodyChunk(request, asked.body[asked.sent..][0..n]);
            asked.sent += n;
            return;
        }
        host.core.requestEnd(request);
        asked.done = true;
    }

    fn serve(walk: *Walk) void {
        const host = &walk.board.host;
        const updates = host.device.update;
        if (host.fetch == 0) return;
        switch (updates.state) {
            .QUEUED => abi.events.fetch_head(
                host.core,
                host.fetch,
                if (host.fetch_from > 0) 206 else 200,
                hosts.model.len - host.fetch_from,
                .{},
            ),
            .DOWNLOADING => if (updates.received < hosts.model.len) {
                const n = @min(hosts.model.len - updates.received, 60_000);
                abi.events.fetch_chunk(
                    host.core,
                    host.fetch,
                    hosts.model[@intCast(updates.received)..].ptr,
                    @intCast(n),
                );
            } else abi.events.fetch_end(host.core, host.fetch, .whole),
            else => {},
        }
    }

    /// Takes in what was answered since: who succeeded had the right to, in the world as it was before.
    fn read(walk: *Walk, seen: *[128]bool) !void {
        const host = &walk.board.host;
        const before = walk.world;
        for (1..host.next) |i| {
            const reply = &host.replies[i];
            if (seen[i] or reply.ended == 0) continue;
            seen[i] = true;
            const asked = &walk.asked[i];
            asked.done = true;
            if (std.mem.indexOf(u8, reply.body.items, "RIGHT_LOST") != null) walk.lost += 1;
            if (reply.status >= 300) continue;
            errdefer std.debug.print(
                "request {d}, {t} as {t}: {d} {s}\n",
                .{ i, asked.act, asked.basis, reply.status, reply.body.items },
            );
            try expect(asked.mayAct(&before));
            walk.acted += 1;
            switch (asked.act) {
                .claim, .rotate => {
                    const token = tokenOf(reply.body.items);
                    // A new token that is the old one again changes nobody's right. Boards draw 32 bytes;
                    // here one is drawn.
                    const same = walk.world.claimed and walk.isCurrent(token);
                    if (!walk.world.claimed) walk.world.owner += 1;
                    walk.world.claimed = true;
                    walk.world.token += @intFromBool(!same);
                    walk.remember(token);
                },
                .release => {
                    const broker = walk.world.broker + @intFromBool(walk.world.broker_set);
                    walk.world = .{ .owner = walk.world.owner + 1, .token = walk.world.token + 1, .broker = broker };
                },
                .open => walk.world.open = true,
                .close => walk.world.open = false,
                .broker => {
                    walk.world.broker += 1;
                    walk.world.broker_set = true;
                },
                else => {},
            }
        }
    }

    fn tokenOf(body: []const u8) []const u8 {
        const start = std.mem.indexOf(u8, body, "\"token\":\"").? + 9;
        return body[start..][0..43];
    }

    fn isCurrent(walk: *const Walk, token: []const u8) bool {
        const place = &walk.tokens[walk.world.token % walk.tokens.len];
        return place.len > 0 and std.mem.endsWith(u8, place.text[0..place.len], token);
    }

    fn remember(walk: *Walk, token: []const u8) void {
        const place = &walk.tokens[walk.world.token % walk.tokens.len];
        const text = std.fmt.bufPrint(&place.text, "Bearer {s}", .{token}) catch unreachable;
        place.len = text.len;
        // What looks random here comes again: one that was the owner's before is not told apart from the one that is.
        for (&walk.tokens) |*other| if (other != place and std.mem.eql(u8, other.text[0..other.len], text)) {
            other.len = 0;
        };
        place.token = walk.world.token;
    }

    fn check(walk: *Walk) !void {
        const device = walk.board.host.device;
        for (device.requests.places) |*exchange| {
            if (exchange.state == .free or exchange.ending != .none or exchange.channel == .own) continue;
            const asked = &walk.asked[exchange.request];
            errdefer std.debug.print(
                "request {d}, {t} as {t}, is {t}\n",
                .{ exchange.request, asked.act, asked.basis, exchange.state },
            );
            try expect(asked.mayAct(&walk.world));
        }
        if (device.update.busy()) try expect(walk.announcer != null and walk.announcer.?.mayAct(&walk.world));
    }

    fn step(walk: *Walk, seen: *[128]bool) !void {
        const host = &walk.board.host;
        if (host.next > 120) return walk.startAnew(seen);
        const name_before = try std.testing.allocator.dupe(u8, host.device.name());
        defer std.testing.allocator.free(name_before);
        const world = walk.world;
        const active = host.device.active.slot;
        const reboots = host.reboots;
        const operations = walk.board.sim.operations;
        host.random_byte +%= 1;
        switch (walk.random.uintLessThan(u8, 12)) {
            0...2 => walk.begin(),
            3...7 => walk.goOn(),
            8, 9 => if (host.work_wanted) host.turn(),
            10 => walk.serve(),
            else => switch (walk.random.uintLessThan(u8, 3)) {
                0 => for (1..host.next) |job| host.finishDecode(@intCast(job)),
                1 => if (walk.world.claimed) {
                    abi.events.mqtt_connected(host.core, 5);
                    walk.connected_broker = walk.world.broker;
                },
                else => {
                    host.clock_us += walk.random.uintLessThan(u64, 2) * 1_000_000;
                    host.core.tick(host.clock_us);
                },
            },
        }
        try walk.read(seen);
        // Names tell who changed the settings, whatever was answered.
        const name = host.device.name();
        if (!std.mem.eql(u8, name, name_before) and name[0] == 'n') {
            const request = try std.fmt.parseInt(usize, name[1..], 10);
            errdefer std.debug.print("request {d} named the board\n", .{request});
            try expect(walk.asked[request].mayAct(&world));
        }
        if (!world.claimed and !walk.world.claimed) {
            try expect(
                std.mem.eql(
                    u8,
                    active.slice(),
                    host.device.active.slot.slice(),
                ) or host.device.active.model == null or walk.undoing(),
            );
            try expect(reboots == host.reboots);
        }
        // Nobody writes to a board that neither has nor had an owner but who gives up what was begun.
        if (!world.claimed and !walk.world.claimed) try expect(walk.board.sim.operations - operations <= 16);
        try walk.check();
    }

    fn undoing(walk: *Walk) bool {
        for (walk.board.host.device.requests.places) |*exchange| if (exchange.undoing) return true;
        return false;
    }

    /// Numbers of requests are used up: the board starts anew, and keeps its owner.
    fn startAnew(walk: *Walk, seen: *[128]bool) !void {
        const host = &walk.board.host;
        for (host.replies[1..host.next]) |*reply| {
            reply.body.clearRetainingCapacity();
            reply.* = .{ .body = reply.body };
        }
        host.next = 1;
        host.fetch = 0;
        host.forget();
        @memset(&host.pending_decode, false);
        seen.* = @splat(false);
        walk.asked = @splat(.{});
        walk.announcer = null;
        _ = try host.reset();
        host.device.sayHealthy();
        if (!walk.world.claimed) host.device.openClaim(limits.claim_window_us);
    }
};

test "in whatever order things happen, nothing acts without a right that holds in that moment" {
    var acted: u32 = 0;
    var lost: u32 = 0;
    for (0..walks) |i| {
        const seed = std.testing.random_seed +% @as(u32, @intCast(i));
        errdefer std.debug.print("seed: 0x{x}\n", .{seed});
        var source: std.Random.DefaultPrng = .init(seed);
        var walk: Walk = .{ .board = undefined, .random = source.random() };
        var seen: [128]bool = @splat(false);
        try walk.board.startUnclaimed();
        defer walk.board.stop();
        walk.board.host.decode_now = source.random().boolean();
        for (0..steps) |number| {
            errdefer std.debug.print("step {d}\n", .{number});
            try walk.step(&seen);
        }
        acted += walk.acted;
        lost += walk.lost;
    }
    std.debug.print(
        "walks of rights: {d} requests acted and {d} lost their right in {d} steps\n",
        .{ acted, lost, walks * steps },
    );
    try expect(acted > walks * 20 and lost > walks);
}

const walks = 6;
const steps = 2500;
