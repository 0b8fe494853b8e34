//! What slots and uploads decide, without power cuts.
const std = @import("std");
const SimFlash = @import("sim_parts").SimFlash;
const slots_module = @import("slots.zig");
const Slots = slots_module.Slots;
const Upload = @import("upload.zig").Upload;
const makePack = @import("power_cut_test.zig").makePack;
const pack_signature = @import("pack_signature.zig");
const ports = @import("../port.zig");
const UpdateKeys = @import("update_keys.zig").UpdateKeys;

const allocator = std.testing.allocator;

const Board = struct {
    sim: SimFlash,
    slots: Slots = undefined,
    upload: Upload = undefined,

    fn create() !*Board {
        const board = try allocator.create(Board);
        board.* = .{ .sim = try .init(allocator, &.{ 8192, 64 << 10, 32 << 10 }, std.testing.random_seed) };
        board.boot();
        return board;
    }

    fn destroy(board: *Board) void {
        board.sim.deinit();
        allocator.destroy(board);
    }

    fn boot(board: *Board) void {
        board.slots = .open(board.sim.area(0), .{ board.sim.area(1), board.sim.area(2) }, &.none);
        board.upload = .{ .slots = &board.slots };
    }

    fn put(board: *Board, slot: slots_module.SlotIndex, file: []const u8) !void {
        try board.upload.begin(slot, file.len);
        try board.upload.write(file);
        while (try board.upload.finish(4096) == .more) {}
    }

    fn install(board: *Board, slot: slots_module.SlotIndex, file: []const u8) !void {
        try board.put(slot, file);
        try board.slots.activate(slot);
        try board.slots.confirm();
    }
};

test "a new board has no model; uploaded, tried and confirmed it has one" {
    const board = try Board.create();
    defer board.destroy();
    const file = try makePack(10_000, 1);
    defer allocator.free(file);
    try std.testing.expectEqual(null, board.slots.current());
    try std.testing.expectEqual(.EMPTY, board.slots.shown(0));
    try board.put(0, file);
    try std.testing.expectEqual(.VALID, board.slots.shown(0));
    try std.testing.expectEqual(null, board.slots.current());
    try board.slots.activate(0);
    try std.testing.expectEqual(.PENDING, board.slots.shown(0));
    try std.testing.expectEqual(0, board.slots.current().?);
    try board.slots.confirm();
    board.boot();
    try std.testing.expectEqual(0, board.slots.current().?);
    try std.testing.expect(try board.sim.area(1).equals(0, file));
}

test "what cannot work is refused before anything is erased" {
    const board = try Board.create();
    defer board.destroy();
    const file = try makePack(30_000, 1);
    defer allocator.free(file);
    try board.install(0, file);
    const before = board.sim.operations;
    try std.testing.expectError(error.SlotActive, board.upload.begin(0, file.len));
    try std.testing.expectError(error.FileTooLarge, board.upload.begin(1, 40_000));
    try std.testing.expectError(error.FileTooLarge, board.upload.begin(1, std.math.maxInt(u64)));
    try std.testing.expectError(error.NotAPack, board.upload.begin(1, 64));
    try std.testing.expectError(error.NoUpload, board.upload.write(file));
    try board.upload.begin(1, file.len - 1);
    try std.testing.expectError(error.LengthDiffers, board.upload.write(file[0..100]));
    try std.testing.expectError(error.NoUpload, board.upload.write(file[100..200]));
    try board.upload.begin(1, file.len);
    try std.testing.expectError(error.NotAPack, board.upload.write(file[1..100]));
    try board.upload.begin(1, file.len);
    try std.testing.expectError(error.UploadInProgress, board.upload.begin(1, file.len));
    try board.upload.write(file[0..63]);
    board.upload.cancel();
    try std.testing.expectEqual(before, board.sim.operations);
    try std.testing.expectEqual(.EMPTY, board.slots.shown(1));
}

