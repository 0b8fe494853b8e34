//! Gathers the tests of flash, model slots and settings.
const std = @import("std");

test {
    _ = @import("flash.zig");
    _ = @import("record_ring.zig");
    _ = @import("slot_state.zig");
    _ = @import("slots.zig");
    _ = @import("slots_test.zig");
    _ = @import("power_cut_test.zig");
    _ = @import("settings_pairs.zig");
    _ = @import("journal.zig");
    _ = @import("journal_test.zig");
}

test "memory is what docs/reliability.md says" {
    try std.testing.expect(@sizeOf(@import("journal.zig").Journal) <= 12 << 10);
    try std.testing.expect(@sizeOf(@import("upload.zig").Upload) <= 5 << 10);
    try std.testing.expect(@sizeOf(@import("slots.zig").Slots) <= 1 << 10);
}
