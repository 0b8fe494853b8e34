//! What the settings journal promises: the last value of every setting, even wear, worn sectors passed over, and after
//! a power cut at any operation the settings before a change or after it.
const std = @import("std");
const flash = @import("flash.zig");
const Journal = @import("journal.zig").Journal;
const journal_module = @import("journal.zig");
const sims = @import("sim_parts").sim_flash;
const Cut = sims.Cut;
const SimFlash = sims.SimFlash;

const allocator = std.testing.allocator;

/// A made-up history of settings: change `step` is always the same, and large enough that a sector is full after a few.
const History = struct {
    const keys = [_][]const u8{ "wifi.ssid", "wifi.password", "broker.url", "token.hash", "name", "groups", "origins" };
    const value_bytes_max = 420;

    /// The keys that change `step` sets (or removes), one or two.
    fn touches(step: u32, key: usize) bool {
        const first = step * 3 % keys.len;
        return key == first or (step % 4 == 1 and key == (first + 1) % keys.len);
    }

    fn valueOf(step: u32, key: usize, buffer: *[value_bytes_max]u8) ?[]const u8 {
        if ((step + key) % 6 == 5) return null;
        const value = buffer[0 .. (step * 131 + key * 57) % value_bytes_max];
        for (value, 0..) |*byte, i| byte.* = @truncate(step * 7 + key * 31 + i);
        return value;
    }

    fn apply(journal: *Journal, step: u32) journal_module.Error!void {
        var buffers: [keys.len][value_bytes_max]u8 = undefined;
        var changes: [2]journal_module.Pair = undefined;
        var count: usize = 0;
        for (keys, 0..) |key, i| if (touches(step, i)) {
            changes[count] = .{ .key = key, .value = valueOf(step, i, &buffers[i]) };
            count += 1;
        };
        return journal.apply(changes[0..count]);
    }

    /// Whether the settings are those after `steps` changes, and nothing else.
    fn matches(journal: *const Journal, steps: u32) bool {
        var buffer: [value_bytes_max]u8 = undefined;
        var present: usize = 0;
        for (keys, 0..) |key, i| {
            var expected: ?[]const u8 = null;
            var step = steps;
            while (step > 0) : (step -= 1) if (touches(step - 1, i)) {
                expected = valueOf(step - 1, i, &buffer);
                break;
            };
            const value = journal.get(key);
            if ((expected == null) != (value == null)) return false;
            if (expected) |bytes| {
                if (!std.mem.eql(u8, bytes, value.?)) return false;
                present += 1;
            }
        }
        var pairs = journal.iterate();
        while (pairs.next()) |_| present -%= 1;
        return present == 0;
    }
};

const Bench = struct {
    sim: SimFlash,
    journal: Journal = undefined,

    fn create(sectors: u32, seed: u64) !*Bench {
        const bench = try allocator.create(Bench);
        bench.* = .{ .sim = try .init(allocator, &.{sectors * flash.sector_bytes}, seed) };
        bench.start();
        return bench;
    }

    fn destroy(bench: *Bench) void {
        bench.sim.deinit();
        allocator.destroy(bench);
    }

    fn start(bench: *Bench) void {
        bench.journal.open(bench.sim.area(0));
    }

    fn boot(bench: *Bench) void {
        bench.sim.powerOn();
        bench.start();
    }

    /// Makes changes `from..to`; answers how many are made for certain.
    fn run(bench: *Bench, from: u32, to: u32) u32 {
        for (from..to) |step| History.apply(&bench.journal, @intCast(step)) catch return @intCast(step);
        return to;
    }

    /// After a cut in change number `made` (counted from 0): the settings before it or after it, the same at the next
    /// boot, and more changes succeed. Answers which it was.
    fn recovers(bench: *Bench, made: u32) !u32 {
        bench.boot();
        const found = try bench.stepsFound(made);
        bench.boot();
        try std.testing.expect(History.matches(&bench.journal, found));
        try std.testing.expectEqual(found + 9, bench.run(found, found + 9));
        bench.boot();
        try std.testing.expect(History.matches(&bench.journal, found + 9));
        try std.testing.expectEqual(@as(u32, 0), bench.sim.violations);
        return found;
    }

    fn stepsFound(bench: *Bench, made: u32) !u32 {
        if (History.matches(&bench.journal, made)) return made;
        if (History.matches(&bench.journal, made + 1)) return made + 1;
        return error.OtherSettings;
    }
};

