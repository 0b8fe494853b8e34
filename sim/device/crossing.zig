//! How the device's ABI crosses to JavaScript: which value each field of an extern struct is there. Both hosts of
//! simulated boards follow from it, the Node addon (sim/native) and the WASM module (wasm.zig), and so do the types of
//! sim/src/board/deviceAbi.ts, through `manifest`.
const std = @import("std");
const ports = @import("synapse_device").ports;

pub const Kind = enum {
    number,
    boolean,
    /// An enum: the name of its value.
    word,
    text,
    bytes,
    /// Bytes, or undefined for NULL.
    bytes_or_none,
    /// Bytes that the receiver fills in.
    fill,
    /// Headers: names and values.
    pairs,
    object,
};

pub const Field = struct {
    name: [:0]const u8,
    kind: Kind,
    /// Of what the field holds or points at.
    Type: type,
    /// Where the number of items stands when it is a field of its own.
    count: ?[:0]const u8 = null,
};

/// The fields of a struct that are values in JavaScript: all but its size and the numbers of
/// items that follow pointers.
pub fn fields(comptime S: type) []const Field {
    const info = @typeInfo(S).@"struct";
    var list: []const Field = &.{};
    var i: usize = 0;
    while (i < info.field_names.len) : (i += 1) {
        const name = info.field_names[i];
        if (std.mem.eql(u8, name, "size")) continue;
        const field = fieldOf(name, info.field_types[i]) orelse @compileError(
            @typeName(S) ++ "." ++ name ++ " has no value in JavaScript",
        );
        const many = isMany(info.field_types[i]);
        list = list ++ &[_]Field{.{
            .name = name,
            .kind = field.kind,
            .Type = field.Type,
            .count = if (many) info.field_names[i + 1] else null,
        }};
        if (many) i += 1;
    }
    return list;
}

/// Whether every field of the struct has a value in JavaScript.
pub fn crosses(comptime S: type) bool {
    const info = @typeInfo(S).@"struct";
    for (info.field_names, info.field_types) |name, Type| if (fieldOf(name, Type) == null) return false;
    return true;
}

fn isMany(comptime T: type) bool {
    return switch (@typeInfo(T)) {
        .optional => |maybe| isMany(maybe.child),
        .pointer => |pointer| pointer.size == .many,
        else => false,
    };
}

fn fieldOf(comptime name: [:0]const u8, comptime T: type) ?Field {
    if (T == ports.Text) return .{ .name = name, .kind = .text, .Type = u8 };
    if (T == ports.Blob) return .{ .name = name, .kind = .bytes, .Type = u8 };
    if (T == ports.Flag) return .{ .name = name, .kind = .boolean, .Type = T };
    return switch (@typeInfo(T)) {
        .int => .{ .name = name, .kind = .number, .Type = T },
        .@"enum" => .{ .name = name, .kind = .word, .Type = T },
        .array => |array| if (array.child == u8) .{ .name = name, .kind = .text, .Type = T } else null,
        .optional => |maybe| if (maybe.child == [*]const u8) .{
            .name = name,
            .kind = .bytes_or_none,
            .Type = u8,
        } else if (isMany(maybe.child)) fieldOf(name, maybe.child) else null,
        .pointer => |pointer| switch (pointer.size) {
            .many => if (pointer.child == ports.Header)
                .{ .name = name, .kind = .pairs, .Type = ports.Header }
            else if (pointer.child == ports.Char)
                .{ .name = name, .kind = .text, .Type = u8 }
            else if (pointer.child == u8)
                .{ .name = name, .kind = if (pointer.attrs.@"const") .bytes else .fill, .Type = u8 }
            else
                null,
            .one => if (@typeInfo(pointer.child) == .@"struct" and pointer.attrs.@"const") .{
                .name = name,
                .kind = .object,
                .Type = pointer.child,
            } else null,
            else => null,
        },
        else => null,
    };
}

/// Bytes of a field of one of the kinds that have them.
pub fn bytesOf(comptime field: Field, args: anytype) []const u8 {
    const value = @field(args, field.name);
    const T = @TypeOf(value);
    if (T == ports.Text or T == ports.Blob) return value.slice();
    if (@typeInfo(T) == .array) return std.mem.sliceTo(&@field(args, field.name), 0);
    return @ptrCast(value[0..@field(args, field.count.?)]);
}

/// In JavaScript: fetch_head is fetchHead.
pub fn camel(comptime name: []const u8) [:0]const u8 {
    var text: [:0]const u8 = "";
    var upper = false;
    for (name) |letter| {
        if (letter != '_') text = text ++ &[_]u8{if (upper) std.ascii.toUpper(letter) else letter};
        upper = letter == '_';
    }
    return text;
}

/// The words for an enum's values, which count from 0.
pub fn words(comptime E: type) []const []const u8 {
    const info = @typeInfo(E).@"enum";
    var list: []const []const u8 = &.{};
    for (info.field_names, info.field_values, 0..) |tag, value, i| {
        if (value != i) @compileError(@typeName(E) ++ " has gaps");
        list = list ++ &[_][]const u8{if (@hasDecl(E, "name")) @field(E, tag).name() else tag};
    }
    return list;
}

