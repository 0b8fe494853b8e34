//! What a host must know to call this build: sizes and field offsets of the structs in synapse.h, the values of its
//! constants, and the callable functions. It is generated from the very types that were compiled, as JSON, so that a
//! binding hard-codes no layout.

const std = @import("std");

/// JSON of
/// `{"pointerBytes":4,"structs":{name:{"bytes":n,"fields":{name:[offset,type]}}},"results":{value:name},
/// "functions":[name]}`. Evaluate it at comptime. The field names of `structs` are the C names, its fields the
/// types; `functions` are pairs of a C name and a function.
pub fn generate(comptime structs: anytype, comptime Result: type, comptime functions: anytype) []const u8 {
    @setEvalBranchQuota(200_000);
    var text: []const u8 = std.fmt.comptimePrint("{{\"pointerBytes\":{d},\"structs\":{{", .{@sizeOf(usize)});
    for (@typeInfo(@TypeOf(structs)).@"struct".field_names, 0..) |name, index| {
        text = text ++ (if (index == 0) "" else ",") ++ structJson(name, @field(structs, name));
    }
    text = text ++ "},\"results\":{";
    const results = @typeInfo(Result).@"enum";
    for (results.field_names, results.field_values, 0..) |name, value, index| {
        text = text ++ (if (index == 0) "" else ",") ++ std.fmt.comptimePrint(
            "\"{d}\":\"{s}\"",
            .{ value, upper(name) },
        );
    }
    text = text ++ "},\"functions\":[";
    for (0..functions.len) |index| {
        text = text ++ (if (index == 0) "\"" else ",\"") ++ functions[index][0] ++ "\"";
    }
    return text ++ "]}";
}

fn structJson(comptime name: []const u8, comptime T: type) []const u8 {
    const info = @typeInfo(T).@"struct";
    if (info.layout != .@"extern") @compileError(name ++ " must be an extern struct: its layout crosses the C API");
    var text: []const u8 = std.fmt.comptimePrint("\"{s}\":{{\"bytes\":{d},\"fields\":{{", .{ name, @sizeOf(T) });
    for (info.field_names, info.field_types, 0..) |field, Field, index| {
        text = text ++ (if (index == 0) "" else ",") ++
            std.fmt.comptimePrint("\"{s}\":[{d},\"{s}\"]", .{ field, @offsetOf(T, field), typeName(Field) });
    }
    return text ++ "}}";
}

fn typeName(comptime T: type) []const u8 {
    return switch (@typeInfo(T)) {
        .int => |int| switch (int.bits) {
            8 => "u8",
            32 => if (int.signedness == .signed) "i32" else "u32",
            64 => "u64",
            else => @compileError("an integer of the C API must have 8, 32 or 64 bits"),
        },
        .pointer, .optional => "pointer",
        .@"enum" => "u32",
        .array => |array| std.fmt.comptimePrint("{s}[{d}]", .{ typeName(array.child), array.len }),
        else => @compileError("no name for " ++ @typeName(T)),
    };
}

fn upper(comptime name: []const u8) []const u8 {
    var text: [name.len]u8 = undefined;
    for (name, &text) |from, *to| to.* = std.ascii.toUpper(from);
    const done = text;
    return &done;
}

test "the manifest names offsets, kinds and values as the compiler laid them out" {
    const Sample = extern struct { size: u32, pointer: ?*const u8, list: [4]u32, long: u64 };
    const Outcome = enum(i32) { ok = 0, argument = -1 };
    const json = comptime generate(.{ .syn_sample = Sample }, Outcome, .{.{ "syn_call", {} }});
    const parsed = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, json, .{});
    defer parsed.deinit();
    const sample = parsed.value.object.get("structs").?.object.get("syn_sample").?.object;
    try std.testing.expectEqual(@as(i64, @sizeOf(Sample)), sample.get("bytes").?.integer);
    const list = sample.get("fields").?.object.get("list").?.array.items;
    try std.testing.expectEqual(@as(i64, @offsetOf(Sample, "list")), list[0].integer);
    try std.testing.expectEqualStrings("u32[4]", list[1].string);
    try std.testing.expectEqualStrings("ARGUMENT", parsed.value.object.get("results").?.object.get("-1").?.string);
    try std.testing.expectEqualStrings("syn_call", parsed.value.object.get("functions").?.array.items[0].string);
}