fn describe(what: []const u8, seed: u64, at: u64, cut: Cut) void {
    std.debug.print("{s}: seed 0x{x}, operation {d}, {t}\n", .{ what, seed, at, cut });
}

fn freeImage(image: *const SimFlash.Image) void {
    allocator.free(image.bytes);
    allocator.free(image.undecided);
    allocator.free(image.half_erased);
}

test "settings are there after a restart, removed ones are not, and nothing is written when nothing changes" {
    const bench = try Bench.create(2, 1);
    defer bench.destroy();
    const journal = &bench.journal;
    try std.testing.expectEqual(null, journal.get("name"));
    try journal.set("name", "kitchen");
    try journal.apply(&.{ .{ .key = "wifi.ssid", .value = "home" }, .{ .key = "wifi.password", .value = "" } });
    bench.boot();
    try std.testing.expectEqualStrings("kitchen", journal.get("name").?);
    try std.testing.expectEqualStrings("home", journal.get("wifi.ssid").?);
    try std.testing.expectEqualStrings("", journal.get("wifi.password").?);
    const before = bench.sim.operations;
    try journal.set("name", "kitchen");
    try journal.remove("origins");
    bench.boot();
    try std.testing.expectEqual(before, bench.sim.operations);
    try journal.remove("name");
    bench.boot();
    try std.testing.expectEqual(null, journal.get("name"));
}

test "what does not fit or is no key is refused, and the settings stay" {
    const bench = try Bench.create(2, 1);
    defer bench.destroy();
    const journal = &bench.journal;
    const large: [journal_module.settings_bytes_max]u8 = @splat('x');
    try journal.set("name", "kitchen");
    const before = bench.sim.operations;
    try std.testing.expectError(error.NoSpace, journal.set("large", &large));
    try std.testing.expectError(error.NoSpace, journal.set("large", large[0 .. large.len - 20]));
    try std.testing.expectError(error.KeyInvalid, journal.set("", "x"));
    try std.testing.expectError(error.KeyInvalid, journal.set(large[0 .. journal_module.key_bytes_max + 1], "x"));
    try std.testing.expectEqual(before, bench.sim.operations);
    try journal.set("large", large[0 .. large.len - 3 - 4 - 7 - 3 - 5]);
    bench.boot();
    try std.testing.expectEqualStrings("kitchen", journal.get("name").?);
    try std.testing.expectEqual(large.len - 22, journal.get("large").?.len);
    try std.testing.expectError(error.NoSpace, journal.set("x", ""));
}

test "a long history of changes keeps wear even" {
    const bench = try Bench.create(4, 1);
    defer bench.destroy();
    const changes = 2000;
    for (0..changes) |step| {
        try History.apply(&bench.journal, @intCast(step));
        if (step % 97 == 0) bench.boot();
        if (step % 50 == 0) try std.testing.expect(History.matches(&bench.journal, @intCast(step + 1)));
    }
    try std.testing.expect(History.matches(&bench.journal, changes));
    try std.testing.expectEqual(@as(u32, 0), bench.sim.violations);
    const most = std.mem.max(u32, bench.sim.wear);
    std.debug.print(
        "settings: {d} changes of 214 bytes on average erased each of 4 sectors {d} times at most\n",
        .{ changes, most },
    );
    try std.testing.expect(most - std.mem.min(u32, bench.sim.wear) <= 1);
}

test "worn sectors are passed over until none is left, and then the settings can still be read" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    for (std.enums.values(sims.Wear)) |wear_as| {
        const bench = try Bench.create(3, seed);
        defer bench.destroy();
        bench.sim.wear_max = 4;
        bench.sim.wear_as = wear_as;
        const made = bench.run(0, 10_000);
        try std.testing.expect(made > 12 and made < 10_000);
        try std.testing.expect(History.matches(&bench.journal, made));
        bench.boot();
        _ = try bench.stepsFound(made);
    }
}

test "no bytes in the area are dangerous" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    const bench = try Bench.create(2, seed);
    defer bench.destroy();
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    _ = bench.run(0, 9);
    const image = try bench.sim.save(allocator);
    defer freeImage(&image);
    for (0..3000) |i| {
        bench.sim.restore(&image);
        if (i == 0) random.bytes(bench.sim.bytes);
        for (0..random.uintAtMost(usize, 8)) |_| bench.sim.bytes[
            random.uintLessThan(
                usize,
                bench.sim.bytes.len,
            )
        ] = random.int(u8);
        bench.boot();
        // The last acknowledged change may have been damaged, but what is read was once written, and changes go on.
        try bench.journal.set("name", "again");
        bench.boot();
        try std.testing.expectEqualStrings("again", bench.journal.get("name").?);
    }
}

