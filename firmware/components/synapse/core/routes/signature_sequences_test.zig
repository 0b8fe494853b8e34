//! Requests, updates, timeouts, resets and power cuts in any order: a board with update keys runs what it ran before it
//! had them, or what one of them signed, byte for byte; and what it calls signed is.
const std = @import("std");
const hosts = @import("../test_host.zig");
const limits = @import("../limits.zig");
const pack_signature = @import("../flash/pack_signature.zig");
const sims = @import("sim_parts").sim_flash;
const ports = @import("../port.zig");
const abi = @import("../abi.zig");
const Board = @import("../test_board.zig").Board;
const Sha256 = std.crypto.hash.sha2.Sha256;
const Ecdsa = std.crypto.sign.ecdsa.EcdsaP256Sha256;
const expect = std.testing.expect;

const pack_bytes = hosts.model.len;
const file_bytes = pack_bytes + pack_signature.bytes;

/// What clients send. Only the first three are signed by a key of the board, and of these the third computes something
/// else than it promises.
const File = enum { signed, signed_too, signed_and_wrong, unknown_key, others_signature, damaged, unsigned };
const file_count = std.enums.values(File).len;

var files: [file_count][file_bytes]u8 = undefined;
var digests: [file_count][32]u8 = undefined;

fn bytesOf(file: File) []const u8 {
    return files[@backingInt(file)][0..if (file == .unsigned) pack_bytes else file_bytes];
}

fn make(file: File, keys: *const Ecdsa.KeyPair) !void {
    const bytes = &files[@backingInt(file)];
    @memcpy(bytes[0..pack_bytes], &hosts.model);
    // Another file each, by the version of the program that wrote it.
    const writer = "synapse-host ";
    bytes[std.mem.indexOf(u8, &hosts.model, writer).? + writer.len] = '1' + @as(u8, @backingInt(file));
    if (file == .signed_and_wrong) bytes[pack_bytes / 2] ^= 0x40;
    var hash: Sha256 = .init(.{});
    hash.update(bytes[0..32]);
    hash.update(bytes[64..pack_bytes]);
    hash.final(bytes[32..64]);
    digests[@backingInt(file)] = bytes[32..64].*;
    const key = keys.public_key.toUncompressedSec1();
    var id: [32]u8 = undefined;
    Sha256.hash(&key, &id, .{});
    const block = bytes[pack_bytes..];
    @memset(block, 0);
    block[0..8].* = pack_signature.magic.*;
    block[8] = 1;
    block[16..32].* = id[0..16].*;
    const message = pack_signature.PackSignature.message(bytes[32..64]);
    block[32..96].* = (try keys.sign(&message, null)).toBytes();
    if (file == .others_signature) @memcpy(block, files[@backingInt(File.signed)][pack_bytes..]);
    if (file == .damaged) bytes[pack_bytes - 7] ^= 1;
}

const Open = struct {
    request: u32 = 0,
    kind: enum { upload, activate, inference } = .upload,
    file: File = .signed,
    at: usize = 0,
    end: usize = 0,
};

