//! What ESP-IDF's bootloader and esp_ota_* do, over a simulated flash: two places for applications, and two sectors
//! that say which one to start (esp_ota_select_entry_t). With rollback: what was not confirmed before the next start is
//! not started again.
const std = @import("std");
const flash = @import("synapse_device").flash;
const app_image = @import("synapse_device").app_image;
const empty_image = @import("empty_image.zig");

const entry_bytes = 32;

const EntryState = enum(u32) {
    new = 0,
    pending_verify = 1,
    valid = 2,
    invalid = 3,
    aborted = 4,
    undefined = 0xffff_ffff,
    _,
};

const Entry = struct {
    sequence: u32,
    state: EntryState,

    fn read(area: flash.Area, sector: u32) ?Entry {
        var bytes: [entry_bytes]u8 = undefined;
        area.read(sector * flash.sector_bytes, &bytes) catch return null;
        const sequence = std.mem.readInt(u32, bytes[0..4], .little);
        if (sequence == 0xffff_ffff or sequence == 0 or std.mem.readInt(
            u32,
            bytes[28..32],
            .little,
        ) != crc(sequence)) return null;
        const entry: Entry = .{
            .sequence = sequence,
            .state = @fromBackingInt(std.mem.readInt(u32, bytes[24..28], .little)),
        };
        return if (entry.state == .invalid or entry.state == .aborted) null else entry;
    }

    fn write(entry: Entry, area: flash.Area) flash.Error!void {
        var bytes: [entry_bytes]u8 = @splat(0xff);
        std.mem.writeInt(u32, bytes[0..4], entry.sequence, .little);
        std.mem.writeInt(u32, bytes[24..28], @backingInt(entry.state), .little);
        std.mem.writeInt(u32, bytes[28..32], crc(entry.sequence), .little);
        const sector = (entry.sequence - 1) % 2;
        try area.eraseSector(sector);
        try area.write(sector * flash.sector_bytes, &bytes);
    }

    fn place(entry: Entry) u1 {
        return @intCast((entry.sequence - 1) % 2);
    }

    fn crc(sequence: u32) u32 {
        var bytes: [4]u8 = undefined;
        std.mem.writeInt(u32, &bytes, sequence, .little);
        // esp_rom_crc32_le with all bits set: the usual CRC-32 begun at its end,
        // so a checksum that is zero at the start.
        var value: u32 = 0;
        for (bytes) |byte| {
            value ^= byte;
            for (0..8) |_| value = if (value & 1 != 0) (value >> 1) ^ 0xedb8_8320 else value >> 1;
        }
        return ~value;
    }
};

pub const Running = enum { valid, on_trial, returned };

