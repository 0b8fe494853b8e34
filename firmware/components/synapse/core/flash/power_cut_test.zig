//! Power cuts during updates of a model: at every flash operation, in every way an operation can be cut, and all pairs
//! of cuts on a small geometry. After each, the board boots with exactly one valid model, the old or the new one, byte
//! for byte, and can be updated again.
const std = @import("std");
const pack_prefix = @import("pack_prefix.zig");
const sims = @import("sim_parts").sim_flash;
const Cut = sims.Cut;
const SimFlash = sims.SimFlash;
const Slots = @import("slots.zig").Slots;
const SlotIndex = @import("slots.zig").SlotIndex;
const Upload = @import("upload.zig").Upload;

const allocator = std.testing.allocator;
const records_area = 0;
const record_places = 4096 / 128;

/// A pack whose prefix and digest are right, with random contents.
pub fn makePack(byte_count: u32, seed: u64) ![]u8 {
    const file = try allocator.alloc(u8, byte_count);
    var source: std.Random.DefaultPrng = .init(seed);
    source.random().bytes(file);
    @memset(file[0..64], 0);
    file[0..8].* = pack_prefix.magic.*;
    std.mem.writeInt(u16, file[8..10], 1, .little);
    std.mem.writeInt(u32, file[12..16], 100, .little);
    std.mem.writeInt(u32, file[16..20], byte_count, .little);
    std.mem.writeInt(u32, file[20..24], 192, .little);
    var hash: std.crypto.hash.sha2.Sha256 = .init(.{});
    hash.update(file[0..32]);
    hash.update(file[64..]);
    hash.final(file[32..64]);
    return file;
}

const Geometry = struct { records_bytes: u32, slot_bytes: [2]u32, chunk_bytes: usize };

pub const Bench = struct {
    sim: SimFlash,
    geometry: Geometry,

    fn init(geometry: Geometry, seed: u64) !Bench {
        const areas = [_]u32{ geometry.records_bytes, geometry.slot_bytes[0], geometry.slot_bytes[1] };
        return .{ .sim = try .init(allocator, &areas, seed), .geometry = geometry };
    }

    fn boot(bench: *Bench) Slots {
        bench.sim.powerOn();
        return bench.start();
    }

    fn start(bench: *Bench) Slots {
        return .open(bench.sim.area(records_area), .{ bench.sim.area(1), bench.sim.area(2) }, &.none);
    }

    /// Upload to the slot that is not active, trial, golden vectors (here: the bytes are those), confirmation.
    fn update(bench: *Bench, slots: *Slots, file: []const u8) !void {
        const slot = if (slots.state.active) |active| active ^ 1 else 0;
        var upload: Upload = .{ .slots = slots };
        try upload.begin(slot, file.len);
        var at: usize = 0;
        while (at < file.len) {
            const n = @min(bench.geometry.chunk_bytes, file.len - at);
            try upload.write(file[at..][0..n]);
            at += n;
        }
        while (try upload.finish(64 << 10) == .more) {}
        try slots.activate(slot);
        try std.testing.expect(try slots.areas[slot].equals(0, file));
        try slots.confirm();
    }

    /// Which of `files` the board runs. A slot that is not active may hold one of them, too,
    /// but nothing else that is called VALID.
    fn running(_: *Bench, slots: *const Slots, files: []const []const u8) !usize {
        const active = slots.current() orelse return error.NoModel;
        const found = try holds(slots, active, files) orelse return error.NoModel;
        _ = try holds(slots, active ^ 1, files);
        return found;
    }

    /// Which of `files` a slot holds, byte for byte, if it is VALID: as the runtime would find it, by its recorded
    /// length and digest.
    fn holds(slots: *const Slots, slot: SlotIndex, files: []const []const u8) !?usize {
        if (slots.shown(slot) != .VALID) return null;
        const state = &slots.state.slots[slot];
        for (files, 0..) |file, i| {
            if (state.file_bytes != file.len or !std.mem.eql(u8, &state.sha256, file[32..64])) continue;
            try std.testing.expect(try slots.areas[slot].equals(0, file));
            return i;
        }
        return error.OtherModel;
    }
};

