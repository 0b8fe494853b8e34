//! NOR flash for tests and simulated boards. Sectors must be erased before they are written, wear is counted, sectors
//! wear out, and power can be cut in the middle of any operation. Stricter than the part: writing what is not erased,
//! or into a sector whose erase was cut short, counts as a violation.
const std = @import("std");
const flash = @import("synapse_device").flash;

/// What the operation under way leaves when power goes. Erases and writes are operations, reads are not.
pub const Cut = enum(u32) {
    /// Nothing happened.
    dropped,
    /// A random number of bytes from the start was erased or written.
    torn,
    /// The first half was.
    half,
    /// An erase is complete, a write left its bytes erased.
    unwritten,
    /// After a random prefix, every bit that was to change has changed or not.
    rotten,
    /// As rotten, and the undecided bits read differently each time until the sector is erased.
    unstable,
    /// It is complete, and nothing came after it.
    completed,
};

pub const cuts = std.enums.values(Cut);

pub const Wear = enum {
    /// A worn sector's erase reports a failure.
    fails,
    /// It reports success and leaves some bits at 0.
    lies,
};

pub const SimFlash = struct {
    allocator: std.mem.Allocator,
    /// Offset and length of each area.
    spans: []const Span,
    bytes: []u8,
    /// Bits that read randomly.
    undecided: []u8,
    wear: []u32,
    /// Sectors whose last erase was cut short.
    half_erased: []bool,
    /// Sectors that nothing has touched: they read as erased and their bytes mean nothing, so that a large flash costs
    /// what is used of it.
    fresh: []bool,
    prng: std.Random.DefaultPrng,
    /// Operations since the start, or since `restore`.
    operations: u64 = 0,
    cut_at: ?u64 = null,
    cut: Cut = .dropped,
    powered: bool = true,
    violations: u32 = 0,
    wear_max: u32 = std.math.maxInt(u32),
    wear_as: Wear = .fails,

    pub const Span = struct { offset: u32, bytes: u32 };

    /// `areas` are lengths in bytes, multiples of a sector.
    pub fn init(allocator: std.mem.Allocator, areas: []const u32, seed: u64) !SimFlash {
        var total: usize = 0;
        for (areas) |bytes| total += bytes;
        const undecided = try allocator.alloc(u8, total);
        @memset(undecided, 0);
        const sim = try initIn(allocator, try allocator.alloc(u8, total), undecided, areas, seed);
        @memset(sim.bytes, 0xff);
        @memset(sim.fresh, false);
        return sim;
    }

    /// As `init`, in given memory: `undecided` is zero, `bytes` may be anything and is touched only
    /// where the flash is used.
    pub fn initIn(allocator: std.mem.Allocator, bytes: []u8, undecided: []u8, areas: []const u32, seed: u64) !SimFlash {
        const spans = try allocator.alloc(Span, areas.len);
        var total: u32 = 0;
        for (spans, areas) |*span, area_bytes| {
            std.debug.assert(area_bytes % flash.sector_bytes == 0);
            span.* = .{ .offset = total, .bytes = area_bytes };
            total += area_bytes;
        }
        const sim: SimFlash = .{
            .allocator = allocator,
            .spans = spans,
            .bytes = bytes[0..total],
            .undecided = undecided[0..total],
            .wear = try allocator.alloc(u32, total / flash.sector_bytes),
            .half_erased = try allocator.alloc(bool, total / flash.sector_bytes),
            .fresh = try allocator.alloc(bool, total / flash.sector_bytes),
            .prng = .init(seed),
        };
        @memset(sim.wear, 0);
        @memset(sim.half_erased, false);
        @memset(sim.fresh, true);
        return sim;
    }

    pub fn deinit(sim: *SimFlash) void {
        sim.allocator.free(sim.bytes);
        sim.allocator.free(sim.undecided);
        sim.deinitIn();
    }

    /// After `initIn`: leaves the given memory alone.
    pub fn deinitIn(sim: *SimFlash) void {
        sim.allocator.free(sim.spans);
        sim.allocator.free(sim.wear);
        sim.allocator.free(sim.half_erased);
        sim.allocator.free(sim.fresh);
    }

    /// Puts a file into an area as a programmer does in the factory: nothing else of the flash changes.
    pub fn program(sim: *SimFlash, id: u32, file: []const u8) void {
        const span = sim.spans[id];
        for (0..span.bytes / flash.sector_bytes) |i| {
            const start = i * flash.sector_bytes;
            const sector = (span.offset + start) / flash.sector_bytes;
            sim.half_erased[sector] = false;
            sim.fresh[sector] = start >= file.len;
            if (sim.fresh[sector]) continue;
            const place = sim.bytes[span.offset + start ..][0..flash.sector_bytes];
            const n = @min(flash.sector_bytes, file.len - start);
            @memcpy(place[0..n], file[start..][0..n]);
            @memset(place[n..], 0xff);
            @memset(sim.undecided[span.offset + start ..][0..flash.sector_bytes], 0);
        }
    }

    pub fn area(sim: *SimFlash, id: u32) flash.Area {
        return .{ .user = sim, .calls = &calls, .id = id, .bytes = sim.spans[id].bytes };
    }

    pub fn contents(sim: *SimFlash, id: u32) []u8 {
        const span = sim.spans[id];
        return sim.bytes[span.offset..][0..span.bytes];
    }

    /// Power goes in the middle of operation `at`, counted from now.
    /// As `contents`, with the sectors that nothing has touched erased in fact.
    pub fn materialized(sim: *SimFlash, id: u32) []const u8 {
        const span = sim.spans[id];
        for (0..span.bytes / flash.sector_bytes) |i| sim.materialize(span.offset / flash.sector_bytes + i);
        return sim.contents(id);
    }

    pub fn cutAt(sim: *SimFlash, at: u64, cut: Cut) void {
        sim.cut_at = sim.operations + at;
        sim.cut = cut;
    }

    pub fn powerOn(sim: *SimFlash) void {
        sim.powered = true;
        sim.cut_at = null;
    }

    pub const Image = struct { bytes: []u8, undecided: []u8, half_erased: []bool };

    pub fn save(sim: *const SimFlash, allocator: std.mem.Allocator) !Image {
        return .{
            .bytes = try allocator.dupe(u8, sim.bytes),
            .undecided = try allocator.dupe(u8, sim.undecided),
            .half_erased = try allocator.dupe(bool, sim.half_erased),
        };
    }

    pub fn restore(sim: *SimFlash, image: *const Image) void {
        @memcpy(sim.bytes, image.bytes);
        @memcpy(sim.undecided, image.undecided);
        @memcpy(sim.half_erased, image.half_erased);
        sim.operations = 0;
        sim.powerOn();
    }

    fn materialize(sim: *SimFlash, sector: usize) void {
        if (!sim.fresh[sector]) return;
        sim.fresh[sector] = false;
        @memset(sim.bytes[sector * flash.sector_bytes ..][0..flash.sector_bytes], 0xff);
    }

    /// Whether this operation is the one that the power cut hits.
    fn begin(sim: *SimFlash) bool {
        const hit = sim.cut_at != null and sim.operations == sim.cut_at.?;
        sim.operations += 1;
        if (hit) sim.powered = false;
        return hit;
    }

    /// Bytes from the start of `total` that a cut leaves changed.
    fn reached(sim: *SimFlash, total: usize) usize {
        return switch (sim.cut) {
            .dropped, .unwritten => 0,
            .half => total / 2,
            .completed => total,
            .torn, .rotten, .unstable => sim.prng.random().uintLessThan(usize, total),
        };
    }

    /// Leaves the bits of `mask` in `byte`, which were on their way from `from`, somewhere between.
    fn leaveUndecided(sim: *SimFlash, byte: usize, mask: u8) void {
        if (sim.cut == .rotten) sim.bytes[byte] ^= sim.prng.random().int(u8) & mask;
        if (sim.cut == .unstable) sim.undecided[byte] |= mask;
    }

    pub const calls: flash.Calls = .{ .read = read, .erase = erase, .write = write };

    fn of(user: ?*anyopaque) *SimFlash {
        return @ptrCast(@alignCast(user.?));
    }

    fn read(user: ?*anyopaque, id: u32, offset: u32, out: [*]u8, count: usize) callconv(.c) flash.Result {
        const sim = of(user);
        if (!sim.powered) return .failed;
        const start = sim.spans[id].offset + offset;
        for (out[0..count], start..) |*byte, i| {
            const mask = sim.undecided[i];
            const stored = if (sim.fresh[i / flash.sector_bytes]) 0xff else sim.bytes[i];
            byte.* = if (mask == 0) stored else stored ^ (sim.prng.random().int(u8) & mask);
        }
        return .ok;
    }

    fn erase(user: ?*anyopaque, id: u32, offset: u32) callconv(.c) flash.Result {
        const sim = of(user);
        if (!sim.powered) return .failed;
        const start = sim.spans[id].offset + offset;
        const sector = start / flash.sector_bytes;
        sim.materialize(sector);
        const worn = sim.wear[sector] >= sim.wear_max;
        const hit = sim.begin();
        if (worn and sim.wear_as == .fails) return .failed;
        sim.wear[sector] += 1;
        const whole = flash.sector_bytes;
        const n = if (hit and sim.cut != .unwritten) sim.reached(whole) else whole;
        @memset(sim.bytes[start..][0..n], 0xff);
        @memset(sim.undecided[start..][0..n], 0);
        if (n < whole) {
            for (start + n..start + whole) |i| sim.leaveUndecided(i, ~sim.bytes[i]);
            sim.half_erased[sector] = sim.half_erased[sector] or sim.cut != .dropped;
        } else sim.half_erased[sector] = false;
        if (worn) for (0..whole / 64) |_| {
            const at = start + sim.prng.random().uintLessThan(usize, whole);
            sim.bytes[at] &= ~(@as(u8, 1) << sim.prng.random().int(u3));
        };
        return if (hit) .failed else .ok;
    }

    fn write(user: ?*anyopaque, id: u32, offset: u32, data: [*]const u8, count: usize) callconv(.c) flash.Result {
        const sim = of(user);
        if (!sim.powered) return .failed;
        const start = sim.spans[id].offset + offset;
        const hit = sim.begin();
        for (start..start + count) |i| {
            const sector = i / flash.sector_bytes;
            sim.materialize(sector);
            const erased = sim.bytes[i] | sim.undecided[i] == 0xff;
            if (sim.wear[sector] > sim.wear_max) continue;
            if (erased and !sim.half_erased[sector]) continue;
            sim.violations += 1;
            break;
        }
        const n = if (hit) sim.reached(count) else count;
        for (sim.bytes[start..][0..n], data[0..n]) |*byte, value| byte.* &= value;
        if (n < count) for (start + n..start + count) |i| sim.leaveUndecided(i, sim.bytes[i] & ~data[i - start]);
        return if (hit) .failed else .ok;
    }
};