test "a damaged or shortened file never counts, and the model that runs goes on" {
    const board = try Board.create();
    defer board.destroy();
    const old = try makePack(10_000, 1);
    defer allocator.free(old);
    const new = try makePack(20_000, 2);
    defer allocator.free(new);
    try board.install(0, old);

    try board.upload.begin(1, new.len);
    try board.upload.write(new[0..15_000]);
    try std.testing.expectError(error.Incomplete, board.upload.finish(4096));
    board.upload.cancel();
    try std.testing.expectEqual(.BROKEN, board.slots.shown(1));
    try std.testing.expectEqual(.interrupted, board.slots.state.slots[1].reason);
    try std.testing.expectError(error.SlotNotReady, board.slots.activate(1));

    new[12_345] ^= 1;
    try std.testing.expectError(error.DigestWrong, board.put(1, new));
    try std.testing.expectEqual(.digest, board.slots.state.slots[1].reason);
    new[12_345] ^= 1;
    board.boot();
    try std.testing.expectEqual(.BROKEN, board.slots.shown(1));
    try std.testing.expectEqual(0, board.slots.current().?);

    try board.upload.begin(1, new.len);
    try board.upload.write(new);
    try std.testing.expectError(error.TooManyBytes, board.upload.write("x"));
    try std.testing.expectEqual(.BROKEN, board.slots.shown(1));
    try board.install(1, new);
    board.boot();
    try std.testing.expectEqual(1, board.slots.current().?);
}

test "a file may come in pieces of any size, with sectors erased ahead or not" {
    const board = try Board.create();
    defer board.destroy();
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    for ([_]u32{ 193, 4095, 4096, 4097, 4160, 8192, 32_767, 32_768 }) |byte_count| for (0..4) |_| {
        const file = try makePack(byte_count, byte_count);
        defer allocator.free(file);
        try board.upload.begin(1, file.len);
        var at: usize = 0;
        while (at < file.len) {
            const n = @min(file.len - at, random.uintAtMost(usize, if (random.boolean()) 70 else 9000));
            try board.upload.write(file[at..][0..n]);
            at += n;
            try std.testing.expectEqual(at, board.upload.received);
            if (random.boolean()) _ = try board.upload.eraseAhead();
        }
        while (try board.upload.finish(random.intRangeAtMost(u32, 1, 9000)) == .more) {}
        try std.testing.expect(try board.sim.area(2).equals(0, file));
        try std.testing.expectEqual(.VALID, board.slots.shown(1));
    };
    try std.testing.expectEqual(@as(u32, 0), board.sim.violations);
}

test "a model that fails its golden vectors, or resets the board while on trial, does not stay" {
    const board = try Board.create();
    defer board.destroy();
    const old = try makePack(10_000, 1);
    defer allocator.free(old);
    const new = try makePack(20_000, 2);
    defer allocator.free(new);
    try board.install(0, old);
    try board.put(1, new);
    try board.slots.activate(1);
    try std.testing.expectEqual(1, board.slots.current().?);
    try std.testing.expectError(error.SlotPending, board.upload.begin(1, new.len));
    // Another try of the same.
    try board.slots.activate(1);
    board.boot();
    try std.testing.expectEqual(0, board.slots.current().?);
    try std.testing.expectEqual(.VALID, board.slots.shown(1));
    try std.testing.expectEqual(.returned, board.slots.state.slots[1].reason);

    try board.slots.activate(1);
    try board.slots.giveUp(1, .golden);
    try std.testing.expectEqual(0, board.slots.current().?);
    board.boot();
    try std.testing.expectEqual(0, board.slots.current().?);
    try std.testing.expectEqual(.BROKEN, board.slots.shown(1));
    try std.testing.expectEqual(.golden, board.slots.state.slots[1].reason);
}

test "an active model that cannot be opened any more gives way to the other one" {
    const board = try Board.create();
    defer board.destroy();
    const old = try makePack(10_000, 1);
    defer allocator.free(old);
    const new = try makePack(20_000, 2);
    defer allocator.free(new);
    try board.install(0, old);
    try board.install(1, new);
    try board.slots.giveUp(1, .refused);
    try std.testing.expectEqual(0, board.slots.current().?);
    board.boot();
    try std.testing.expectEqual(0, board.slots.current().?);
    try board.slots.giveUp(0, .refused);
    try std.testing.expectEqual(null, board.slots.current());
}

