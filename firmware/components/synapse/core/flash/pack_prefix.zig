//! The first 64 bytes of a packed model (docs/format.md), as far as a slot needs them: how long the file is, and its
//! digest. Everything else about a model is the runtime's to judge.
const std = @import("std");
const flash = @import("flash.zig");
const Sha256 = @import("../sha256.zig").Sha256;

pub const bytes = 64;
pub const magic = "\x89SYN\r\n\x1a\n";
const version_major = 1;

pub const Error = error{ NotAPack, PackVersion, PackSizes };

pub const PackPrefix = struct {
    file_bytes: u32,
    /// SHA-256 of bytes 0..31 followed by everything after byte 63.
    sha256: [32]u8,

    pub fn parse(prefix: *const [bytes]u8) Error!PackPrefix {
        if (!std.mem.eql(u8, prefix[0..8], magic)) return error.NotAPack;
        if (std.mem.readInt(u16, prefix[8..10], .little) != version_major) return error.PackVersion;
        const header_bytes = std.mem.readInt(u32, prefix[12..16], .little);
        const file_bytes = std.mem.readInt(u32, prefix[16..20], .little);
        const blobs_offset = std.mem.readInt(u32, prefix[20..24], .little);
        if (header_bytes == 0 or file_bytes < blobs_offset) return error.PackSizes;
        if (blobs_offset != std.mem.alignForward(u64, @as(u64, bytes) + header_bytes, 64)) return error.PackSizes;
        return .{ .file_bytes = file_bytes, .sha256 = prefix[32..64].* };
    }
};

/// Computes the digest of a file in flash piece by piece, so that a caller can do other things between.
pub const Digest = struct {
    area: flash.Area,
    hash: Sha256,
    at: u32 = bytes,
    file_bytes: u32,

    /// `head` is what bytes 0..31 of the file are, or are going to be.
    pub fn start(area: flash.Area, head: *const [32]u8, file_bytes: u32) Digest {
        var hash: Sha256 = .init();
        hash.update(head);
        return .{ .area = area, .hash = hash, .file_bytes = file_bytes };
    }

    /// Reads at most `bytes_max` more through `buffer`; the digest once everything was read.
    pub fn step(digest: *Digest, buffer: []u8, bytes_max: u32) flash.Error!?[32]u8 {
        const end = @min(digest.file_bytes, @as(u64, digest.at) + bytes_max);
        while (digest.at < end) {
            const n: u32 = @intCast(@min(buffer.len, end - digest.at));
            try digest.area.read(digest.at, buffer[0..n]);
            digest.hash.update(buffer[0..n]);
            digest.at += n;
        }
        if (digest.at < digest.file_bytes) return null;
        var out: [32]u8 = undefined;
        digest.hash.final(&out);
        return out;
    }
};
