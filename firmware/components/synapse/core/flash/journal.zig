//! Settings that survive power cuts. Each change of one or more settings is a record with a CRC, appended to the
//! current sector; when that is full, all settings are written as one record to the next sector of the area. A change
//! counts whole or not at all.
//!
//! ```
//! sector: record (a snapshot of all settings) | seal | record (a change) | seal | ... | erased
//! record: 0 magic u32 | 4 kind u32 | 8 generation u64 | 16 place u32 | 20 payload_bytes u32 | 24 zero u32 | 28 CRC-32
//! u32
//!         32 payload (settings_pairs.zig), filled with ff to a multiple of 32
//! seal:   0 magic u32 | 4 zero u32 | 8 generation u64 | 16 place u32 | 20
//! zero u64 | 28 CRC-32 u32 ```
//!
//! A seal says that its record was read back after it was written. A record without one may be torn so that it reads
//! well now and badly at the next boot, so nothing is appended after it: a boot that finds one writes all settings
//! anew. It puts them in the next sector if the torn record was a change, and in place of the torn record if that was a
//! snapshot and another sector still holds the one before it. A snapshot that reads badly now may read well at the next
//! boot: a boot that finds one erases it.
const std = @import("std");
const flash = @import("flash.zig");
const settings_pairs = @import("settings_pairs.zig");
pub const Pair = settings_pairs.Pair;
pub const key_bytes_max = settings_pairs.key_bytes_max;

const head_bytes = 32;
const seal_bytes = 32;
/// Of all settings together, with three bytes for each beside its key and value.
pub const settings_bytes_max = flash.sector_bytes - head_bytes - seal_bytes;

/// "SYNR", "SYNE"
const record_magic = 0x524e5953;
const seal_magic = 0x454e5953;
const Kind = enum(u32) { snapshot = 1, change = 2 };

/// No flash lives long enough for more, so a larger number was not written here.
const generation_max = 1 << 48;

pub const Error = error{
    /// Keys have 1 to `key_bytes_max` bytes.
    KeyInvalid,
    /// All settings together would have more than `settings_bytes_max` bytes.
    NoSpace,
    FlashFailed,
};

