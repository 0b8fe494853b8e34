//! The latest of a row of fixed-size records, kept through power cuts. Records are appended sector by sector around the
//! area; a record's sequence number follows from where it stands, so one that was torn and is sometimes readable can
//! never outrank one written after it.
//!
//! ```
//! record: 0 magic u32 | 4 zero u32 | 8 sequence u64 | 16 payload | last 4:
//! CRC-32 of what stands before it ```
const std = @import("std");
const flash = @import("flash.zig");

pub fn RecordRing(comptime magic: u32, comptime record_bytes: u32) type {
    comptime std.debug.assert(flash.sector_bytes % record_bytes == 0 and record_bytes % flash.unit_bytes == 0);
    return struct {
        const Ring = @This();
        pub const payload_bytes = record_bytes - 20;
        /// No flash lives long enough for more, so a larger number was not written here.
        const sequence_max = 1 << 48;
        pub const Payload = [payload_bytes]u8;
        pub const records_per_sector = flash.sector_bytes / record_bytes;

        area: flash.Area,
        /// Sequence of the latest record; 0: none was found.
        sequence: u64,
        /// Where it stands, and the first place after it in the sector where nothing was ever written.
        sector: u32,
        next: u32,

        /// Finds the latest valid record, whatever the bytes are; `out` is filled when there is one. The area has at
        /// least two sectors.
        pub fn open(area: flash.Area, out: *Payload) Ring {
            std.debug.assert(area.sectors() >= 2);
            var ring: Ring = .{ .area = area, .sequence = 0, .sector = 0, .next = records_per_sector };
            for (0..area.sectors()) |sector| for (0..records_per_sector) |place| {
                var record: [record_bytes]u8 = undefined;
                area.read(offsetOf(@intCast(sector), @intCast(place)), &record) catch continue;
                const sequence = sequenceOf(&record) orelse continue;
                if (sequence <= ring.sequence or (sequence - 1) % records_per_sector != place) continue;
                ring.sequence = sequence;
                ring.sector = @intCast(sector);
                out.* = record[16..][0..payload_bytes].*;
            };
            if (ring.sequence != 0) ring.next = ring.firstBlank();
            return ring;
        }

        /// Appends a record and reads it back. On failure the latest record is what it was.
        pub fn append(ring: *Ring, payload: *const Payload) flash.Error!void {
            while (ring.next < records_per_sector) {
                const place = ring.next;
                ring.next += 1;
                if (ring.put(ring.sector, place, ring.firstSequence() + place, payload)) return;
            }
            // Any sector but the one that holds the latest record.
            for (1..ring.area.sectors() + @intFromBool(ring.sequence == 0)) |step| {
                const sector: u32 = @intCast((ring.sector + step) % ring.area.sectors());
                ring.area.eraseSector(sector) catch continue;
                const sequence = if (ring.sequence == 0) 1 else ring.firstSequence() + records_per_sector;
                if (!ring.put(sector, 0, sequence, payload)) continue;
                ring.sector = sector;
                ring.next = 1;
                return;
            }
            return error.FlashFailed;
        }

        /// Of the first place in the sector of the latest record.
        fn firstSequence(ring: *const Ring) u64 {
            return ring.sequence - (ring.sequence - 1) % records_per_sector;
        }

        fn put(ring: *Ring, sector: u32, place: u32, sequence: u64, payload: *const Payload) bool {
            var record: [record_bytes]u8 = undefined;
            std.mem.writeInt(u32, record[0..4], magic, .little);
            std.mem.writeInt(u32, record[4..8], 0, .little);
            std.mem.writeInt(u64, record[8..16], sequence, .little);
            record[16..][0..payload_bytes].* = payload.*;
            std.mem.writeInt(
                u32,
                record[record_bytes - 4 ..][0..4],
                std.hash.Crc32.hash(record[0 .. record_bytes - 4]),
                .little,
            );
            ring.area.writeChecked(offsetOf(sector, place), &record) catch return false;
            ring.sequence = sequence;
            return true;
        }

        fn sequenceOf(record: *const [record_bytes]u8) ?u64 {
            if (std.mem.readInt(u32, record[0..4], .little) != magic) return null;
            const crc = std.mem.readInt(u32, record[record_bytes - 4 ..][0..4], .little);
            if (crc != std.hash.Crc32.hash(record[0 .. record_bytes - 4])) return null;
            const sequence = std.mem.readInt(u64, record[8..16], .little);
            return if (sequence == 0 or sequence > sequence_max) null else sequence;
        }

        fn firstBlank(ring: *const Ring) u32 {
            var place: u32 = records_per_sector;
            while (place > 0) : (place -= 1) {
                const is_blank = ring.area.blank(offsetOf(ring.sector, place - 1), record_bytes) catch false;
                if (!is_blank) break;
            }
            return place;
        }

        fn offsetOf(sector: u32, place: u32) u32 {
            return sector * flash.sector_bytes + place * record_bytes;
        }
    };
}