fn describe(what: []const u8, seed: u64, at: u64, cut: Cut) void {
    std.debug.print("{s}: seed 0x{x}, operation {d}, {t}\n", .{ what, seed, at, cut });
}

/// After a cut: exactly one valid model, the same at the next boot, and another update succeeds.
/// Answers which model it was.
fn recovers(bench: *Bench, old: []const u8, new: []const u8, next: []const u8) !usize {
    var slots = bench.boot();
    try std.testing.expect(!slots.safe_mode and !slots.degraded);
    const found = try bench.running(&slots, &.{ old, new });
    slots = bench.boot();
    try std.testing.expectEqual(found, try bench.running(&slots, &.{ old, new }));
    try bench.update(&slots, next);
    slots = bench.boot();
    try std.testing.expectEqual(2, try bench.running(&slots, &.{ old, new, next }));
    try std.testing.expectEqual(@as(u32, 0), bench.sim.violations);
    return found;
}

/// A bench whose board runs `old`, with `fill` of the places of the current record sector taken, so that the sectors
/// change at any point.
fn prepare(bench: *Bench, old: []const u8, fill: u32) !SimFlash.Image {
    var slots = bench.boot();
    try bench.update(&slots, old);
    try slots.healthy();
    while (slots.ring.next != fill) try slots.commit(slots.state);
    return bench.sim.save(allocator);
}

fn freeImage(image: *const SimFlash.Image) void {
    allocator.free(image.bytes);
    allocator.free(image.undecided);
    allocator.free(image.half_erased);
}

test "an update of a 256 KB pack, cut at every flash operation in every mode" {
    const seed = std.testing.random_seed;
    const old = try makePack(200_000, seed);
    defer allocator.free(old);
    const new = try makePack(256 << 10, seed + 1);
    defer allocator.free(new);
    const next = try makePack(20_000, seed + 2);
    defer allocator.free(next);
    // Pieces as they come from a socket, which no sector boundary agrees with.
    var bench: Bench = try .init(
        .{ .records_bytes = 8192, .slot_bytes = .{ 320 << 10, 256 << 10 }, .chunk_bytes = 1460 },
        seed,
    );
    defer bench.sim.deinit();
    // The boot, and WRITING, fit the sector; READY does not.
    const image = try prepare(&bench, old, record_places - 2);
    defer freeImage(&image);

    bench.sim.restore(&image);
    var slots = bench.start();
    try bench.update(&slots, new);
    const operations = bench.sim.operations;
    var cases: u32 = 0;
    var found: [2]u32 = @splat(0);
    for (0..operations) |at| for (sims.cuts) |cut| {
        errdefer describe("update", seed, at, cut);
        bench.sim.restore(&image);
        bench.sim.cutAt(at, cut);
        slots = bench.start();
        try std.testing.expectError(error.FlashFailed, bench.update(&slots, new));
        const model = try recovers(&bench, old, new, next);
        // The confirmation is the last operation: before it, the old model; once it is complete, the new one; in the
        // middle of it, either.
        if (at + 1 < operations) try std.testing.expectEqual(0, model);
        if (at + 1 == operations and cut == .completed) try std.testing.expectEqual(1, model);
        found[model] += 1;
        cases += 1;
    };
    std.debug.print(
        "power cuts: update of a 256 KiB pack: {d} flash operations, {d} cuts; {d} times the old model, {d} times " ++
            "the new one\n",
        .{ operations, cases, found[0], found[1] },
    );
}

