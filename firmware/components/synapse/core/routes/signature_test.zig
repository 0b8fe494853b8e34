//! A board with update keys: what it takes, what it refuses, and what it says.
const std = @import("std");
const hosts = @import("../test_host.zig");
const pack_signature = @import("../flash/pack_signature.zig");
const ports = @import("../port.zig");
const boots_max = @import("../flash/slots.zig").boots_max;
const Board = @import("../test_board.zig").Board;
const expectProblem = @import("../test_board.zig").expectProblem;
const Ecdsa = std.crypto.sign.ecdsa.EcdsaP256Sha256;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const pack: []const u8 = &hosts.model;
const signed_bytes = hosts.model.len + pack_signature.bytes;

var signed_file: [signed_bytes]u8 = undefined;

fn pair(seed: u8) !Ecdsa.KeyPair {
    return Ecdsa.KeyPair.generateDeterministic(@splat(seed));
}

fn publicKey(keys: *const Ecdsa.KeyPair) ports.PublicKey {
    return keys.public_key.toUncompressedSec1();
}

fn idOf(key: *const ports.PublicKey) pack_signature.KeyId {
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(key, &digest, .{});
    return digest[0..16].*;
}

/// The pack and its signature.
fn sign(keys: *const Ecdsa.KeyPair) ![]u8 {
    signed_file[0..pack.len].* = hosts.model;
    const block = signed_file[pack.len..];
    @memset(block, 0);
    block[0..8].* = pack_signature.magic.*;
    block[8] = 1;
    block[16..32].* = idOf(&publicKey(keys));
    const message = pack_signature.PackSignature.message(pack[32..64]);
    block[32..96].* = (try keys.sign(&message, null)).toBytes();
    return &signed_file;
}

/// What the board says of the second slot's model.
fn expectSigned(board: *Board, signed: bool) !void {
    const given = board.host.ask("GET", "/v1/models/model_b", &.{}, "");
    const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, given.body.items, .{});
    defer parsed.deinit();
    try expectEqual(signed, parsed.value.object.get("signed").?.bool);
}

test "a board with update keys takes what one of them signed" {
    const keys = [_]Ecdsa.KeyPair{ try pair(1), try pair(2) };
    const trusted = [_]ports.PublicKey{ publicKey(&keys[0]), publicKey(&keys[1]) };
    for (&keys) |*signer| {
        var board: Board = undefined;
        try board.startWithKeys(&trusted);
        defer board.stop();
        try expectEqual(@as(u32, 201), board.put("model_b", try sign(signer)).status);
        try expectSigned(&board, true);
        try expectEqual(@as(u32, 200), board.activate("model_b").status);
        try expectEqual(ports.Result.ok, try board.host.reset());
        try expectSigned(&board, true);
    }
}

test "what is not signed is refused before anything is erased" {
    const keys = try pair(1);
    var board: Board = undefined;
    try board.startWithKeys(&.{publicKey(&keys)});
    defer board.stop();
    const before = board.sim.operations;
    try expectProblem(board.put("model_b", pack), 422, "SIGNATURE_MISSING");
    try expectEqual(before, board.sim.operations);
    try board.expectSlot("model_b", "EMPTY", false);
}

test "a signature or a pack that was changed is found, and the slot does not count" {
    const keys = try pair(1);
    var board: Board = undefined;
    try board.startWithKeys(&.{publicKey(&keys)});
    defer board.stop();
    const file = try sign(&keys);
    for ([_]usize{ 0, 8, 12, 16, 31, 32, 63, 64, 95 }) |i| {
        file[pack.len + i] ^= 1;
        defer file[pack.len + i] ^= 1;
        try expectProblem(
            board.put("model_b", file),
            422,
            if (i >= 16 and i < 32) "SIGNATURE_KEY_UNKNOWN" else "SIGNATURE_WRONG",
        );
        try board.expectSlot("model_b", "BROKEN", false);
    }
    file[pack.len - 1] ^= 1;
    try expectProblem(board.put("model_b", file), 422, "DIGEST_WRONG");
    file[pack.len - 1] ^= 1;
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
}

