//! CBOR maps to structs by their field names: required fields have no default, optional ones do, unknown and repeated keys are errors.

const std = @import("std");
const cbor = @import("cbor.zig");
const limits = @import("limits.zig");
const Error = @import("errors.zig").Error;
const Channels = @import("ops/patchify.zig").Channels;

/// Reads `count` pairs of a map that began at `at` into `T`.
pub fn fields(comptime T: type, reader: *cbor.Reader, count: u32, at: usize) Error!T {
    const info = @typeInfo(T).@"struct";
    var result: T = undefined;
    var seen: [info.field_names.len]bool = @splat(false);
    for (0..count) |_| {
        const key_at = reader.position;
        const key = try reader.text(limits.port_name_bytes_max);
        const known = inline for (info.field_names, info.field_types, 0..) |field, Field, i| {
            if (std.mem.eql(u8, key, field)) {
                if (seen[i]) return reader.report.fail(.header, key_at, "byte {d}: key \"{s}\" stands twice", .{ key_at, field });
                seen[i] = true;
                @field(result, field) = try value(Field, reader);
                break true;
            }
        } else false;
        if (!known) return reader.report.fail(.header, key_at, "byte {d}: unknown key \"{s}\"", .{ key_at, key });
    }
    inline for (info.field_names, info.field_types, info.field_attrs, 0..) |field, Field, attributes, i| {
        if (!seen[i]) {
            if (attributes.defaultValue(Field)) |default| {
                @field(result, field) = default;
            } else return reader.report.fail(.header, at, "byte {d}: key \"{s}\" is missing", .{ at, field });
        }
    }
    return result;
}

fn value(comptime T: type, reader: *cbor.Reader) Error!T {
    switch (T) {
        u32 => return reader.unsigned(std.math.maxInt(u32)),
        f32 => return reader.number(),
        bool => return reader.boolean(),
        Channels => {
            var channels: Channels = .{};
            channels.count = try reader.array(limits.channels_max);
            for (channels.values[0..channels.count]) |*number| number.* = try reader.number();
            return channels;
        },
        else => switch (@typeInfo(T)) {
            .optional => |optional| return try value(optional.child, reader),
            .@"enum" => return name(T, reader),
            else => comptime unreachable,
        },
    }
}

/// A text that names a value of an enum.
pub fn name(comptime T: type, reader: *cbor.Reader) Error!T {
    const at = reader.position;
    const text = try reader.text(limits.port_name_bytes_max);
    inline for (@typeInfo(T).@"enum".field_names) |candidate| {
        if (std.mem.eql(u8, text, candidate)) return @field(T, candidate);
    }
    return reader.report.fail(.header, at, "byte {d}: unknown name \"{s}\"", .{ at, text });
}
