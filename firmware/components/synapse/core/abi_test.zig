//! Holds include/synapse_device.h against the Zig declaration, both ways: every function with its arguments and their
//! names, every field of every struct, every value of every enum.
const std = @import("std");
const c = @import("synapse_device_h");
const abi = @import("abi.zig");
const flash = @import("flash/flash.zig");
const ports = @import("port.zig");
const header_text = @embedFile("synapse_device.h");
const Core = abi.Core;

const prefix = "synapse_device_";

/// Whether a value of the two types is the same bytes with the same meaning. Pointers may be NULL in C whatever the
/// declaration says.
fn same(comptime C: type, comptime Zig: type) bool {
    @setEvalBranchQuota(1_000_000);
    const zig = @typeInfo(Zig);
    return switch (@typeInfo(C)) {
        .int => |int| switch (zig) {
            .int => |other| int.bits == other.bits and int.signedness == other.signedness,
            .@"enum" => |info| same(C, info.tag_type),
            else => false,
        },
        .@"enum" => |info| same(info.tag_type, Zig),
        .void => Zig == void,
        .float => C == Zig,
        .array => |array| zig == .array and zig.array.len == array.len and same(array.child, zig.array.child),
        .optional => |maybe| same(maybe.child, Zig),
        .pointer => |pointer| switch (zig) {
            .optional => |maybe| same(C, maybe.child),
            .pointer => |other| pointsAtSame(pointer.child, other.child) and
                // Lost in translation where the pointer is to arrays.
                (pointer.attrs.@"const" == other.attrs.@"const" or @typeInfo(pointer.child) == .array),
            else => false,
        },
        .@"struct" => sameStruct(C, Zig),
        .@"fn" => |function| zig == .@"fn" and sameFunction(function, zig.@"fn"),
        else => @compileError("no rule for " ++ @typeName(C)),
    };
}

fn pointsAtSame(comptime C: type, comptime Zig: type) bool {
    // An array's address is that of its first.
    if (@typeInfo(Zig) == .array and @typeInfo(C) != .array) return pointsAtSame(C, @typeInfo(Zig).array.child);
    if (@typeInfo(C) == .@"opaque") return Zig == Core or Zig == anyopaque or (Zig == u8 and C == anyopaque);
    return same(C, Zig);
}

fn sameStruct(comptime C: type, comptime Zig: type) bool {
    if (@typeInfo(Zig) != .@"struct" or @sizeOf(C) != @sizeOf(Zig)) return false;
    const names = std.meta.fieldNames(Zig);
    if (std.meta.fieldNames(C).len != names.len) return false;
    for (names) |name| {
        if (!@hasField(C, name) or @offsetOf(C, name) != @offsetOf(Zig, name)) return false;
        if (!same(@FieldType(C, name), @FieldType(Zig, name))) @compileError(
            @typeName(Zig) ++ "." ++ name ++ " is of another type in the header",
        );
    }
    return true;
}

fn sameFunction(comptime C: std.lang.Type.Fn, comptime Zig: std.lang.Type.Fn) bool {
    if (C.param_types.len != Zig.param_types.len or !same(C.return_type.?, Zig.return_type.?)) return false;
    for (C.param_types, Zig.param_types) |Mine, Other| if (!same(Mine.?, Other.?)) return false;
    return true;
}

test "structs of the header and of the declaration have the same fields" {
    inline for (.{
        .{ "error", ports.ErrorInfo },   .{ "text", ports.Text },                .{ "header", ports.Header },
        .{ "port", ports.Port },         .{ "link", ports.Link },                .{ "mqtt_message", ports.MqttMessage },
        .{ "config", ports.Config },     .{ "mqtt_session", ports.MqttSession }, .{ "text", ports.Blob },
        .{ "identity", ports.Identity },
    }) |pair| try std.testing.expect(comptime same(@field(c, prefix ++ pair[0]), pair[1]));
}