pub const SimOta = struct {
    places: [2]flash.Area,
    record: flash.Area,
    /// major * 100 + minor; an image for other silicon is not started. Null: any is.
    chip_revision: ?u32 = null,
    running: u1 = 0,
    state: Running = .valid,
    head: ?app_image.Head = null,
    /// Bytes of the update under way, in the place that does not run.
    bytes: u32 = 0,
    written: u32 = 0,
    erased: u32 = 0,
    page: [flash.sector_bytes]u8 = undefined,

    /// Chooses what to start. An entry that was started once and not confirmed is given up; a place whose image is
    /// damaged is passed over.
    pub fn boot(ota: *SimOta) void {
        ota.written = 0;
        ota.erased = 0;
        ota.state = .valid;
        var entries = [2]?Entry{ .read(ota.record, 0), .read(ota.record, 1) };
        for (&entries) |*entry| if (entry.* != null and entry.*.?.state == .pending_verify) {
            // As in the bootloader, flash that does not take the record does not keep the board from starting.
            (Entry{ .sequence = entry.*.?.sequence, .state = .aborted }).write(ota.record) catch {};
            entry.* = null;
            ota.state = .returned;
        };
        while (latest(&entries)) |index| {
            const entry = entries[index].?;
            if (ota.whole(entry.place())) |head| {
                ota.running = entry.place();
                ota.head = head;
                if (entry.state == .new) {
                    (Entry{ .sequence = entry.sequence, .state = .pending_verify }).write(ota.record) catch {};
                    ota.state = .on_trial;
                }
                return;
            }
            entries[index] = null;
        }
        // No entry: the first place that holds an application.
        for ([_]u1{ 0, 1 }) |place| {
            ota.running = place;
            ota.head = ota.whole(place);
            if (ota.head != null) return;
        }
        ota.running = 0;
    }

    fn latest(entries: *const [2]?Entry) ?usize {
        const first = entries[0] orelse return if (entries[1] != null) 1 else null;
        const second = entries[1] orelse return 0;
        return @intFromBool(second.sequence > first.sequence);
    }

    /// The image of a place, if it is one and nothing of it is damaged.
    fn whole(ota: *SimOta, place: u1) ?app_image.Head {
        const area = ota.places[place];
        var checker: app_image.Checker = .{};
        var head: ?app_image.Head = null;
        var at: u32 = 0;
        while (at < area.bytes and checker.phase != .rest) : (at += flash.sector_bytes) {
            area.read(at, &ota.page) catch return null;
            if (at == 0) head = app_image.Head.parse(ota.page[0..app_image.head_bytes]) catch return null;
            checker.feed(&ota.page) catch return null;
        }
        checker.finish() catch return null;
        if (ota.chip_revision) |revision| head.?.fits(revision) catch return null;
        return head;
    }

    fn target(ota: *const SimOta) flash.Area {
        return ota.places[ota.running ^ 1];
    }

    pub fn begin(ota: *SimOta, image_bytes: u32) void {
        ota.bytes = image_bytes;
        ota.written = 0;
        ota.erased = 0;
    }

    pub fn write(ota: *SimOta, bytes: []const u8) flash.Error!void {
        var rest = bytes;
        while (rest.len > 0) {
            const place = ota.written % flash.sector_bytes;
            const n = @min(rest.len, flash.sector_bytes - place);
            if (ota.written + n > ota.target().bytes) return error.FlashFailed;
            @memcpy(ota.page[place..][0..n], rest[0..n]);
            ota.written += @intCast(n);
            rest = rest[n..];
            if (ota.written % flash.sector_bytes == 0 or ota.written == ota.bytes) try ota.flush();
        }
    }

    fn flush(ota: *SimOta) flash.Error!void {
        const filled = ota.written - ota.erased * flash.sector_bytes;
        if (filled == 0) return;
        const end = std.mem.alignForward(u32, filled, flash.unit_bytes);
        @memset(ota.page[filled..end], 0xff);
        try ota.target().eraseSector(ota.erased);
        try ota.target().write(ota.erased * flash.sector_bytes, ota.page[0..end]);
        ota.erased += 1;
    }

    /// Reads everything back, and writes nothing, so that a worker may do it.
    pub fn check(ota: *SimOta) flash.Error!void {
        if (ota.written != ota.bytes) return error.FlashFailed;
        if (ota.whole(ota.running ^ 1) == null) return error.FlashFailed;
    }

    /// The next start runs what was written.
    pub fn activate(ota: *SimOta) flash.Error!void {
        const entries = [2]?Entry{ .read(ota.record, 0), .read(ota.record, 1) };
        var sequence: u32 = if (latest(&entries)) |index| entries[index].?.sequence + 1 else 1;
        if ((sequence - 1) % 2 != ota.running ^ 1) sequence += 1;
        try (Entry{ .sequence = sequence, .state = .new }).write(ota.record);
    }

    /// What runs is good.
    pub fn confirm(ota: *SimOta) flash.Error!void {
        if (ota.state != .on_trial) return;
        const entries = [2]?Entry{ .read(ota.record, 0), .read(ota.record, 1) };
        const entry = entries[latest(&entries) orelse return].?;
        try (Entry{ .sequence = entry.sequence, .state = .valid }).write(ota.record);
        ota.state = .valid;
    }
};

/// What a port gives the core; `otaOf` finds the updates of a port's `user`.
pub fn Calls(comptime otaOf: fn (?*anyopaque) *SimOta) type {
    return struct {
        fn result(outcome: flash.Error!void) i32 {
            return if (outcome) |_| 0 else |_| -1;
        }

        pub fn begin(user: ?*anyopaque, image_bytes: u32) callconv(.c) i32 {
            otaOf(user).begin(image_bytes);
            return 0;
        }

        pub fn write(user: ?*anyopaque, data: [*]const u8, bytes: usize) callconv(.c) i32 {
            return result(otaOf(user).write(data[0..bytes]));
        }

        pub fn check(user: ?*anyopaque) callconv(.c) i32 {
            return result(otaOf(user).check());
        }

        pub fn activate(user: ?*anyopaque) callconv(.c) i32 {
            return result(otaOf(user).activate());
        }

        pub fn abort(user: ?*anyopaque) callconv(.c) void {
            otaOf(user).begin(0);
        }

        pub fn confirm(user: ?*anyopaque) callconv(.c) i32 {
            return result(otaOf(user).confirm());
        }
    };
}

const sims = @import("sim_flash.zig");
const test_areas = [_]u32{ 4 * flash.sector_bytes, 4 * flash.sector_bytes, 2 * flash.sector_bytes };