test "boots that never get healthy lead to safe mode, and an update leads out of it" {
    const board = try Board.create();
    defer board.destroy();
    const old = try makePack(10_000, 1);
    defer allocator.free(old);
    const new = try makePack(20_000, 2);
    defer allocator.free(new);
    try board.install(0, old);
    for (0..10) |_| {
        board.boot();
        try std.testing.expectEqual(0, board.slots.current().?);
        try board.slots.healthy();
    }
    for (0..slots_module.boots_max) |_| {
        board.boot();
        try std.testing.expectEqual(0, board.slots.current().?);
    }
    for (0..300) |_| {
        board.boot();
        try std.testing.expect(board.slots.safe_mode);
        try std.testing.expectEqual(null, board.slots.current());
    }
    try board.install(1, new);
    try std.testing.expectEqual(1, board.slots.current().?);
    board.boot();
    try std.testing.expectEqual(1, board.slots.current().?);

    // The model that was active may be tried again, too.
    for (0..slots_module.boots_max) |_| board.boot();
    try std.testing.expect(board.slots.safe_mode);
    try board.slots.activate(1);
    try std.testing.expectEqual(1, board.slots.current().?);
    try board.slots.confirm();
    try std.testing.expectEqual(1, board.slots.current().?);
}

test "models flashed from outside count without a record; other bytes do not" {
    const board = try Board.create();
    defer board.destroy();
    const file = try makePack(10_000, 1);
    defer allocator.free(file);
    @memset(board.sim.contents(0), 0xff);
    var source: std.Random.DefaultPrng = .init(std.testing.random_seed);
    source.random().bytes(board.sim.contents(1));
    @memcpy(board.sim.contents(2)[0..file.len], file);
    board.boot();
    try std.testing.expectEqual(1, board.slots.current().?);
    try std.testing.expectEqual(.EMPTY, board.slots.shown(0));
    try std.testing.expectEqual(@as(u32, 10_000), board.slots.state.slots[1].file_bytes);
    std.mem.writeInt(u32, board.sim.contents(2)[16..20], 40_000, .little);
    @memset(board.sim.contents(0), 0x00);
    board.boot();
    try std.testing.expectEqual(null, board.slots.current());
}

test "a board whose record sectors are worn out still boots its model and refuses updates before it erases" {
    const board = try Board.create();
    defer board.destroy();
    const old = try makePack(10_000, 1);
    defer allocator.free(old);
    try board.install(0, old);
    board.sim.wear_max = 0;
    while (board.slots.healthy()) |_| board.boot() else |_| {}
    const before = try allocator.dupe(u8, board.sim.contents(2));
    defer allocator.free(before);
    board.boot();
    try std.testing.expect(board.slots.degraded);
    // Counting boots failed too, so the board cannot end in safe mode for that reason alone.
    try std.testing.expect(board.slots.current() != null or board.slots.safe_mode);
    try std.testing.expectError(error.FlashFailed, board.put(1, old));
    try std.testing.expectEqualSlices(u8, before, board.sim.contents(2));
}

