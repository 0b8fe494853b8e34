//! Bodies and parsed answers for tests of requests.
const std = @import("std");
const hosts = @import("../test_host.zig");

pub const jpeg = "\xff\xd8\xff\xe0 a picture, as far as the core can tell";
pub const png = "\x89PNG\r\n\x1a\n and the rest";
pub const row10 = "[0,1,0,1,0,1,0,1,0,1]";
pub const latent32 = "[" ++ repeated("0.5,-1.25,3e-3,1,", 7) ++ "0.5,-1.25,3e-3,1]";

pub fn repeated(comptime text: []const u8, comptime times: usize) []const u8 {
    comptime var result: []const u8 = "";
    inline for (0..times) |_| result = result ++ text;
    return result;
}

/// The beginning of a plan's body.
pub const plan_ends = "{\"start\":{\"latent\":" ++ latent32 ++ "},\"goal\":{\"latent\":" ++ latent32 ++ "},";

pub fn parse(reply: *const hosts.Reply) !std.json.Parsed(std.json.Value) {
    return std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
}