/// What a host in JavaScript must know: JSON, made from the very types that were compiled. `port` names the functions
/// that are asked of it, `Queries` is a struct of functions that answer structs, `Options` what a board is made of,
/// `more` enums that are arguments of nothing here.
pub fn manifest(
    comptime port: []const [:0]const u8,
    comptime Queries: type,
    comptime Options: type,
    comptime more: []const type,
) []const u8 {
    @setEvalBranchQuota(2_000_000);
    var types: []const type = more;
    var events: []const u8 = "";
    const Event = @typeInfo(ports.Event).@"union";
    for (Event.field_names, Event.field_types, 0..) |name, Args, i| {
        types = collect(types, Args);
        events = events ++ comma(i) ++ std.fmt.comptimePrint(
            "\"{s}\":{{\"call\":\"board_{s}\",{s}}}",
            .{ camel(name), name, layout(Args) },
        );
    }
    var asked: []const u8 = "";
    for (port, 0..) |name, i| {
        const function: ports.Function = @field(ports.functions, name);
        types = collect(types, function.Args);
        asked = asked ++ comma(i) ++ std.fmt.comptimePrint(
            "\"{s}\":{{\"call\":\"{s}\",\"answers\":{s},{s}}}",
            .{ camel(name), name, if (function.Return == void) "false" else "true", layout(function.Args) },
        );
    }
    var queries: []const u8 = "";
    for (std.meta.declarations(Queries), 0..) |name, i| {
        const Answer = @typeInfo(@TypeOf(@field(Queries, name))).@"fn".return_type.?;
        types = collect(add(types, Answer), Answer);
        queries = queries ++ comma(i) ++ std.fmt.comptimePrint(
            "\"{s}\":{{\"call\":\"board_{s}\",\"answers\":\"{s}\"}}",
            .{ camel(name), name, short(Answer) },
        );
    }
    var structs: []const u8 = "";
    var enums: []const u8 = "";
    for (types) |T| if (@typeInfo(T) == .@"enum") {
        var list: []const u8 = "";
        for (words(T), 0..) |word, i| list = list ++ comma(i) ++ "\"" ++ word ++ "\"";
        enums = enums ++ comma(enums.len) ++ "\"" ++ short(T) ++ "\":[" ++ list ++ "]";
    } else {
        structs = structs ++ comma(structs.len) ++ std.fmt.comptimePrint("\"{s}\":{{{s}}}", .{ short(T), layout(T) });
    };
    var options: []const u8 = "";
    const info = @typeInfo(Options).@"struct";
    for (info.field_names, info.field_types, 0..) |name, T, i| {
        options = options ++ comma(i) ++ "\"" ++ name ++ "\":\"" ++ optionType(T) ++ "\"";
    }
    return std.fmt.comptimePrint("{{\"pointerBytes\":{d}", .{@sizeOf(usize)}) ++
        ",\"enums\":{" ++ enums ++ "},\"structs\":{" ++ structs ++ "},\"events\":{" ++ events ++
        "},\"port\":{" ++ asked ++ "},\"queries\":{" ++ queries ++ "},\"options\":{" ++ options ++ "}}";
}

fn comma(i: usize) []const u8 {
    return if (i == 0) "" else ",";
}

/// The type's own name.
fn short(comptime T: type) []const u8 {
    const whole = @typeName(T);
    return whole[if (std.mem.lastIndexOfScalar(u8, whole, '.')) |dot| dot + 1 else 0..];
}

fn add(comptime types: []const type, comptime T: type) []const type {
    for (types) |known| if (known == T) return types;
    return types ++ &[_]type{T};
}

/// With the enums and structs that the fields of a struct lead to.
fn collect(comptime types: []const type, comptime S: type) []const type {
    var all = types;
    for (fields(S)) |field| {
        if (field.kind == .word or field.kind == .object) all = add(all, field.Type);
        if (field.kind == .object) all = collect(all, field.Type);
    }
    return all;
}

/// Size and fields of a struct. A field is its name, kind, place, the place of its number of items or its bytes, and
/// the name of its type.
fn layout(comptime S: type) []const u8 {
    var list: []const u8 = "";
    for (fields(S), 0..) |field, i| {
        const at = @offsetOf(S, field.name);
        const second = if (field.count) |count| @offsetOf(S, count) else switch (@typeInfo(@FieldType(S, field.name))) {
            .@"struct" => at + @sizeOf(usize),
            else => @sizeOf(@FieldType(S, field.name)),
        };
        const kind = switch (@typeInfo(@FieldType(S, field.name))) {
            .array => "array",
            .int => |int| if (int.signedness == .signed) "signed" else "number",
            else => @tagName(field.kind),
        };
        const type_name = if (field.kind == .word or field.kind == .object) short(field.Type) else "";
        list = list ++ comma(i) ++ std.fmt.comptimePrint(
            "[\"{s}\",\"{s}\",{d},{d},\"{s}\"]",
            .{ camel(field.name), kind, at, second, type_name },
        );
    }
    const sized = @hasField(S, "size");
    return std.fmt.comptimePrint(
        "\"bytes\":{d},\"sized\":{s},\"fields\":[{s}]",
        .{ @sizeOf(S), if (sized) "true" else "false", list },
    );
}

/// As TypeScript has it.
fn optionType(comptime T: type) []const u8 {
    return switch (@typeInfo(T)) {
        .int => "number",
        .array => |array| {
            var list: []const u8 = optionType(array.child);
            for (1..array.len) |_| list = list ++ ", " ++ optionType(array.child);
            return "readonly [" ++ list ++ "]";
        },
        .pointer => |pointer| if (pointer.child == u8) "string" else "readonly " ++ optionType(pointer.child) ++ "[]",
        else => @compileError("an option cannot be a " ++ @typeName(T)),
    };
}
