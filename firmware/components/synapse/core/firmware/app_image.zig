//! An application image as ESP-IDF lays it out (esp_app_format.h, esp_app_desc.h, esp_image_format.c): a header,
//! segments of which the first begins with the application's description, a checksum,
//! and the SHA-256 of everything before it.
const std = @import("std");
const Sha256 = @import("../sha256.zig").Sha256;

pub const chip_esp32p4 = 18;
pub const magic = 0xe9;
pub const header_bytes = 24;
pub const segment_head_bytes = 8;
pub const description_at = header_bytes + segment_head_bytes;
pub const description_bytes = 256;
pub const description_magic = 0xabcd5432;
const segments_max = 16;
pub const checksum_seed = 0xef;
pub const digest_bytes = 32;

/// As much of an image as has to be seen before it is written anywhere.
pub const head_bytes = description_at + description_bytes;

pub const HeadError = error{ NotAnImage, NoDescription, NoDigest };
pub const FitError = error{ OtherChip, RevisionTooLow, RevisionTooHigh };
pub const BodyError = error{ SegmentsInvalid, ChecksumWrong, DigestWrong, Incomplete };

pub const Head = struct {
    chip_id: u16,
    /// Chip revisions on which it runs, major * 100 + minor.
    revision_min: u16,
    revision_max: u16,
    version_text: [32]u8,
    project_text: [32]u8,

    pub fn parse(bytes: *const [head_bytes]u8) HeadError!Head {
        if (bytes[0] != magic or bytes[1] < 1 or bytes[1] > segments_max) return error.NotAnImage;
        // Without it nobody would notice a byte that was written wrong.
        if (bytes[23] != 1) return error.NoDigest;
        if (std.mem.readInt(
            u32,
            bytes[header_bytes + 4 ..][0..4],
            .little,
        ) < description_bytes) return error.NoDescription;
        const description = bytes[description_at..];
        if (std.mem.readInt(u32, description[0..4], .little) != description_magic) return error.NoDescription;
        return .{
            .chip_id = std.mem.readInt(u16, bytes[12..14], .little),
            .revision_min = std.mem.readInt(u16, bytes[15..17], .little),
            .revision_max = std.mem.readInt(u16, bytes[17..19], .little),
            .version_text = printable(description[16..48]),
            .project_text = printable(description[48..80]),
        };
    }

    pub fn fits(head: *const Head, chip_revision: u32) FitError!void {
        if (head.chip_id != chip_esp32p4) return error.OtherChip;
        if (chip_revision < head.revision_min) return error.RevisionTooLow;
        if (chip_revision > head.revision_max) return error.RevisionTooHigh;
    }

    pub fn version(head: *const Head) []const u8 {
        return std.mem.sliceTo(&head.version_text, 0);
    }

    pub fn project(head: *const Head) []const u8 {
        return std.mem.sliceTo(&head.project_text, 0);
    }
};

/// Texts of an image go into answers, so nothing but letters stays in them.
fn printable(text: *const [32]u8) [32]u8 {
    var result: [32]u8 = @splat(0);
    for (text, &result) |byte, *out| {
        if (byte == 0) break;
        out.* = if (byte > ' ' and byte < 127) byte else '?';
    }
    // The last byte ends the text, whatever the image says.
    result[31] = 0;
    return result;
}

/// Checks an image as it passes by, in pieces of any size. What follows the digest, as a signature does,
/// is not its concern.
pub const Checker = struct {
    phase: enum { header, segment_head, segment, padding, digest, rest } = .header,
    at: u64 = 0,
    /// Header, segment head or digest, as far as it has come.
    piece: [digest_bytes]u8 = undefined,
    piece_len: usize = 0,
    segments_left: u8 = 0,
    segment_left: u32 = 0,
    checksum: u8 = checksum_seed,
    /// Begun with the first byte.
    hash: Sha256 = undefined,

    pub fn feed(self: *Checker, bytes: []const u8) BodyError!void {
        var rest = bytes;
        while (rest.len > 0) switch (self.phase) {
            .header => {
                const header = self.collect(header_bytes, &rest) orelse return;
                self.segments_left = header[1];
                self.phase = .segment_head;
            },
            .segment_head => {
                const head = self.collect(segment_head_bytes, &rest) orelse return;
                self.segment_left = std.mem.readInt(u32, head[4..8], .little);
                if (self.segment_left % 4 != 0) return error.SegmentsInvalid;
                self.segments_left -= 1;
                self.phase = .segment;
                if (self.segment_left == 0) self.afterSegment();
            },
            .segment => {
                const n = @min(rest.len, self.segment_left);
                for (rest[0..n]) |byte| self.checksum ^= byte;
                self.pass(rest[0..n]);
                self.segment_left -= @intCast(n);
                rest = rest[n..];
                if (self.segment_left == 0) self.afterSegment();
            },
            .padding => {
                // The checksum is the last byte of a row of sixteen.
                const is_checksum = self.at % 16 == 15;
                if (is_checksum and rest[0] != self.checksum) return error.ChecksumWrong;
                self.pass(rest[0..1]);
                rest = rest[1..];
                if (is_checksum) self.phase = .digest;
            },
            .digest => {
                const n = @min(rest.len, digest_bytes - self.piece_len);
                @memcpy(self.piece[self.piece_len..][0..n], rest[0..n]);
                self.piece_len += n;
                rest = rest[n..];
                if (self.piece_len < digest_bytes) return;
                var computed: [digest_bytes]u8 = undefined;
                self.hash.final(&computed);
                if (!std.mem.eql(u8, &computed, &self.piece)) return error.DigestWrong;
                self.phase = .rest;
            },
            .rest => return,
        };
    }

    pub fn finish(self: *const Checker) BodyError!void {
        if (self.phase != .rest) return error.Incomplete;
    }

    fn pass(self: *Checker, bytes: []const u8) void {
        if (self.at == 0) self.hash = .init();
        self.hash.update(bytes);
        self.at += bytes.len;
    }

    fn collect(self: *Checker, comptime needed: usize, rest: *[]const u8) ?*const [needed]u8 {
        const n = @min(rest.len, needed - self.piece_len);
        @memcpy(self.piece[self.piece_len..][0..n], rest.*[0..n]);
        self.pass(rest.*[0..n]);
        self.piece_len += n;
        rest.* = rest.*[n..];
        if (self.piece_len < needed) return null;
        self.piece_len = 0;
        return self.piece[0..needed];
    }

    fn afterSegment(self: *Checker) void {
        self.phase = if (self.segments_left > 0) .segment_head else .padding;
    }
};
