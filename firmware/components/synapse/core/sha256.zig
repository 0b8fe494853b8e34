//! SHA-256 by the runtime, which has it for its packs: a chip's flash holds the code once.

pub const Sha256 = extern struct {
    pub const digest_length = 32;

    /// The runtime's; sized by `synapse.h`.
    state: [14]u64,

    pub fn init() Sha256 {
        var hash: Sha256 = undefined;
        syn_sha256_begin(&hash);
        return hash;
    }

    pub fn update(hash: *Sha256, bytes: []const u8) void {
        syn_sha256_add(hash, bytes.ptr, bytes.len);
    }

    pub fn final(hash: *Sha256, out: *[digest_length]u8) void {
        syn_sha256_end(hash, out);
    }

    pub fn finalResult(hash: *Sha256) [digest_length]u8 {
        var out: [digest_length]u8 = undefined;
        hash.final(&out);
        return out;
    }

    /// Of everything at once.
    pub fn digest(bytes: []const u8) [digest_length]u8 {
        var hash: Sha256 = .init();
        hash.update(bytes);
        return hash.finalResult();
    }
};

extern fn syn_sha256_begin(hash: *Sha256) void;
extern fn syn_sha256_add(hash: *Sha256, bytes: [*]const u8, byte_count: usize) void;
extern fn syn_sha256_end(hash: *Sha256, out_digest: *[Sha256.digest_length]u8) void;

test "the runtime's digest of bytes that come in pieces is that of the standard library" {
    const std = @import("std");
    var bytes: [200]u8 = undefined;
    for (&bytes, 0..) |*byte, i| byte.* = @truncate(i *% 37);
    for (0..bytes.len + 1) |cut| {
        var hash: Sha256 = .init();
        hash.update(bytes[0..cut]);
        var copy = hash;
        hash.update(bytes[cut..]);
        var expected: [Sha256.digest_length]u8 = undefined;
        std.crypto.hash.sha2.Sha256.hash(&bytes, &expected, .{});
        try std.testing.expectEqual(expected, hash.finalResult());
        copy.update(bytes[cut..]);
        try std.testing.expectEqual(expected, copy.finalResult());
    }
}