test "a signature by a key that the board does not know" {
    const keys = try pair(1);
    const other = try pair(2);
    var board: Board = undefined;
    try board.startWithKeys(&.{publicKey(&keys)});
    defer board.stop();
    const reply = board.put("model_b", try sign(&other));
    try expectProblem(reply, 422, "SIGNATURE_KEY_UNKNOWN");
    var hex: [32]u8 = undefined;
    const id = try std.fmt.bufPrint(&hex, "{x}", .{&idOf(&publicKey(&keys))});
    try expect(std.mem.indexOf(u8, reply.body.items, id) != null);
    // Who may read of the board learns which signatures it wants.
    try expect(std.mem.indexOf(u8, board.host.ask("GET", "/v1/device", &.{}, "").body.items, id) != null);
}

test "a signed pack comes in pieces, the signature too" {
    const keys = try pair(1);
    var board: Board = undefined;
    try board.startWithKeys(&.{publicKey(&keys)});
    defer board.stop();
    const file = try sign(&keys);
    const cuts = [_]usize{ 0, 10, 70, pack.len - 1, pack.len, pack.len + 1, pack.len + 90, file.len };
    for (cuts[0 .. cuts.len - 1], cuts[1..]) |first, end| {
        const reply = board.putPart(file, first, end);
        errdefer std.debug.print("{d} to {d}: {s}\n", .{ first, end, reply.body.items });
        try expectEqual(@as(u32, if (end == file.len) 201 else 202), reply.status);
    }
    try expectSigned(&board, true);
}

test "a board without keys takes signed packs as any other" {
    const keys = try pair(1);
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", try sign(&keys)).status);
    try expectSigned(&board, false);
}

test "once a board has keys, a model that came before is not activated; the one that runs stays" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", pack).status);
    const keys = try pair(1);
    board.host.update_keys = &.{publicKey(&keys)};
    try expectEqual(ports.Result.ok, try board.host.reset());
    try expectProblem(board.activate("model_b"), 409, "SIGNATURE_MISSING");
    try board.expectWorks();
}

test "a key that the board has no more signs nothing" {
    const keys = [_]Ecdsa.KeyPair{ try pair(1), try pair(2) };
    const both = [_]ports.PublicKey{ publicKey(&keys[0]), publicKey(&keys[1]) };
    var board: Board = undefined;
    try board.startWithKeys(both[0..1]);
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", try sign(&keys[0])).status);
    board.host.update_keys = both[1..2];
    try expectEqual(ports.Result.ok, try board.host.reset());
    try expectSigned(&board, false);
    try expectProblem(board.activate("model_b"), 409, "SIGNATURE_MISSING");
    board.host.update_keys = &both;
    try expectEqual(ports.Result.ok, try board.host.reset());
    try expectSigned(&board, true);
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    // What runs stays.
    board.host.update_keys = both[1..2];
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectSlot("model_b", "VALID", true);
    try expectSigned(&board, false);
}

test "when the model of a board with keys cannot be run, none that is not signed takes its place" {
    const keys = try pair(1);
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    board.host.update_keys = &.{publicKey(&keys)};
    try expectEqual(ports.Result.ok, try board.host.reset());
    try expectEqual(@as(u32, 201), board.put("model_b", try sign(&keys)).status);
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    board.sim.contents(2)[70] ^= 0x40;
    try expectEqual(ports.Result.model, try board.host.reset());
    try board.expectSlot("model_a", "VALID", false);
    try board.expectSlot("model_b", "BROKEN", false);
    try expectEqual(@as(u32, 201), board.put("model_b", try sign(&keys)).status);
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    // A signed one does, and without keys any.
    try expectEqual(@as(u32, 201), board.put("model_a", try sign(&keys)).status);
    board.sim.contents(2)[70] ^= 0x40;
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectSlot("model_a", "VALID", true);
}

test "in safe mode the model from before the keys can be run again" {
    const keys = try pair(1);
    var board: Board = undefined;
    try board.startWithKeys(&.{publicKey(&keys)});
    defer board.stop();
    for (0..boots_max) |_| _ = try board.host.reset();
    try board.expectSlot("model_a", "VALID", false);
    try expectEqual(@as(u32, 200), board.activate("model_a").status);
    try board.expectWorks();
}