test "whatever the flash holds, the board starts and can be given a model" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    const board = try Board.create();
    defer board.destroy();
    const files = [_][]u8{ try makePack(10_000, 1), try makePack(20_000, 2) };
    defer for (files) |file| allocator.free(file);
    try board.install(0, files[0]);
    try board.install(1, files[1]);
    try board.put(0, files[0]);
    const image = try board.sim.save(allocator);
    defer {
        allocator.free(image.bytes);
        allocator.free(image.undecided);
        allocator.free(image.half_erased);
    }
    for (0..2000) |i| {
        board.sim.restore(&image);
        if (i % 50 == 0) random.bytes(board.sim.contents(0));
        // Records, and the first bytes of the slots.
        for (0..random.uintAtMost(usize, 40)) |_| {
            const bytes = board.sim.contents(random.uintLessThan(u32, 3));
            bytes[random.uintLessThan(usize, if (random.boolean()) 64 else 1024)] = random.int(u8);
        }
        board.boot();
        for ([_]slots_module.SlotIndex{ 0, 1 }) |slot| {
            if (board.slots.shown(slot) == .VALID) try std.testing.expect(
                board.slots.state.slots[slot].file_bytes <= board.slots.areas[slot].bytes,
            );
        }
        if (board.slots.current()) |slot| try std.testing.expectEqual(.VALID, board.slots.shown(slot));
        const slot = if (board.slots.state.active) |active| active ^ 1 else 0;
        try board.install(slot, files[1]);
        board.boot();
        try std.testing.expectEqual(slot, board.slots.current().?);
        try std.testing.expect(try board.slots.areas[slot].equals(0, files[1]));
    }
}

/// Says of a signature what its first byte says.
fn judge(
    _: ?*anyopaque,
    _: *const ports.PublicKey,
    _: [*]const u8,
    _: usize,
    signature: *const [64]u8,
) callconv(.c) i32 {
    return signature[0];
}

test "files of any length, signed or not, in pieces of any size, on boards with keys and without" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    var port: ports.Port = undefined;
    port.user = null;
    port.verify = judge;
    const key: [1]ports.PublicKey = .{@splat(4)};
    var config: ports.Config = .{ .update_keys = &key, .update_key_count = 1 };
    const with: UpdateKeys = .init(&config, &port);
    const board = try Board.create();
    defer board.destroy();
    var taken: u32 = 0;
    for (0..400) |_| {
        const keys: *const UpdateKeys = if (random.boolean()) &with else &.none;
        board.slots.keys = keys;
        const pack_bytes = random.intRangeAtMost(u32, 193, 33_000);
        const signed = random.boolean();
        const good = random.uintLessThan(u8, 4) > 0;
        const file = try makePack(pack_bytes, random.int(u64));
        defer allocator.free(file);
        const total = pack_bytes + if (signed) @as(u32, pack_signature.bytes) else 0;
        const whole = try allocator.alloc(u8, total);
        defer allocator.free(whole);
        @memcpy(whole[0..pack_bytes], file);
        if (signed) {
            const block = whole[pack_bytes..];
            @memset(block, 0);
            block[0..8].* = pack_signature.magic.*;
            block[8] = 1;
            block[16..32].* = with.known()[0];
            block[32] = @intFromBool(!good);
        }
        const wrong: ?anyerror = if (good) null else error.SignatureWrong;
        const refused: ?anyerror = if (signed) wrong else error.SignatureMissing;
        const allowed: ?anyerror = if (keys.required()) refused else null;
        const expected: ?anyerror = if (pack_bytes > 32 << 10) error.FileTooLarge else allowed;
        const result = inPieces(board, whole, random);
        if (expected) |err| try std.testing.expectError(err, result) else {
            try result;
            taken += 1;
            try std.testing.expectEqual(.VALID, board.slots.shown(1));
            try std.testing.expectEqual(keys.required(), board.slots.signed(1));
            try std.testing.expectEqualSlices(u8, file, board.sim.contents(2)[0..pack_bytes]);
        }
        try std.testing.expect(!board.upload.active());
    }
    try std.testing.expect(taken > 100);
    try std.testing.expectEqual(@as(u32, 0), board.sim.violations);
}

fn inPieces(board: *Board, whole: []const u8, random: std.Random) !void {
    try board.upload.begin(1, whole.len);
    var at: usize = 0;
    while (at < whole.len) {
        const n = @min(whole.len - at, 1 + random.uintLessThan(usize, if (random.boolean()) 40 else 9000));
        try board.upload.write(whole[at..][0..n]);
        if (random.boolean()) _ = try board.upload.eraseAhead();
        at += n;
    }
    while (try board.upload.finish(random.intRangeAtMost(u32, 1, 5000)) == .more) {}
}