const SimFlash = @import("sim_parts").SimFlash;
const TestRing = RecordRing(0x54534554, 128);

fn payloadOf(value: u32) TestRing.Payload {
    var payload: TestRing.Payload = @splat(0);
    std.mem.writeInt(u32, payload[0..4], value, .little);
    return payload;
}

fn latest(area: flash.Area) u32 {
    var payload: TestRing.Payload = @splat(0);
    const ring: TestRing = .open(area, &payload);
    return if (ring.sequence == 0) 0 else std.mem.readInt(u32, payload[0..4], .little);
}

test "the latest record is found, however many were written, and wear is even" {
    var sim: SimFlash = try .init(std.testing.allocator, &.{3 * flash.sector_bytes}, 1);
    defer sim.deinit();
    var payload: TestRing.Payload = undefined;
    var ring: TestRing = .open(sim.area(0), &payload);
    for (1..400) |value| {
        try ring.append(&payloadOf(@intCast(value)));
        try std.testing.expectEqual(@as(u32, @intCast(value)), latest(sim.area(0)));
    }
    try std.testing.expectEqual(@as(u32, 0), sim.violations);
    try std.testing.expect(std.mem.max(u32, sim.wear) - std.mem.min(u32, sim.wear) <= 1);
}

test "a worn sector is passed over, and with none left the latest record stays" {
    for (std.enums.values(@import("sim_parts").sim_flash.Wear)) |wear_as| {
        var sim: SimFlash = try .init(std.testing.allocator, &.{3 * flash.sector_bytes}, std.testing.random_seed);
        defer sim.deinit();
        errdefer std.debug.print("seed: 0x{x}\n", .{std.testing.random_seed});
        sim.wear_max = 5;
        sim.wear_as = wear_as;
        var payload: TestRing.Payload = undefined;
        var ring: TestRing = .open(sim.area(0), &payload);
        var value: u32 = 1;
        while (true) : (value += 1) {
            ring.append(&payloadOf(value)) catch break;
            try std.testing.expectEqual(value, latest(sim.area(0)));
        }
        try std.testing.expect(value > 3 * 5 * TestRing.records_per_sector);
        try std.testing.expectEqual(value - 1, latest(sim.area(0)));
    }
}

test "bytes that are not records are no records" {
    var sim: SimFlash = try .init(std.testing.allocator, &.{2 * flash.sector_bytes}, 1);
    defer sim.deinit();
    var source: std.Random.DefaultPrng = .init(std.testing.random_seed);
    source.random().bytes(sim.contents(0));
    try std.testing.expectEqual(@as(u32, 0), latest(sim.area(0)));
    var payload: TestRing.Payload = undefined;
    var ring: TestRing = .open(sim.area(0), &payload);
    try ring.append(&payloadOf(7));
    try std.testing.expectEqual(@as(u32, 7), latest(sim.area(0)));
}
