//! Writes packed models for tests straight from docs/format.md, with no code of the reader: a header given as Zig
//! values becomes CBOR, and any field may be made wrong.

const std = @import("std");

const Sha256 = std.crypto.hash.sha2.Sha256;
const prefix_bytes = 64;

pub const Tensor = struct {
    name: []const u8 = "t",
    type: []const u8 = "f32",
    shape: []const u32,
    offset: u32 = 0,
    /// Constants only.
    bytes: ?u32 = null,
    scales: ?[]const u8 = null,
    /// Activations only.
    region: ?[]const u8 = null,
    stride: ?u32 = null,
    dynamic: ?bool = null,
};

pub const Port = struct { name: []const u8, tensor: u32, kind: []const u8 = "tensor" };

/// The keys of all ops; those that are null are not written.
pub const Op = struct {
    op: []const u8,
    x: ?u32 = null,
    a: ?u32 = null,
    b: ?u32 = null,
    w: ?u32 = null,
    q: ?u32 = null,
    k: ?u32 = null,
    v: ?u32 = null,
    out: u32,
    scratch: ?u32 = null,
    bias: ?u32 = null,
    gate: ?u32 = null,
    residual: ?u32 = null,
    gamma: ?u32 = null,
    beta: ?u32 = null,
    shift: ?u32 = null,
    scale: ?u32 = null,
    act: ?[]const u8 = null,
    eps: ?f32 = null,
    patch: ?u32 = null,
};

pub const Entry = struct {
    name: []const u8 = "go",
    rows_max: u32 = 1,
    inputs: []const Port = &.{},
    outputs: []const Port = &.{},
    ops: []const Op = &.{},
};

pub const Golden = struct { entry: []const u8 = "go", rows: u32 = 1, seed: u32 = 1, digest: [32]u8 = @splat(0) };

pub const Header = struct {
    name: []const u8 = "test",
    generator: []const u8 = "tests",
    numeric: []const u8 = "exact",
    regions: struct { fast: u32 = 0, slow: u32 = 0, state: u32 = 0 } = .{},
    tensors: []const Tensor = &.{},
    entries: []const Entry = &.{.{}},
    golden: []const Golden = &.{},
};

/// Puts a file into `out`: prefix, header, and `blobs` from the first multiple of 64 on.
/// Offsets of constants count from there.
pub fn write(out: []align(64) u8, header: Header, blobs: []const u8) []align(64) u8 {
    var length: u32 = 0;
    var blobs_offset: u32 = 0;
    // The offsets stand in the header, and a longer header moves them.
    for (0..4) |_| {
        var writer: std.Io.Writer = .fixed(out[prefix_bytes..]);
        map(&writer, header, blobs_offset) catch unreachable;
        length = @intCast(writer.end);
        blobs_offset = (prefix_bytes + length + 63) / 64 * 64;
    }
    @memset(out[prefix_bytes + length .. blobs_offset], 0);
    @memcpy(out[blobs_offset..][0..blobs.len], blobs);
    const file = out[0 .. blobs_offset + blobs.len];
    @memset(file[0..prefix_bytes], 0);
    file[0..8].* = "\x89SYN\r\n\x1a\n".*;
    std.mem.writeInt(u16, file[8..10], 1, .little);
    std.mem.writeInt(u32, file[12..16], length, .little);
    std.mem.writeInt(u32, file[16..20], @intCast(file.len), .little);
    std.mem.writeInt(u32, file[20..24], blobs_offset, .little);
    seal(file);
    return file;
}

/// Makes the digest that of the contents, so that a file is refused for what was changed in it and not
/// for having been changed.
pub fn seal(file: []u8) void {
    var hash: Sha256 = .init(.{});
    hash.update(file[0..32]);
    hash.update(file[prefix_bytes..]);
    hash.final(file[32..64]);
}

fn head(writer: *std.Io.Writer, major: u8, value: u64) !void {
    const top = major << 5;
    if (value < 24) return writer.writeByte(top | @as(u8, @intCast(value)));
    try writer.writeByte(top | 27);
    try writer.writeInt(u64, value, .big);
}

/// A struct as a map of its fields that are not null. The offset of a constant counts from the blobs.
fn map(writer: *std.Io.Writer, value: anytype, blobs_offset: u32) std.Io.Writer.Error!void {
    const T = @TypeOf(value);
    const names = @typeInfo(T).@"struct".field_names;
    var count: usize = 0;
    inline for (names) |name| count += @intFromBool(present(@field(value, name)));
    try head(writer, 5, count);
    inline for (names) |name| if (present(@field(value, name))) {
        try item(writer, @as([]const u8, name), blobs_offset);
        const moved = T == Tensor and comptime std.mem.eql(u8, name, "offset");
        if (moved) {
            const base = if (value.region == null) blobs_offset else 0;
            try item(writer, @as(u64, @field(value, name)) + base, blobs_offset);
        } else try item(writer, @field(value, name), blobs_offset);
    };
}

fn present(value: anytype) bool {
    return if (@typeInfo(@TypeOf(value)) == .optional) value != null else true;
}

fn item(writer: *std.Io.Writer, value: anytype, blobs_offset: u32) std.Io.Writer.Error!void {
    const T = @TypeOf(value);
    if (T == []const u8) {
        try head(writer, 3, value.len);
        return writer.writeAll(value);
    }
    switch (@typeInfo(T)) {
        .optional => try item(writer, value.?, blobs_offset),
        .int => try head(writer, 0, value),
        .float => {
            try writer.writeByte(0xfa);
            try writer.writeInt(u32, @bitCast(value), .big);
        },
        .bool => try writer.writeByte(if (value) 0xf5 else 0xf4),
        .array => {
            try head(writer, 2, value.len);
            try writer.writeAll(&value);
        },
        .pointer => {
            try head(writer, 4, value.len);
            for (value) |each| try item(writer, each, blobs_offset);
        },
        .@"struct" => try map(writer, value, blobs_offset),
        else => comptime unreachable,
    }
}
