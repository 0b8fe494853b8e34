//! SHA-256 of two pieces, compiled once for each machine so that x86 with SHA instructions uses them.

const std = @import("std");

pub fn digest(
    first: [*]const u8,
    first_bytes: usize,
    second: [*]const u8,
    second_bytes: usize,
    out: *[32]u8,
) callconv(.c) void {
    var hash = std.crypto.hash.sha2.Sha256.init(.{});
    hash.update(first[0..first_bytes]);
    hash.update(second[0..second_bytes]);
    hash.final(out);
}