test "all pairs of cuts on a small geometry" {
    const seed = std.testing.random_seed;
    const old = try makePack(5000, seed);
    defer allocator.free(old);
    const new = try makePack(6000, seed + 1);
    defer allocator.free(new);
    const next = try makePack(4096, seed + 2);
    defer allocator.free(next);
    var bench: Bench = try .init(.{ .records_bytes = 8192, .slot_bytes = .{ 8192, 8192 }, .chunk_bytes = 1000 }, seed);
    defer bench.sim.deinit();
    var cases: u32 = 0;
    var found: [2]u32 = @splat(0);
    // Where the record sectors change: at any of the records that the two runs write, or at none.
    var fill: u32 = record_places - 8;
    while (fill <= record_places) : (fill += 2) {
        const image = try prepare(&bench, old, fill);
        defer freeImage(&image);
        var first: u64 = 0;
        while (try pairsFrom(&bench, &image, first, seed, .{ old, new, next }, &cases, &found)) first += 1;
    }
    std.debug.print(
        "power cuts: pairs of cuts in an update and the next one: {d} pairs; {d} times the old model, {d} times " ++
            "the new one\n",
        .{ cases, found[0], found[1] },
    );
    try std.testing.expect(found[0] > 0 and found[1] > 0);
}

/// Every second cut after a first one at `first`. False when the update has fewer operations.
fn pairsFrom(
    bench: *Bench,
    image: *const SimFlash.Image,
    first: u64,
    seed: u64,
    files: [3][]const u8,
    cases: *u32,
    found: *[2]u32,
) !bool {
    const old, const new, const next = files;
    for (sims.cuts) |first_cut| {
        errdefer describe("first cut", seed, first, first_cut);
        bench.sim.restore(image);
        bench.sim.cutAt(first, first_cut);
        var slots = bench.start();
        bench.update(&slots, new) catch {};
        if (bench.sim.powered) return false;
        const after_first = try bench.sim.save(allocator);
        defer freeImage(&after_first);
        var second: u64 = 0;
        var cut_again = true;
        while (cut_again) : (second += 1) for (sims.cuts) |second_cut| {
            errdefer describe("second cut", seed, second, second_cut);
            bench.sim.restore(&after_first);
            bench.sim.cutAt(second, second_cut);
            slots = bench.start();
            bench.update(&slots, new) catch {};
            cut_again = !bench.sim.powered;
            if (!cut_again) break;
            found[try recovers(bench, old, new, next)] += 1;
            cases.* += 1;
        };
    }
    return true;
}

test "updates, cut again and again in a row" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    var files: [3][]u8 = undefined;
    for (&files, 0..) |*file, i| file.* = try makePack(4500 + @as(u32, @intCast(i)) * 300, seed + i);
    defer for (files) |file| allocator.free(file);
    var bench: Bench = try .init(.{ .records_bytes = 8192, .slot_bytes = .{ 8192, 8192 }, .chunk_bytes = 1000 }, seed);
    defer bench.sim.deinit();
    var slots = bench.boot();
    try bench.update(&slots, files[0]);
    var confirmed: usize = 0;
    var tried: usize = 0;
    var updates: u32 = 0;
    var cut_count: u32 = 0;
    for (0..8000) |_| {
        bench.sim.cutAt(
            random.uintLessThan(u64, if (random.boolean()) 3 else 16),
            sims.cuts[random.uintLessThan(usize, sims.cuts.len)],
        );
        slots = bench.start();
        if (bench.sim.powered) if (slots.current()) |_| {
            const found = try bench.running(&slots, &.{ files[0], files[1], files[2] });
            try std.testing.expect(found == confirmed or found == tried);
            confirmed = found;
            tried = (found + 1 + random.uintLessThan(usize, 2)) % 3;
            if (bench.update(&slots, files[tried])) {
                confirmed = tried;
                updates += 1;
                slots.healthy() catch {};
            } else |_| {}
        } else {
            // Too many boots were cut: an update leads out of safe mode, and so does a boot that lasts.
            try std.testing.expect(slots.safe_mode);
            slots.healthy() catch {};
        };
        cut_count += @intFromBool(!bench.sim.powered);
        bench.sim.powerOn();
    }
    try std.testing.expectEqual(@as(u32, 0), bench.sim.violations);
    std.debug.print(
        "power cuts: updates: {d} cuts in a row, {d} updates confirmed, always one valid model\n",
        .{ cut_count, updates },
    );
    try std.testing.expect(updates > 100);
}
