//! One number for each channel of a picture.

const cbor = @import("../cbor.zig");
const limits = @import("../limits.zig");
const Error = @import("../errors.zig").Error;

pub const Channels = struct {
    values: [limits.channels_max]f32 = @splat(0),
    count: u32 = 0,

    pub fn read(reader: *cbor.Reader) Error!Channels {
        var channels: Channels = .{};
        channels.count = try reader.array(limits.channels_max);
        for (channels.values[0..channels.count]) |*number| number.* = try reader.number();
        return channels;
    }
};
