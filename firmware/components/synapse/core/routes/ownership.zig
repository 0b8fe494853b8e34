//! What follows a change of who may do what: whoever has no right any more ends,
//! requests as well as what the board fetches.
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const schedule = @import("../request/schedule.zig");
const updates = @import("../updates/updates.zig");

/// `acting` is the request that made the change.
pub fn changed(device: *Device, acting: *const Exchange) void {
    schedule.enforce(device, acting);
    updates.enforce(device);
    schedule.startNext(device);
}