test "functions of the header are those of the declaration, with the same arguments" {
    @setEvalBranchQuota(1_000_000);
    const events = @TypeOf(abi.events);
    inline for (comptime std.meta.fieldNames(events)) |name| {
        errdefer std.debug.print("event {s}\n", .{name});
        try std.testing.expect(@hasDecl(c, prefix ++ name));
        try std.testing.expect(
            comptime same(@TypeOf(@field(c, prefix ++ name)), @typeInfo(@FieldType(events, name)).pointer.child),
        );
        try expectArguments(
            "void " ++ prefix ++ name ++ "(",
            "device",
            std.meta.fieldNames(@FieldType(ports.Event, name)),
        );
    }
    inline for (comptime std.meta.declarations(abi)) |name| if (comptime std.mem.startsWith(u8, name, prefix)) {
        errdefer std.debug.print("{s}\n", .{name});
        try std.testing.expect(@hasDecl(c, name));
        try std.testing.expect(comptime same(@TypeOf(@field(c, name)), @TypeOf(@field(abi, name))));
    };
    // And the header has no other.
    inline for (comptime std.meta.declarations(c)) |name| if (comptime std.mem.startsWith(u8, name, prefix)) {
        if (@typeInfo(@TypeOf(@field(c, name))) != .@"fn") continue;
        errdefer std.debug.print("{s} is declared in the header only\n", .{name});
        try std.testing.expect(@hasDecl(abi, name) or @hasField(events, name[prefix.len..]));
    };
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_API_VERSION, abi.synapse_device_api_version());
}

test "arguments of the port's functions have the header's names" {
    inline for (ports.function_names) |name| {
        const function: ports.Function = @field(ports.functions, name);
        try expectArguments("(*" ++ name ++ ")(", "user", std.meta.fieldNames(function.Args));
    }
}

/// The parameters of the declaration that begins so are `first` and then these.
fn expectArguments(comptime begin: []const u8, first: []const u8, names: []const []const u8) !void {
    const start = (std.mem.indexOf(u8, header_text, begin) orelse return error.NotInTheHeader) + begin.len;
    var at = start;
    for (0..names.len + 1) |i| {
        var depth: usize = 0;
        const from = at;
        while (depth > 0 or (header_text[at] != ',' and header_text[at] != ')')) : (at += 1) switch (header_text[at]) {
            '(' => depth += 1,
            ')' => depth -= 1,
            else => {},
        };
        try std.testing.expectEqualStrings(if (i == 0) first else names[i - 1], declaredName(header_text[from..at]));
        try std.testing.expectEqual(i == names.len, header_text[at] == ')');
        at += 1;
    }
}

fn declaredName(parameter: []const u8) []const u8 {
    if (std.mem.indexOf(u8, parameter, "(*")) |at| {
        return parameter[at + 2 .. std.mem.indexOfScalarPos(u8, parameter, at, ')').?];
    }
    const plain = parameter[0 .. std.mem.indexOfScalar(u8, parameter, '[') orelse parameter.len];
    const last = std.mem.lastIndexOfAny(u8, plain, " *\n").?;
    return plain[last + 1 ..];
}

test "values of the header's enums are those of the declaration, and no others" {
    @setEvalBranchQuota(1_000_000);
    inline for (.{
        .{ "SYNAPSE_DEVICE_FETCH_", ports.FetchResult }, .{ "SYNAPSE_DEVICE_LOG_", ports.LogLevel },
        .{ "SYNAPSE_DEVICE_AREA_", ports.Area },         .{ "SYNAPSE_DEVICE_REGION_", ports.Region },
        .{ "SYNAPSE_DEVICE_FLASH_", flash.Result },
        .{
            "SYNAPSE_DEVICE_FIRMWARE_", @import("firmware/firmware.zig").State,
        },
        .{ "SYNAPSE_DEVICE_ERROR_", ports.Result },
    }) |pair| {
        const info = @typeInfo(pair[1]).@"enum";
        comptime var found: usize = 0;
        inline for (info.field_names, info.field_values) |tag, value| {
            if (comptime pair[1] == ports.Result and value == 0) continue;
            const word = comptime if (@hasDecl(pair[1], "name")) @field(pair[1], tag).name() else tag;
            try std.testing.expectEqual(value, @field(c, pair[0] ++ upper(word)));
            found += 1;
        }
        comptime var declared: usize = 0;
        inline for (comptime std.meta.declarations(c)) |name| {
            if (comptime std.mem.startsWith(u8, name, pair[0])) declared += 1;
        }
        try std.testing.expectEqual(found, declared);
    }
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_OK, @backingInt(ports.Result.ok));
}

fn upper(comptime word: []const u8) []const u8 {
    var text: [word.len]u8 = undefined;
    const done = std.ascii.upperString(&text, word)[0..word.len].*;
    return &done;
}