const Walk = struct {
    board: Board,
    random: std.Random,
    open: [3]Open = @splat(.{}),
    served: File = .signed,
    served_at: usize = 0,
    serving: u32 = 0,
    /// The worker is done, and the event side has not heard of it yet.
    worked: bool = false,
    /// The board still runs the model that it came with.
    first_runs: bool = true,
    switches: u32 = 0,
    last_digest: [32]u8 = @splat(0),

    fn slotName(walk: *Walk) []const u8 {
        const storage = walk.board.host.device.storage.?;
        const idle: u1 = if (storage.slots.state.active) |active| active ^ 1 else 1;
        return storage.name(if (walk.random.uintLessThan(u8, 6) == 0) idle ^ 1 else idle);
    }

    fn anyFile(walk: *Walk) File {
        if (!walk.random.boolean()) return walk.random.enumValue(File);
        return if (walk.random.boolean()) .signed else .signed_too;
    }

    fn head(walk: *Walk, method: []const u8, target: []const u8, extra: []const ports.Header) u32 {
        const host = &walk.board.host;
        const request = host.next;
        host.next += 1;
        var headers: [4]ports.Header = undefined;
        @memcpy(headers[0..extra.len], extra);
        headers[extra.len] = .{ .name = .of("authorization"), .value = .of(host.token[0..host.token_len]) };
        host.core.requestHead(request, method, target, "", headers[0 .. extra.len + 1]);
        return request;
    }

    fn begin(walk: *Walk, open: *Open) void {
        const random = walk.random;
        const host = &walk.board.host;
        var target: [64]u8 = undefined;
        var text: [64]u8 = undefined;
        const slot = walk.slotName();
        switch (random.uintLessThan(u8, 8)) {
            0...2 => open.* = .{
                .kind = .activate,
                .request = walk.head(
                    "POST",
                    std.fmt.bufPrint(&target, "/v1/models/{s}/activate", .{slot}) catch unreachable,
                    &.{},
                ),
            },
            3 => {
                open.* = .{ .kind = .inference, .request = host.head("POST", "/v1/encode", "image/jpeg", "") };
                host.core.bodyChunk(open.request, "\xff\xd8\xff");
            },
            else => {
                const file = walk.anyFile();
                const bytes = bytesOf(file);
                const upload = &host.device.storage.?.upload;
                const first = if (upload.active() and upload.received < bytes.len and
                    random.uintLessThan(u8, 4) > 0) upload.received else 0;
                const end = if (random.uintLessThan(u8, 4) > 0) bytes.len else random.intRangeAtMost(
                    usize,
                    first + 1,
                    bytes.len,
                );
                const range = std.fmt.bufPrint(
                    &text,
                    "bytes {d}-{d}/{d}",
                    .{ first, end - 1, bytes.len },
                ) catch unreachable;
                open.* = .{
                    .file = file,
                    .at = first,
                    .end = end,
                    .request = walk.head(
                        "PUT",
                        std.fmt.bufPrint(&target, "/v1/models/{s}", .{slot}) catch unreachable,
                        &.{.{ .name = .of("content-range"), .value = .of(range) }},
                    ),
                };
            },
        }
    }

    fn goOn(walk: *Walk, open: *Open) void {
        const core = walk.board.host.core;
        if (walk.random.uintLessThan(u8, 30) == 0) {
            core.requestClosed(open.request);
            open.request = 0;
            return;
        }
        if (open.kind == .upload and open.at < open.end) {
            const n = @min(
                open.end - open.at,
                1 + walk.random.uintLessThan(usize, if (walk.random.uintLessThan(u8, 4) == 0) 100 else 300_000),
            );
            core.bodyChunk(open.request, bytesOf(open.file)[open.at..][0..n]);
            open.at += n;
            return;
        }
        core.requestEnd(open.request);
        open.request = 0;
    }

    fn update(walk: *Walk) void {
        const host = &walk.board.host;
        const random = walk.random;
        if (host.fetch != walk.serving) {
            walk.serving = host.fetch;
            walk.served_at = @intCast(host.fetch_from);
            abi.events.fetch_head(
                host.core,
                host.fetch,
                if (host.fetch_from > 0) 206 else 200,
                bytesOf(walk.served).len - walk.served_at,
                .{},
            );
            return;
        }
        const bytes = bytesOf(walk.served);
        if (host.device.update.fetch == walk.serving and walk.served_at <= bytes.len) {
            const n = @min(bytes.len - walk.served_at, random.uintLessThan(usize, 300_000));
            abi.events.fetch_chunk(host.core, walk.serving, bytes[walk.served_at..].ptr, n);
            walk.served_at += n;
            if (n == 0 or random.uintLessThan(u8, 9) == 0) abi.events.fetch_end(
                host.core,
                walk.serving,
                if (walk.served_at == bytes.len) .whole else .broken,
            );
            return;
        }
        if (random.uintLessThan(u8, 6) == 0) {
            const request = walk.head("DELETE", "/v1/updates", &.{});
            host.core.requestEnd(request);
            return;
        }
        const file = walk.anyFile();
        var body: [400]u8 = undefined;
        var digest: [32]u8 = undefined;
        Sha256.hash(bytesOf(file), &digest, .{});
        const text = std.fmt.bufPrint(
            &body,
            "{{\"url\":\"http://h/f\",\"bytes\":{d},\"sha256\":\"{x}\",\"slot\":\"{s}\"}}",
            .{ bytesOf(file).len, &digest, walk.slotName() },
        ) catch unreachable;
        const request = walk.head(
            "POST",
            "/v1/updates/model",
            &.{.{ .name = .of("content-type"), .value = .of("application/json") }},
        );
        host.core.bodyChunk(request, text);
        host.core.requestEnd(request);
        if (host.reply(request).status == 202) walk.served = file;
    }

    /// Once all clients have left and nothing comes any more, nothing is in progress.
    fn settle(walk: *Walk) !void {
        const host = &walk.board.host;
        for (&walk.open) |*open| if (open.request != 0) host.core.requestClosed(open.request);
        walk.finishDecodes();
        walk.pump();
        host.clock_us += limits.receive_idle_us_max + 1_000_000;
        host.core.tick(host.clock_us);
        walk.pump();
        try std.testing.expectEqual(@as(u32, 0), host.device.inProgress());
        try expect(host.device.requests.running == null and host.device.requests.exclusive == null);
    }

    fn reset(walk: *Walk) !void {
        if (walk.random.boolean()) {
            try walk.settle();
            try walk.check();
        }
        walk.worked = false;
        walk.open = @splat(.{});
        walk.serving = 0;
        const host = &walk.board.host;
        host.fetch = 0;
        for (host.replies[1..host.next]) |*reply| {
            reply.body.clearRetainingCapacity();
            reply.* = .{ .body = reply.body };
        }
        host.next = 1;
        @memset(&host.pending_decode, false);
        if (!walk.board.sim.powered) walk.board.sim.powerOn();
        _ = try host.reset();
        if (walk.random.uintLessThan(u8, 3) > 0) host.core.tick(host.clock_us + limits.healthy_after_us + 1_000_000);
    }

    /// The worker's turn, or its end: much may happen between the two.
    fn turn(walk: *Walk) void {
        const host = &walk.board.host;
        if (walk.worked) host.core.workDone() else if (host.work_wanted) host.core.work() else return;
        if (!walk.worked) host.work_wanted = false;
        walk.worked = !walk.worked;
    }

    fn pump(walk: *Walk) void {
        while (walk.worked or walk.board.host.work_wanted) walk.turn();
    }

    fn finishDecodes(walk: *Walk) void {
        for (1..walk.board.host.next) |job| walk.board.host.finishDecode(@intCast(job));
    }

    fn step(walk: *Walk) !void {
        const host = &walk.board.host;
        const random = walk.random;
        if (!walk.board.sim.powered or host.next > 110 or random.uintLessThan(u8, 200) == 0) return walk.reset();
        switch (random.uintLessThan(u8, 16)) {
            0...8 => {
                const open = &walk.open[random.uintLessThan(usize, walk.open.len)];
                if (open.request == 0) walk.begin(open) else walk.goOn(open);
            },
            9, 10 => walk.turn(),
            11 => walk.pump(),
            12 => walk.update(),
            13, 14 => if (random.boolean()) walk.finishDecodes() else {
                host.clock_us += random.uintLessThan(u64, 7) * 1_000_000;
                host.core.tick(host.clock_us);
            },
            else => if (random.uintLessThan(u8, 20) == 0) walk.board.sim.cutAt(
                random.uintLessThan(u64, 40),
                random.enumValue(sims.Cut),
            ),
        }
    }

    /// Whose bytes these are, by the digest in their prefix.
    fn fileOf(digest: *const [32]u8) ?File {
        for (&digests, 0..) |*known, i| if (std.mem.eql(u8, known, digest)) return @fromBackingInt(@intCast(i));
        return null;
    }

    fn isSigned(file: File) bool {
        return @backingInt(file) <= @backingInt(File.signed_and_wrong);
    }

    fn check(walk: *Walk) !void {
        if (!walk.board.sim.powered) return;
        const device = walk.board.host.device;
        const storage = device.storage.?;
        for (0..2) |i| {
            const slot: u1 = @intCast(i);
            if (!storage.slots.signed(slot) or storage.slots.state.slots[slot].state != .ready) continue;
            const file = fileOf(&storage.slots.state.slots[slot].sha256) orelse return error.OtherModelIsSigned;
            try expect(isSigned(file));
            try expect(std.mem.eql(
                u8,
                walk.board.sim.contents(1 + @as(u32, slot))[0..pack_bytes],
                bytesOf(file)[0..pack_bytes],
            ));
        }
        const model = if (device.active.model) |*model| model else return;
        const slot = storage.find(device.active.slot.slice()).?;
        const running = walk.board.sim.contents(1 + @as(u32, slot))[0..pack_bytes];
        if (!std.mem.eql(u8, &model.info.sha256, &walk.last_digest)) walk.switches += 1;
        walk.last_digest = model.info.sha256;
        if (std.mem.eql(u8, &model.info.sha256, hosts.model[32..64])) {
            try expect(walk.first_runs and slot == 0);
            return expect(std.mem.eql(u8, running, &hosts.model));
        }
        walk.first_runs = false;
        const file = fileOf(&model.info.sha256) orelse return error.OtherModelRuns;
        try expect(file == .signed or file == .signed_too);
        try expect(std.mem.eql(u8, running, bytesOf(file)[0..pack_bytes]));
    }
};