test "bits only go from 1 to 0 until the sector is erased, and writing what is not erased is a violation" {
    var sim: SimFlash = try .init(std.testing.allocator, &.{ flash.sector_bytes, flash.sector_bytes }, 1);
    defer sim.deinit();
    const area = sim.area(1);
    const data: [32]u8 = @splat(0x5a);
    const other: [32]u8 = @splat(0xa5);
    try area.write(32, &data);
    try std.testing.expect(try area.equals(32, &data));
    try std.testing.expect(try area.blank(0, 32));
    try std.testing.expectEqual(@as(u32, 0), sim.violations);
    try area.write(32, &other);
    try std.testing.expect(try area.equals(32, &@as([32]u8, @splat(0))));
    try std.testing.expectEqual(@as(u32, 1), sim.violations);
    try area.eraseSector(0);
    try std.testing.expect(try area.blank(0, flash.sector_bytes));
    try std.testing.expectEqualSlices(u32, &.{ 0, 1 }, sim.wear);
}

test "an area cannot be left" {
    var sim: SimFlash = try .init(std.testing.allocator, &.{ flash.sector_bytes, flash.sector_bytes }, 1);
    defer sim.deinit();
    const area = sim.area(0);
    var data: [64]u8 = @splat(0);
    try std.testing.expectError(error.FlashFailed, area.read(flash.sector_bytes - 32, &data));
    try std.testing.expectError(error.FlashFailed, area.read(std.math.maxInt(u32), &data));
    try std.testing.expectError(error.FlashFailed, area.write(flash.sector_bytes - 32, &data));
    try std.testing.expectError(error.FlashFailed, area.write(8, &data));
    try std.testing.expectError(error.FlashFailed, area.eraseSector(1));
    try std.testing.expectEqual(@as(u64, 0), sim.operations);
}

