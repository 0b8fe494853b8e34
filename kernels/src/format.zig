//! The format as a table for those who write files: `zig build format` prints it to `kernels/format.json`. Nothing is
//! stated here; every number and name comes from where the runtime has it.

const std = @import("std");
const header = @import("header.zig");
const limits = @import("limits.zig");
const math = @import("math.zig");
const op_list = @import("op.zig");
const prefix = @import("prefix.zig");
const scratch = @import("scratch.zig");
const storage = @import("storage.zig");
const Channels = @import("ops/channels.zig").Channels;
const Key = @import("ops/key.zig").Key;

const Json = std.json.Stringify;

pub fn write(out: *std.Io.Writer) Json.Error!void {
    var json: Json = .{ .writer = out, .options = .{ .whitespace = .indent_2 } };
    try json.beginObject();
    try json.objectField("prefix");
    try json.write(.{
        .magic = bytesOf(prefix.magic),
        .version_major = prefix.version_major,
        .version_minor = prefix.version_minor,
        .bytes = prefix.bytes,
        .alignment = prefix.alignment,
        .sha256_offset = prefix.sha256_offset,
    });
    try json.objectField("signature");
    try json.write(.{ .magic = bytesOf(prefix.signature_magic), .bytes = prefix.signature_bytes });
    try json.objectField("limits");
    try writeLimits(&json);
    inline for (.{
        .{ "numeric", header.Numeric },
        .{ "port_kinds", header.Kind },
        .{ "regions", header.Region },
        .{ "activation_functions", math.Activation },
    }) |list| {
        try json.objectField(list[0]);
        try json.write(namesOf(list[1]));
    }
    try json.objectField("panel_width");
    try json.write(storage.panel_width);
    try json.objectField("types");
    try json.beginObject();
    inline for (comptime std.enums.values(storage.Type)) |kind| {
        try json.objectField(@tagName(kind));
        try writeType(&json, storage.traits(kind));
    }
    try json.endObject();
    try json.objectField("scratch_alignment");
    try json.write(scratch.alignment);
    try json.objectField("ops");
    try json.beginObject();
    inline for (comptime std.enums.values(std.meta.Tag(op_list.Op))) |tag| {
        try json.objectField(@tagName(tag));
        try writeOp(&json, op_list.implementation(tag));
    }
    try json.endObject();
    try json.endObject();
    try out.writeByte('\n');
}

fn bytesOf(comptime text: []const u8) [text.len]u16 {
    var bytes: [text.len]u16 = undefined;
    for (text, &bytes) |from, *to| to.* = from;
    return bytes;
}

fn namesOf(comptime T: type) []const [:0]const u8 {
    return @typeInfo(T).@"enum".field_names;
}

fn writeLimits(json: *Json) Json.Error!void {
    try json.beginObject();
    inline for (@typeInfo(limits).@"struct".decl_names) |name| {
        try json.objectField(name);
        try json.write(@as(u64, @field(limits, name)));
    }
    try json.endObject();
}

fn writeType(json: *Json, comptime traits: @TypeOf(storage.traits(.f32))) Json.Error!void {
    try json.beginObject();
    if (traits.activation_bytes > 0) {
        try json.objectField("activation_bytes");
        try json.write(traits.activation_bytes);
    }
    if (traits.products != .none) {
        inline for (.{ "version_minor", "products", "k_multiple", "row_scales", "factor_length", "minimum" }) |name| {
            try json.objectField(name);
            try json.write(@field(traits, name));
        }
        try json.objectField("panel");
        try json.beginArray();
        inline for (traits.panel) |piece| try writePiece(json, piece);
        try json.endArray();
    }
    try json.endObject();
}

/// `columns` of K, the bytes that they take of a panel, and the fields that these are.
fn writePiece(json: *Json, comptime piece: @import("storage/traits.zig").Piece) Json.Error!void {
    try json.beginObject();
    try json.objectField("columns");
    try json.write(piece.columns);
    try json.objectField("bytes");
    try json.write(@sizeOf(piece.Fields));
    try json.objectField("fields");
    try json.beginArray();
    const info = @typeInfo(piece.Fields).@"struct";
    inline for (info.field_names, info.field_types) |name, Field| {
        const Outer = @typeInfo(Field).array;
        const Row = if (@typeInfo(Outer.child) == .array) Outer.child else Field;
        const Element = @typeInfo(Row).array.child;
        try json.write(.{
            .name = name,
            .rows = @sizeOf(Field) / @sizeOf(Row),
            .element = @typeName(Element),
            .element_bytes = @sizeOf(Element),
        });
    }
    try json.endArray();
    try json.endObject();
}

fn writeOp(json: *Json, comptime Op: type) Json.Error!void {
    try json.beginObject();
    try json.objectField("keys");
    try json.beginObject();
    const info = @typeInfo(Op.Params).@"struct";
    inline for (info.field_names, info.field_types, info.field_attrs) |name, Field, attributes| {
        try json.objectField(name);
        try json.beginObject();
        try json.objectField("is");
        try json.write(meaning(Op, name, Field));
        if (@typeInfo(Field) == .@"enum") {
            try json.objectField("one_of");
            try json.write(namesOf(Field));
        }
        if (attributes.defaultValue(Field) != null) {
            try json.objectField("optional");
            try json.write(true);
        }
        try json.endObject();
    }
    try json.endObject();
    if (@as(?[]const u8, Op.in_place)) |operand| {
        try json.objectField("in_place");
        try json.write(operand);
    }
    try json.objectField("scratch");
    try json.write(if (@hasDecl(Op, "scratch_pieces")) Op.scratch_pieces else [0]scratch.Piece{});
    try json.endObject();
}

fn meaning(comptime Op: type, comptime name: []const u8, comptime Field: type) []const u8 {
    return switch (Field) {
        f32 => "number",
        bool => "flag",
        Channels => "numbers",
        u32, ?u32 => @tagName(@as(Key, @field(Op.keys, name))),
        else => switch (@typeInfo(Field)) {
            .@"enum" => "name",
            else => @compileError("no word for a key of type " ++ @typeName(Field)),
        },
    };
}

/// Every name that an op's description, a type or an activation function has,
/// for those who try what readers do with them.
pub const words: []const []const u8 = blk: {
    var all: []const []const u8 = &.{};
    for ([_]type{
        storage.Type,
        std.meta.Tag(op_list.Op),
        math.Activation,
        header.Kind,
        header.Region,
        header.Numeric,
    }) |T| {
        for (@typeInfo(T).@"enum".field_names) |name| all = all ++ .{@as([]const u8, name)};
    }
    break :blk all;
};

test "format.json is what this runtime says" {
    var out: std.Io.Writer.Allocating = .init(std.testing.allocator);
    defer out.deinit();
    try write(&out.writer);
    // When it is not: node scripts/make-format.mjs
    try std.testing.expectEqualStrings(@embedFile("format.json"), out.written());
}