test "in whatever order things happen, a board with update keys runs what it had, or what one of them signed" {
    const keys = try Ecdsa.KeyPair.generateDeterministic(@splat(1));
    const other = try Ecdsa.KeyPair.generateDeterministic(@splat(2));
    for (std.enums.values(File)) |file| try make(file, if (file == .unknown_key) &other else &keys);
    const trusted = [_]ports.PublicKey{keys.public_key.toUncompressedSec1()};
    var switches: u32 = 0;
    for (0..walks) |i| {
        const seed = std.testing.random_seed +% @as(u32, @intCast(i));
        errdefer std.debug.print("seed: 0x{x}\n", .{seed});
        var source: std.Random.DefaultPrng = .init(seed);
        var walk: Walk = .{ .board = undefined, .random = source.random() };
        try walk.board.start();
        defer walk.board.stop();
        walk.board.host.update_keys = &trusted;
        walk.board.host.decode_now = source.random().boolean();
        // Another model that came before the keys, in the slot that does not run.
        _ = walk.board.put("model_b", bytesOf(.unsigned));
        try walk.reset();
        for (0..steps) |number| {
            errdefer std.debug.print("step {d}\n", .{number});
            try walk.step();
            try walk.check();
        }
        switches += walk.switches;
        try std.testing.expectEqual(@as(u32, 0), walk.board.sim.violations);
    }
    std.debug.print(
        "walks of a board with update keys: {d} switches of its model in {d} steps\n",
        .{ switches, walks * steps },
    );
    try expect(switches > walks);
}

const walks = 4;
const steps = 1000;