test "a cut leaves what its mode says, and nothing works until power is back" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var sim: SimFlash = try .init(std.testing.allocator, &.{2 * flash.sector_bytes}, seed);
    defer sim.deinit();
    const area = sim.area(0);
    const data: [64]u8 = @splat(0);
    for (cuts) |cut| {
        try area.eraseSector(0);
        sim.cutAt(1, cut);
        try area.write(0, &data);
        try std.testing.expect(sim.powered);
        try std.testing.expectError(error.FlashFailed, area.write(64, &data));
        var out: [128]u8 = undefined;
        try std.testing.expectError(error.FlashFailed, area.read(0, &out));
        try std.testing.expectError(error.FlashFailed, area.eraseSector(0));
        sim.powerOn();
        try area.read(0, &out);
        try std.testing.expect(std.mem.allEqual(u8, out[0..64], 0));
        const zeros = std.mem.indexOfNone(u8, out[64..], &.{0}) orelse 64;
        switch (cut) {
            .dropped, .unwritten => try std.testing.expect(std.mem.allEqual(u8, out[64..], 0xff)),
            .half => try std.testing.expectEqual(@as(usize, 32), zeros),
            .completed => try std.testing.expectEqual(@as(usize, 64), zeros),
            .torn => try std.testing.expect(std.mem.allEqual(u8, out[64 + zeros ..], 0xff)),
            .rotten, .unstable => {},
        }
        if (cut != .unstable) try std.testing.expect(!try readsDiffer(area));
        try area.eraseSector(0);
        try area.write(flash.sector_bytes - data.len, &data);
        sim.cutAt(0, cut);
        try std.testing.expectError(error.FlashFailed, area.eraseSector(0));
        sim.powerOn();
        try std.testing.expectEqual(cut == .unwritten or cut == .completed, try area.blank(0, flash.sector_bytes));
    }
}

