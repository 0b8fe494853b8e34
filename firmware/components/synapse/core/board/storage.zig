//! What the device keeps in flash: its model slots, the upload on its way into one, and its settings.
const std = @import("std");
const flash = @import("../flash/flash.zig");
const slots_module = @import("../flash/slots.zig");
const Journal = @import("../flash/journal.zig").Journal;
const Metrics = @import("metrics.zig").Metrics;
const ports = @import("../port.zig");
const access_module = @import("access.zig");
const Access = access_module.Access;
const Bounded = @import("../wire/problem.zig").Bounded;
const Slots = slots_module.Slots;
const UpdateKeys = @import("../flash/update_keys.zig").UpdateKeys;
const Upload = @import("../flash/upload.zig").Upload;
pub const SlotIndex = slots_module.SlotIndex;
pub const slot_count = slots_module.slot_count;

pub const Storage = struct {
    port: *const ports.Port,
    metrics: *Metrics,
    names: [slot_count]ports.Text,
    slots: Slots,
    update_keys: UpdateKeys,
    upload: Upload,
    settings: Journal,
    access: Access,
    /// Why the runtime refused a slot's model since the board started.
    refusals: [slot_count]Bounded(ports.error_message_bytes_max),

    /// In place, since areas point at the storage. Counts the boot.
    pub fn open(storage: *Storage, config: *const ports.Config, port: *const ports.Port, metrics: *Metrics) void {
        storage.port = port;
        storage.metrics = metrics;
        storage.names = config.slot_names;
        storage.refusals = @splat(.{});
        storage.update_keys = .init(config, port);
        storage.slots = .open(storage.area(.records, config.records_bytes), .{
            storage.area(.model_a, config.slot_bytes[0]),
            storage.area(.model_b, config.slot_bytes[1]),
        }, &storage.update_keys);
        storage.upload = .{ .slots = &storage.slots };
        storage.settings.open(storage.area(.settings, config.settings_bytes));
        var random: [access_module.code_digits]u8 = undefined;
        port.random(port.user, &random, random.len);
        storage.access = .init(&storage.settings, &random);
    }

    pub fn name(storage: *const Storage, slot: SlotIndex) []const u8 {
        return storage.names[slot].slice();
    }

    pub fn find(storage: *const Storage, wanted: []const u8) ?SlotIndex {
        for (0..slot_count) |i| {
            if (std.mem.eql(u8, storage.name(@intCast(i)), wanted)) return @intCast(i);
        }
        return null;
    }

    /// The model file of a slot that is ready, where it lies in flash. Null when the port cannot map it.
    pub fn file(storage: *const Storage, slot: SlotIndex) ?[]align(64) const u8 {
        const place: ports.Area = if (slot == 0) .model_a else .model_b;
        const start = storage.port.flash_map.?(storage.port.user, @backingInt(place)) orelse return null;
        return start[0..storage.slots.state.slots[slot].file_bytes];
    }

    fn area(storage: *Storage, id: ports.Area, bytes: u32) flash.Area {
        return .{ .user = storage, .calls = &calls, .id = @backingInt(id), .bytes = bytes };
    }

    const calls: flash.Calls = .{ .read = read, .erase = erase, .write = write };

    fn of(user: ?*anyopaque) *Storage {
        return @ptrCast(@alignCast(user.?));
    }

    // Reads are not counted: the worker reads too, and counters are the event side's.
    fn read(user: ?*anyopaque, id: u32, offset: u32, out: [*]u8, bytes: usize) callconv(.c) flash.Result {
        const port = of(user).port;
        return port.flash_read.?(port.user, id, offset, out, bytes);
    }

    fn erase(user: ?*anyopaque, id: u32, offset: u32) callconv(.c) flash.Result {
        const storage = of(user);
        storage.metrics.flash_erases +%= 1;
        return storage.count(storage.port.flash_erase.?(storage.port.user, id, offset));
    }

    fn write(user: ?*anyopaque, id: u32, offset: u32, data: [*]const u8, bytes: usize) callconv(.c) flash.Result {
        const storage = of(user);
        storage.metrics.flash_writes +%= 1;
        return storage.count(storage.port.flash_write.?(storage.port.user, id, offset, data, bytes));
    }

    fn count(storage: *Storage, result: flash.Result) flash.Result {
        if (result != .ok) storage.metrics.flash_failures +%= 1;
        return result;
    }
};