pub const Journal = struct {
    area: flash.Area,
    generation: u64 = 0,
    sector: u32 = 0,
    /// Where the next record goes; past the end when nothing may be appended to the sector.
    next: u32 = flash.sector_bytes,
    /// The settings, in one of two buffers: the other takes the next state until it is in flash.
    buffers: [2][settings_bytes_max]u8 = undefined,
    used: [2]u32 = .{ 0, 0 },
    front: u1 = 0,
    record: [flash.sector_bytes]u8 = undefined,

    /// In place, since a journal is large. Reads whatever the flash holds; the area has at least two sectors. Without a
    /// whole record the settings are empty. When the flash fails the settings that can be read are there,
    /// and changes will fail.
    pub fn open(journal: *Journal, area: flash.Area) void {
        std.debug.assert(area.sectors() >= 2);
        journal.* = .{ .area = area };
        for (0..area.sectors()) |sector| {
            const found = journal.readRecord(@intCast(sector), 0, .snapshot, null) orelse continue;
            if (found.generation <= journal.generation) continue;
            journal.generation = found.generation;
            journal.sector = @intCast(sector);
            @memcpy(journal.buffers[0][0..found.payload.len], found.payload);
            journal.used[0] = @intCast(found.payload.len);
            journal.next = sizeOf(found.payload.len);
        }
        journal.clearTorn();
        if (journal.generation == 0) return;
        var sealed = journal.isSealed(0, journal.next);
        var changed = false;
        while (journal.readRecord(journal.sector, journal.next, .change, journal.generation)) |found| {
            const place = journal.next;
            journal.next += sizeOf(found.payload.len);
            sealed = journal.isSealed(place, journal.next);
            changed = true;
            const merged = settings_pairs.merge(journal.back(), journal.settings(), found.payload) catch continue;
            journal.turn(merged.len);
        }
        const rest = journal.area.blank(
            journal.sector * flash.sector_bytes + journal.next,
            flash.sector_bytes - journal.next,
        ) catch false;
        if (sealed and rest) return;
        const bare = !sealed and !changed;
        journal.next = flash.sector_bytes;
        if (bare and journal.holdsOther()) {
            journal.putSnapshot(journal.sector, journal.settings()) catch {};
        } else journal.writeSnapshot(journal.settings()) catch {};
    }

    /// Erases what reads neither as nothing nor as a snapshot before the current one: a snapshot that was torn may read
    /// badly now and well at the next boot, and would then take the place of changes that were made since.
    fn clearTorn(journal: *Journal) void {
        for (0..journal.area.sectors()) |i| {
            const sector: u32 = @intCast(i);
            if (journal.generation > 0 and sector == journal.sector) continue;
            if (journal.area.blank(sector * flash.sector_bytes, head_bytes) catch continue) continue;
            const older = if (journal.readRecord(
                sector,
                0,
                .snapshot,
                null,
            )) |found| found.generation < journal.generation else false;
            if (!older) journal.area.eraseSector(sector) catch {};
        }
    }

    /// Valid until the next change.
    pub fn get(journal: *const Journal, key: []const u8) ?[]const u8 {
        const pair = settings_pairs.find(journal.settings(), key) orelse return null;
        return pair.value;
    }

    pub fn iterate(journal: *const Journal) settings_pairs.Iterator {
        return .{ .bytes = journal.settings() };
    }

    pub fn set(journal: *Journal, key: []const u8, value: []const u8) Error!void {
        return journal.apply(&.{.{ .key = key, .value = value }});
    }

    pub fn remove(journal: *Journal, key: []const u8) Error!void {
        return journal.apply(&.{.{ .key = key, .value = null }});
    }

    /// Makes all changes or none: settings that belong together, such as a network and its password, are given
    /// together. Nothing is written when nothing changes. After FlashFailed the settings are what they were; the next
    /// boot may find the changes made.
    pub fn apply(journal: *Journal, changes: []const Pair) Error!void {
        var writer: settings_pairs.Writer = .{ .buffer = journal.record[head_bytes..] };
        var changed = false;
        for (changes) |change| {
            if (change.key.len == 0 or change.key.len > key_bytes_max) return error.KeyInvalid;
            try writer.add(change);
        }
        for (changes) |change| changed = changed or !same(journal.get(change.key), change.value);
        if (!changed) return;
        const payload = journal.record[head_bytes..][0..writer.len];
        const merged = try settings_pairs.merge(journal.back(), journal.settings(), payload);
        if (journal.next + sizeOf(payload.len) > flash.sector_bytes or
            !journal.append(payload.len)) try journal.writeSnapshot(merged);
        journal.turn(merged.len);
    }

    fn settings(journal: *const Journal) []const u8 {
        return journal.buffers[journal.front][0..journal.used[journal.front]];
    }

    fn back(journal: *Journal) []u8 {
        return &journal.buffers[journal.front ^ 1];
    }

    fn turn(journal: *Journal, bytes: usize) void {
        journal.front ^= 1;
        journal.used[journal.front] = @intCast(bytes);
    }

    /// The payload stands in `record`. False when the sector did not take it; nothing more is appended to it then.
    fn append(journal: *Journal, payload_bytes: usize) bool {
        const place = journal.next;
        journal.next = flash.sector_bytes;
        journal.writeRecord(journal.sector, place, .change, journal.generation, payload_bytes) catch return false;
        journal.next = place + sizeOf(payload_bytes);
        return true;
    }

    /// Writes all settings to a sector other than the current one, which from then on is the current one.
    fn writeSnapshot(journal: *Journal, all: []const u8) flash.Error!void {
        // With nothing in the area, any sector will do.
        for (1..journal.area.sectors() + @intFromBool(journal.generation == 0)) |step| {
            return journal.putSnapshot(@intCast((journal.sector + step) % journal.area.sectors()), all) catch continue;
        }
        return error.FlashFailed;
    }

    fn putSnapshot(journal: *Journal, sector: u32, all: []const u8) flash.Error!void {
        @memcpy(journal.record[head_bytes..][0..all.len], all);
        try journal.area.eraseSector(sector);
        try journal.writeRecord(sector, 0, .snapshot, journal.generation + 1, all.len);
        journal.generation += 1;
        journal.sector = sector;
        journal.next = sizeOf(all.len);
    }

    /// Writes the record whose payload stands in `record`, reads it back and seals it.
    fn writeRecord(
        journal: *Journal,
        sector: u32,
        place: u32,
        kind: Kind,
        generation: u64,
        payload_bytes: usize,
    ) flash.Error!void {
        const start = sector * flash.sector_bytes + place;
        const bytes = sizeOf(payload_bytes) - seal_bytes;
        const record = journal.record[0..bytes];
        std.mem.writeInt(u32, record[0..4], record_magic, .little);
        std.mem.writeInt(u32, record[4..8], @backingInt(kind), .little);
        std.mem.writeInt(u64, record[8..16], generation, .little);
        std.mem.writeInt(u32, record[16..20], place, .little);
        std.mem.writeInt(u32, record[20..24], @intCast(payload_bytes), .little);
        std.mem.writeInt(u32, record[24..28], 0, .little);
        std.mem.writeInt(u32, record[28..32], crcOf(record[0..28], record[head_bytes..][0..payload_bytes]), .little);
        @memset(record[head_bytes + payload_bytes ..], 0xff);
        try journal.area.writeChecked(start, record);
        try journal.area.writeChecked(start + bytes, &sealFor(generation, place));
    }

    /// Whether a sector other than the current one has a snapshot to fall back to.
    fn holdsOther(journal: *Journal) bool {
        for (0..journal.area.sectors()) |sector| {
            if (sector != journal.sector and journal.readRecord(
                @intCast(sector),
                0,
                .snapshot,
                null,
            ) != null) return true;
        }
        return false;
    }

    const Found = struct { generation: u64, payload: []const u8 };

    /// Reads a record into `record`, once, and judges what was read.
    fn readRecord(journal: *Journal, sector: u32, place: u32, kind: Kind, generation: ?u64) ?Found {
        if (place > flash.sector_bytes - head_bytes - seal_bytes) return null;
        const start = sector * flash.sector_bytes + place;
        const head = journal.record[0..head_bytes];
        journal.area.read(start, head) catch return null;
        if (std.mem.readInt(u32, head[0..4], .little) != record_magic) return null;
        if (std.mem.readInt(u32, head[4..8], .little) != @backingInt(kind)) return null;
        if (std.mem.readInt(u32, head[16..20], .little) != place) return null;
        const found_generation = std.mem.readInt(u64, head[8..16], .little);
        if (found_generation == 0 or found_generation > generation_max) return null;
        if (generation != null and found_generation != generation.?) return null;
        const payload_bytes = std.mem.readInt(u32, head[20..24], .little);
        if (payload_bytes > flash.sector_bytes - place - head_bytes - seal_bytes) return null;
        const payload = journal.record[head_bytes..][0..payload_bytes];
        journal.area.read(start + head_bytes, payload) catch return null;
        if (crcOf(head[0..28], payload) != std.mem.readInt(u32, head[28..32], .little)) return null;
        if (!settings_pairs.isWhole(payload)) return null;
        return .{ .generation = found_generation, .payload = payload };
    }

    /// Whether the record at `place`, which with its seal ends at `end`, is sealed.
    fn isSealed(journal: *const Journal, place: u32, end: u32) bool {
        const seal = sealFor(journal.generation, place);
        return journal.area.equals(journal.sector * flash.sector_bytes + end - seal_bytes, &seal) catch false;
    }
};

/// Bytes of a record and its seal.
fn sizeOf(payload_bytes: usize) u32 {
    return @intCast(head_bytes + std.mem.alignForward(usize, payload_bytes, flash.unit_bytes) + seal_bytes);
}

fn sealFor(generation: u64, place: u32) [seal_bytes]u8 {
    var seal: [seal_bytes]u8 = @splat(0);
    std.mem.writeInt(u32, seal[0..4], seal_magic, .little);
    std.mem.writeInt(u64, seal[8..16], generation, .little);
    std.mem.writeInt(u32, seal[16..20], place, .little);
    std.mem.writeInt(u32, seal[28..32], std.hash.Crc32.hash(seal[0..28]), .little);
    return seal;
}

fn crcOf(head: *const [28]u8, payload: []const u8) u32 {
    var crc: std.hash.Crc32 = .init();
    crc.update(head);
    crc.update(payload);
    return crc.final();
}

fn same(a: ?[]const u8, b: ?[]const u8) bool {
    const left = a orelse return b == null;
    return std.mem.eql(u8, left, b orelse return false);
}