test "settings, cut at every flash operation in every mode" {
    const seed = std.testing.random_seed;
    const changes = 40;
    for ([_]u32{ 2, 3 }) |sectors| {
        const bench = try Bench.create(sectors, seed);
        defer bench.destroy();
        const image = try bench.sim.save(allocator);
        defer freeImage(&image);
        bench.boot();
        try std.testing.expectEqual(changes, bench.run(0, changes));
        const operations = bench.sim.operations;
        const erases = std.mem.max(u32, bench.sim.wear);
        try std.testing.expect(erases >= 2);
        var cases: u32 = 0;
        var found: [2]u32 = @splat(0);
        for (0..operations) |at| for (sims.cuts) |cut| {
            errdefer describe("settings", seed, at, cut);
            bench.sim.restore(&image);
            bench.sim.cutAt(at, cut);
            bench.start();
            const made = bench.run(0, changes);
            try std.testing.expect(!bench.sim.powered);
            found[try bench.recovers(made) - made] += 1;
            cases += 1;
        };
        std.debug.print(
            "power cuts: {d} changes of settings on {d} sectors: {d} flash operations, {d} cuts; {d} times the old " ++
                "settings, {d} times the new ones\n",
            .{ changes, sectors, operations, cases, found[0], found[1] },
        );
        try std.testing.expect(found[0] > 0 and found[1] > 0);
    }
}

test "settings, all pairs of cuts" {
    const seed = std.testing.random_seed;
    const changes = 16;
    const bench = try Bench.create(2, seed);
    defer bench.destroy();
    const image = try bench.sim.save(allocator);
    defer freeImage(&image);
    var cases: u32 = 0;
    var found: [2]u32 = @splat(0);
    var first: u64 = 0;
    var cut_once = true;
    while (cut_once) : (first += 1) for (sims.cuts) |first_cut| {
        errdefer describe("first cut", seed, first, first_cut);
        bench.sim.restore(&image);
        bench.sim.cutAt(first, first_cut);
        bench.start();
        const made = bench.run(0, changes);
        cut_once = !bench.sim.powered;
        if (!cut_once) break;
        const after_first = try bench.sim.save(allocator);
        defer freeImage(&after_first);
        var second: u64 = 0;
        var cut_again = true;
        // The restart, what it mends, and the changes up to the next compaction.
        while (cut_again and second < 14) : (second += 1) for (sims.cuts) |second_cut| {
            errdefer describe("second cut", seed, second, second_cut);
            bench.sim.restore(&after_first);
            bench.sim.cutAt(second, second_cut);
            bench.start();
            // A cut in the restart itself leaves what the first one left.
            const made_again = if (bench.sim.powered) bench.run(try bench.stepsFound(made), changes + 4) else made;
            cut_again = !bench.sim.powered;
            if (!cut_again) break;
            const steps = try bench.recovers(made_again);
            found[steps - made_again] += 1;
            cases += 1;
        };
    };
    std.debug.print(
        "power cuts: pairs of cuts in changes of settings: {d} pairs; {d} times the old settings, {d} times the " ++
            "new ones\n",
        .{ cases, found[0], found[1] },
    );
    try std.testing.expect(found[0] > 0 and found[1] > 0);
}

test "settings, cut again and again in a row" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    const bench = try Bench.create(2, seed);
    defer bench.destroy();
    var acknowledged: u32 = 0;
    var tried: u32 = 0;
    var cut_count: u32 = 0;
    for (0..30_000) |_| {
        // Often so soon that the restart itself is cut.
        bench.sim.cutAt(
            random.uintLessThan(u64, if (random.boolean()) 3 else 12),
            sims.cuts[random.uintLessThan(usize, sims.cuts.len)],
        );
        bench.start();
        if (bench.sim.powered) {
            var made = try numberOf(&bench.journal);
            try std.testing.expect(made >= acknowledged and made <= tried);
            while (true) : (made += 1) {
                tried = made + 1;
                setNumber(&bench.journal, made + 1) catch break;
                acknowledged = made + 1;
            }
        }
        cut_count += @intFromBool(!bench.sim.powered);
        bench.sim.powerOn();
    }
    bench.boot();
    try std.testing.expect(try numberOf(&bench.journal) >= acknowledged);
    try std.testing.expectEqual(@as(u32, 0), bench.sim.violations);
    std.debug.print(
        "power cuts: settings: {d} cuts in a row, {d} changes acknowledged and none of them lost\n",
        .{ cut_count, acknowledged },
    );
}

