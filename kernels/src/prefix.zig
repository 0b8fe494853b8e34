//! The first 64 bytes of a packed model, and its digest.

const std = @import("std");
const limits = @import("limits.zig");
const Report = @import("errors.zig").Report;
const Error = @import("errors.zig").Error;
const dispatch = @import("dispatch.zig");

pub const magic = "\x89SYN\r\n\x1a\n";
pub const version_major = 1;
/// 1: files of version 0 have no linear weight whose K is no multiple of its type's block, no `fine_rows` of a linear
/// op, and no attention that computes as `i8_diffused`.
pub const version_minor = 1;
pub const bytes = 64;
pub const sha256_offset = 32;
/// Header, blobs and what follows them begin at multiples of this.
pub const alignment = 64;

/// What follows a signed file. The runtime only steps over it: whose signatures count is for whoever took the file in.
pub const signature_magic = "\x89SIG\r\n\x1a\n";
pub const signature_bytes = 96;

/// ```
/// 0: magic | 8: major u16, minor u16 | 12: header_bytes | 16: file_bytes | 20: blobs_offset | 24: reserved
/// 32: sha256
/// ```
pub const Prefix = struct {
    version_minor: u16,
    header_bytes: u32,
    file_bytes: u32,
    blobs_offset: u32,
    sha256: *const [32]u8,

    pub fn parse(file: []const u8, report: *Report) Error!Prefix {
        if (file.len < magic.len or !std.mem.eql(u8, file[0..magic.len], magic)) {
            return report.fail(.magic, 0, "byte 0: not a .syn file: expected the bytes 89 53 59 4E 0D 0A 1A 0A", .{});
        }
        if (file.len < bytes) return report.fail(
            .truncated,
            file.len,
            "the file has {d} bytes, its prefix alone needs {d}",
            .{ file.len, bytes },
        );
        const major = std.mem.readInt(u16, file[8..10], .little);
        const minor = std.mem.readInt(u16, file[10..12], .little);
        if (major != version_major or minor > version_minor) {
            return report.fail(
                .version,
                8,
                "byte 8: format version {d}.{d}, this runtime reads {d}.0 to {d}.{d}",
                .{ major, minor, version_major, version_major, version_minor },
            );
        }
        const prefix: Prefix = .{
            .version_minor = minor,
            .header_bytes = std.mem.readInt(u32, file[12..16], .little),
            .file_bytes = std.mem.readInt(u32, file[16..20], .little),
            .blobs_offset = std.mem.readInt(u32, file[20..24], .little),
            .sha256 = file[sha256_offset..bytes],
        };
        try prefix.checkSizes(file, report);
        if (!std.mem.allEqual(u8, file[24..32], 0)) {
            return report.fail(.prefix, 24, "byte 24: reserved bytes are not 0", .{});
        }
        return prefix;
    }

    fn checkSizes(self: *const Prefix, file: []const u8, report: *Report) Error!void {
        if (self.header_bytes == 0 or self.header_bytes > limits.header_bytes_max) {
            return report.fail(
                .limit,
                12,
                "byte 12: header of {d} bytes, expected 1 to {d}",
                .{ self.header_bytes, limits.header_bytes_max },
            );
        }
        const expected_offset = std.mem.alignForward(u32, bytes + self.header_bytes, alignment);
        if (self.blobs_offset != expected_offset) {
            return report.fail(
                .prefix,
                20,
                "byte 20: blobs_offset is {d}, expected {d} for a header of {d} bytes",
                .{ self.blobs_offset, expected_offset, self.header_bytes },
            );
        }
        if (self.file_bytes < self.blobs_offset) {
            return report.fail(
                .prefix,
                16,
                "byte 16: file_bytes is {d}, less than blobs_offset {d}",
                .{ self.file_bytes, self.blobs_offset },
            );
        }
        if (file.len < self.file_bytes) {
            return report.fail(.truncated, file.len, "the file has {d} bytes of {d}", .{ file.len, self.file_bytes });
        }
        if (file.len > self.file_bytes and !isSignature(file[self.file_bytes..])) return report.fail(
            .prefix,
            16,
            "byte 16: file_bytes is {d}, the file has {d}",
            .{ self.file_bytes, file.len },
        );
    }

    fn isSignature(rest: []const u8) bool {
        return rest.len == signature_bytes and std.mem.startsWith(u8, rest, signature_magic);
    }

    pub fn checkDigest(self: *const Prefix, file: []const u8, report: *Report) Error!void {
        var actual: [32]u8 = undefined;
        dispatch.table().sha256(file.ptr, sha256_offset, file.ptr + bytes, file.len - bytes, &actual);
        if (!std.mem.eql(u8, &actual, self.sha256)) {
            return report.fail(
                .digest,
                32,
                "byte 32: the SHA-256 of the contents differs: the file was damaged after it was packed",
                .{},
            );
        }
    }
};