/// Whether a hundred readings of the area's first sector are not all the same.
fn readsDiffer(area: flash.Area) !bool {
    var first: [flash.sector_bytes]u8 = undefined;
    var again: [flash.sector_bytes]u8 = undefined;
    try area.read(0, &first);
    for (0..100) |_| {
        try area.read(0, &again);
        if (!std.mem.eql(u8, &first, &again)) return true;
    }
    return false;
}

test "bits on their way when power goes are anything, once and for all or anew with each read, until erased" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var sim: SimFlash = try .init(std.testing.allocator, &.{flash.sector_bytes}, seed);
    defer sim.deinit();
    const area = sim.area(0);
    const zeros: [flash.sector_bytes]u8 = @splat(0);
    var between: struct { write: bool = false, erase: bool = false } = .{};
    var differ: @TypeOf(between) = .{};
    // Where in the sector the cut comes is by chance, and may be at its very end.
    for (0..32) |_| for ([_]Cut{ .rotten, .unstable }) |cut| {
        sim.cutAt(0, cut);
        try std.testing.expectError(error.FlashFailed, area.write(0, &zeros));
        sim.powerOn();
        between.write = between.write or std.mem.indexOfNone(u8, sim.contents(0), &.{ 0, 0xff }) != null;
        if (try readsDiffer(area)) differ.write = true;
        if (cut == .rotten) try std.testing.expect(!try readsDiffer(area));
        try area.eraseSector(0);
        try std.testing.expect(try area.blank(0, flash.sector_bytes));
        try area.write(0, &zeros);
        sim.cutAt(0, cut);
        try std.testing.expectError(error.FlashFailed, area.eraseSector(0));
        sim.powerOn();
        between.erase = between.erase or std.mem.indexOfNone(u8, sim.contents(0), &.{ 0, 0xff }) != null;
        if (try readsDiffer(area)) differ.erase = true;
        if (cut == .rotten) try std.testing.expect(!try readsDiffer(area));
        try area.eraseSector(0);
        try std.testing.expect(!try readsDiffer(area));
    };
    try std.testing.expectEqual(@TypeOf(between){ .write = true, .erase = true }, between);
    try std.testing.expectEqual(@TypeOf(between){ .write = true, .erase = true }, differ);
}

test "worn sectors fail, or lie and are caught by reading back" {
    var sim: SimFlash = try .init(std.testing.allocator, &.{flash.sector_bytes}, 1);
    defer sim.deinit();
    sim.wear_max = 2;
    const area = sim.area(0);
    const data: [flash.sector_bytes]u8 = @splat(0xff);
    for (0..2) |_| try area.eraseSector(0);
    try std.testing.expectError(error.FlashFailed, area.eraseSector(0));
    sim.wear_as = .lies;
    try area.eraseSector(0);
    try std.testing.expectError(error.FlashFailed, area.writeChecked(0, &data));
}
