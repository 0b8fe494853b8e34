//! An application image that is right in every respect and holds nothing to run: the firmware of a simulated board, and
//! what tests update it to.
const std = @import("std");
const app_image = @import("synapse_device").app_image;
const Sha256 = std.crypto.hash.sha2.Sha256;

pub const Options = struct {
    version: []const u8 = "1.0.0",
    project: []const u8 = "synapse",
    chip_id: u16 = app_image.chip_esp32p4,
    revision_min: u16 = 0,
    revision_max: u16 = 199,
    payload_bytes: u32 = 1024,
};

/// `buffer` holds the payload and 512 bytes more.
pub fn make(buffer: []u8, options: Options) []u8 {
    @memset(buffer, 0);
    buffer[0] = app_image.magic;
    buffer[1] = 2;
    std.mem.writeInt(u16, buffer[12..14], options.chip_id, .little);
    std.mem.writeInt(u16, buffer[15..17], options.revision_min, .little);
    std.mem.writeInt(u16, buffer[17..19], options.revision_max, .little);
    buffer[23] = 1;
    std.mem.writeInt(u32, buffer[app_image.header_bytes + 4 ..][0..4], app_image.description_bytes, .little);
    const description = buffer[app_image.description_at..];
    std.mem.writeInt(u32, description[0..4], app_image.description_magic, .little);
    @memcpy(description[16..][0..options.version.len], options.version);
    @memcpy(description[48..][0..options.project.len], options.project);
    std.mem.writeInt(u32, buffer[app_image.head_bytes + 4 ..][0..4], options.payload_bytes, .little);
    const payload = buffer[app_image.head_bytes + app_image.segment_head_bytes ..][0..options.payload_bytes];
    for (payload, 0..) |*byte, i| byte.* = @truncate(i *% 167 +% 13);
    var checksum: u8 = app_image.checksum_seed;
    for (description[0..app_image.description_bytes]) |byte| checksum ^= byte;
    for (payload) |byte| checksum ^= byte;
    const end = std.mem.alignForward(
        usize,
        app_image.head_bytes + app_image.segment_head_bytes + options.payload_bytes + 1,
        16,
    );
    buffer[end - 1] = checksum;
    Sha256.hash(buffer[0..end], buffer[end..][0..app_image.digest_bytes], .{});
    return buffer[0 .. end + app_image.digest_bytes];
}