/// Two settings that always change together, of a length that makes sectors change often.
fn setNumber(journal: *Journal, number: u32) journal_module.Error!void {
    var text: [900]u8 = @splat('.');
    _ = std.fmt.bufPrint(&text, "{d} ", .{number}) catch unreachable;
    const bytes = text[0 .. 20 + number % 7 * 130];
    return journal.apply(&.{ .{ .key = "a", .value = bytes }, .{ .key = "b", .value = text[0..20] } });
}

fn numberOf(journal: *const Journal) !u32 {
    const a = journal.get("a") orelse return 0;
    const b = journal.get("b").?;
    try std.testing.expectEqualStrings(b, a[0..20]);
    return std.fmt.parseInt(u32, a[0..std.mem.indexOfScalar(u8, a, ' ').?], 10);
}

test "a torn snapshot that may not read well again is mended in its place, and the sector before it stays" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    const bench = try Bench.create(2, seed);
    defer bench.destroy();
    var made: u32 = 0;
    var image = try bench.sim.save(allocator);
    defer freeImage(&image);
    while (true) : (made += 1) {
        const before = bench.sim.operations;
        try setNumber(&bench.journal, made + 1);
        // A new sector takes an erase, a record and a seal.
        if (made > 0 and bench.sim.operations - before == 3) break;
        freeImage(&image);
        image = try bench.sim.save(allocator);
    }
    for (0..64) |_| {
        bench.sim.restore(&image);
        bench.start();
        bench.sim.cutAt(2, .dropped);
        try std.testing.expectError(error.FlashFailed, setNumber(&bench.journal, made + 1));
        bench.sim.powerOn();
        const torn = bench.journal.sector ^ 1;
        bench.sim.undecided[torn * flash.sector_bytes + 42] = 1;
        // The restart is cut after its first operation, if it has any.
        bench.sim.cutAt(1, .dropped);
        bench.start();
        bench.boot();
        try std.testing.expect(try numberOf(&bench.journal) >= made);
    }
}

test "a record without its whole seal is written anew, so that what reads well now does so at the next start" {
    for ([_]?usize{ null, 0, 8, 16, 28 }) |damaged| {
        var sim: SimFlash = try .init(allocator, &.{4 * flash.sector_bytes}, 1);
        defer sim.deinit();
        var journal: Journal = undefined;
        journal.open(sim.area(0));
        for ([_][]const u8{ "one", "two" }) |name| try journal.apply(&.{.{ .key = "name", .value = name }});
        const bytes = sim.contents(0);
        const seal = std.mem.lastIndexOf(u8, bytes, "SYNE").?;
        if (damaged) |at| bytes[seal + at] ^= 1;
        const before = journal.generation;
        for (0..2) |_| {
            journal.open(sim.area(0));
            errdefer std.debug.print(
                "byte {?d} of the seal: generation {d}, then {d}\n",
                .{ damaged, before, journal.generation },
            );
            try std.testing.expectEqualStrings("two", journal.get("name").?);
            try std.testing.expectEqual(before + @intFromBool(damaged != null), journal.generation);
        }
    }
}

test "a snapshot that is torn so that it reads badly now and well later changes nothing later" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    // In an empty area, and beside a sector in which changes go on.
    for ([_]u32{ 0, 2 }) |before| {
        const bench = try Bench.create(2, seed);
        defer bench.destroy();
        for (0..before) |i| try bench.journal.set(if (i == 0) "origins" else "name", "kept");
        const image = try bench.sim.save(allocator);
        defer freeImage(&image);
        for (0..64) |_| {
            bench.sim.restore(&image);
            bench.start();
            const large: [3900]u8 = @splat('x');
            // The sector's erase, and then its record, of which all but one bit is there.
            bench.sim.cutAt(2, .dropped);
            try std.testing.expectError(error.FlashFailed, bench.journal.set("groups", &large));
            bench.sim.powerOn();
            const torn: usize = if (before == 0) 1 else bench.journal.sector ^ 1;
            bench.sim.undecided[torn * flash.sector_bytes + 300] = 1;
            bench.start();
            const found = bench.journal.get("groups") != null;
            if (!found) try bench.journal.set("name", "later");
            bench.boot();
            try std.testing.expectEqual(found, bench.journal.get("groups") != null);
            if (!found) try std.testing.expectEqualStrings("later", bench.journal.get("name").?);
        }
    }
}