fn over(sim: *sims.SimFlash) SimOta {
    return .{ .places = .{ sim.area(0), sim.area(1) }, .record = sim.area(2) };
}

fn update(ota: *SimOta, image: []const u8) flash.Error!void {
    ota.begin(@intCast(image.len));
    try ota.write(image);
    try ota.check();
    try ota.activate();
}

test "an update is tried once, and stays when it is confirmed" {
    var sim: sims.SimFlash = try .init(std.testing.allocator, &test_areas, std.testing.random_seed);
    defer sim.deinit();
    var buffer: [9000]u8 = undefined;
    sim.program(0, empty_image.make(&buffer, .{ .version = "1.0.0" }));
    var ota = over(&sim);
    for ([_][]const u8{ "2.0.0", "3.0.0", "4.0.0" }) |version| {
        ota.boot();
        const before = ota.running;
        try update(&ota, empty_image.make(&buffer, .{ .version = version, .payload_bytes = 5000 }));
        ota.boot();
        try std.testing.expectEqual(Running.on_trial, ota.state);
        try std.testing.expectEqual(before ^ 1, ota.running);
        try ota.confirm();
        ota.boot();
        try std.testing.expectEqual(Running.valid, ota.state);
        try std.testing.expectEqualStrings(version, ota.head.?.version());
    }
    try update(&ota, empty_image.make(&buffer, .{ .version = "5.0.0" }));
    ota.boot();
    ota.boot();
    try std.testing.expectEqual(Running.returned, ota.state);
    try std.testing.expectEqualStrings("4.0.0", ota.head.?.version());
    ota.boot();
    try std.testing.expectEqual(Running.valid, ota.state);
    try std.testing.expectEqual(@as(u32, 0), sim.violations);
}

test "an image for other silicon is passed over" {
    var sim: sims.SimFlash = try .init(std.testing.allocator, &test_areas, std.testing.random_seed);
    defer sim.deinit();
    var buffer: [9000]u8 = undefined;
    sim.program(0, empty_image.make(&buffer, .{ .version = "1.0.0" }));
    sim.program(1, empty_image.make(&buffer, .{ .version = "2.0.0", .revision_min = 300, .revision_max = 399 }));
    var ota = over(&sim);
    for ([_]struct { u32, u1 }{ .{ 103, 0 }, .{ 301, 1 } }) |case| {
        ota.chip_revision = case[0];
        ota.boot();
        try std.testing.expectEqual(case[1], ota.running);
        try std.testing.expect(ota.head != null);
    }
}

fn countOperations(old: []const u8, new: []const u8) !usize {
    var sim: sims.SimFlash = try .init(std.testing.allocator, &test_areas, 1);
    defer sim.deinit();
    sim.program(0, old);
    var ota = over(&sim);
    ota.boot();
    try update(&ota, new);
    ota.boot();
    try ota.confirm();
    return @intCast(sim.operations);
}

test "power cut at every operation of an update leaves the old application or the new one" {
    var buffer: [9000]u8 = undefined;
    var other: [9000]u8 = undefined;
    const old = empty_image.make(&other, .{ .version = "1.0.0" });
    const new = empty_image.make(&buffer, .{ .version = "2.0.0", .payload_bytes = 7000 });
    const operations = try countOperations(old, new);
    var cuts: u32 = 0;
    for (sims.cuts) |cut| {
        for (0..operations) |at| {
            var sim: sims.SimFlash = try .init(std.testing.allocator, &test_areas, std.testing.random_seed +% cuts);
            defer sim.deinit();
            sim.program(0, old);
            var ota = over(&sim);
            ota.boot();
            sim.cutAt(at, cut);
            if (update(&ota, new)) |_| {
                ota.boot();
                ota.confirm() catch {};
            } else |_| {}
            cuts += 1;
            sim.powerOn();
            ota.boot();
            const version = ota.head.?.version();
            errdefer std.debug.print("cut {t} at {d}: runs {s}\n", .{ cut, at, version });
            try std.testing.expect(std.mem.eql(u8, version, "1.0.0") or std.mem.eql(u8, version, "2.0.0"));
            // And the next update works. One that is on trial is confirmed first, as esp_ota_begin wants it.
            try ota.confirm();
            try update(&ota, empty_image.make(&other, .{ .version = "3.0.0" }));
            ota.boot();
            try ota.confirm();
            ota.boot();
            try std.testing.expectEqualStrings("3.0.0", ota.head.?.version());
            _ = empty_image.make(&other, .{ .version = "1.0.0" });
        }
    }
    std.debug.print("firmware: {d} cuts of an update of {d} flash operations\n", .{ cuts, operations });
}
