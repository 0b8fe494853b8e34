//! The device's ABI as JavaScript's values, by what crossing.zig says of each field.
const std = @import("std");
const napi = @import("node_api").napi;
const boards = @import("board");
const crossing = boards.crossing;
const ports = boards.ports;
const Env = napi.Env;
const Value = napi.Value;

/// The value of each field.
pub fn toList(env: Env, comptime S: type, from: *const S) napi.Error![crossing.fields(S).len]Value {
    var values: [crossing.fields(S).len]Value = undefined;
    inline for (comptime crossing.fields(S), &values) |field, *value| value.* = try toValue(env, field, from);
    return values;
}

/// The struct as an object.
pub fn toObject(env: Env, comptime S: type, from: *const S) napi.Error!Value {
    const object = try napi.object(env);
    inline for (comptime crossing.fields(S)) |field| {
        try napi.set(env, object, comptime crossing.camel(field.name), try toValue(env, field, from));
    }
    return object;
}

fn toValue(env: Env, comptime field: crossing.Field, from: anytype) napi.Error!Value {
    return switch (field.kind) {
        .number => napi.number(env, @field(from, field.name)),
        .boolean => napi.boolean(env, @field(from, field.name).is()),
        .word => napi.string(env, wordOf(field.Type, @field(from, field.name))),
        .text => napi.string(env, crossing.bytesOf(field, from)),
        .bytes => napi.copyOf(env, crossing.bytesOf(field, from)),
        .bytes_or_none => if (@field(from, field.name)) |start| napi.copyOf(
            env,
            start[0..@field(from, field.count.?)],
        ) else napi.undefinedValue(env),
        .fill => {
            var unused: []u8 = undefined;
            return napi.newBytes(env, @field(from, field.count.?), &unused);
        },
        .pairs => pairsToArray(env, headersOf(field, from)),
        .object => toObject(env, field.Type, @field(from, field.name)),
    };
}

fn wordOf(comptime E: type, value: E) []const u8 {
    const words = comptime crossing.words(E);
    return words[@min(@backingInt(value), words.len - 1)];
}

fn headersOf(comptime field: crossing.Field, from: anytype) []const ports.Header {
    const start: ?[*]const ports.Header = @field(from, field.name);
    return if (start) |headers| headers[0..@field(from, field.count.?)] else &.{};
}

fn pairsToArray(env: Env, headers: []const ports.Header) napi.Error!Value {
    const list = try napi.array(env, headers.len);
    for (headers, 0..) |header, i| {
        const pair = try napi.array(env, 2);
        try napi.setElement(env, pair, 0, try napi.string(env, header.name.slice()));
        try napi.setElement(env, pair, 1, try napi.string(env, header.value.slice()));
        try napi.setElement(env, list, i, pair);
    }
    return list;
}

/// What a receiver has written into the arrays that it was to fill.
pub fn fill(env: Env, comptime S: type, into: *const S, values: []const Value) napi.Error!void {
    inline for (comptime crossing.fields(S), 0..) |field, i| if (field.kind == .fill) {
        const given = try napi.bytesOf(env, values[i]);
        const target = @field(into, field.name)[0..@field(into, field.count.?)];
        if (given.len != target.len) return error.JavaScript;
        @memcpy(target, given);
    };
}

/// The struct of these values, one for each field. Texts and lists lie in `arena`, bytes where JavaScript has them.
pub fn fromList(env: Env, arena: std.mem.Allocator, comptime S: type, values: []const Value) napi.Error!S {
    var result: S = undefined;
    if (@hasField(S, "size")) result.size = @sizeOf(S);
    inline for (comptime crossing.fields(S), 0..) |field, i| try fromValue(env, arena, field, values[i], &result);
    return result;
}

fn fromObject(env: Env, arena: std.mem.Allocator, comptime S: type, object: Value) napi.Error!S {
    const fields = comptime crossing.fields(S);
    var values: [fields.len]Value = undefined;
    inline for (fields, &values) |field, *value| {
        value.* = try napi.property(env, object, comptime crossing.camel(field.name));
    }
    return fromList(env, arena, S, &values);
}

fn fromValue(
    env: Env,
    arena: std.mem.Allocator,
    comptime field: crossing.Field,
    value: Value,
    into: anytype,
) napi.Error!void {
    const T = @TypeOf(@field(into, field.name));
    switch (field.kind) {
        .number => {
            const amount = try napi.double(env, value);
            if (!(amount >= 0 and amount <= std.math.maxInt(if (T == u64) u53 else T))) return error.JavaScript;
            @field(into, field.name) = @trunc(amount);
        },
        .boolean => @field(into, field.name) = .of(try napi.truthOf(env, value)),
        .word => @field(into, field.name) = try wordFrom(env, arena, field.Type, value),
        .text => setBytes(field, into, try napi.textOf(env, value, arena)),
        .bytes => setBytes(field, into, try napi.bytesOf(env, value)),
        .bytes_or_none => if (try napi.isUndefined(env, value)) {
            @field(into, field.name) = null;
            @field(into, field.count.?) = 0;
        } else setBytes(field, into, try napi.bytesOf(env, value)),
        .pairs => {
            const headers = try pairsFromArray(env, arena, value);
            @field(into, field.name) = headers.ptr;
            @field(into, field.count.?) = headers.len;
        },
        .object => {
            const held = arena.create(field.Type) catch return error.JavaScript;
            held.* = try fromObject(env, arena, field.Type, value);
            @field(into, field.name) = held;
        },
        .fill => @compileError("no event fills anything in"),
    }
}

fn setBytes(comptime field: crossing.Field, into: anytype, bytes: []const u8) void {
    const T = @TypeOf(@field(into, field.name));
    if (T == ports.Text or T == ports.Blob) {
        @field(into, field.name) = .of(bytes);
    } else {
        @field(into, field.name) = @ptrCast(bytes.ptr);
        @field(into, field.count.?) = bytes.len;
    }
}

pub fn wordFrom(env: Env, arena: std.mem.Allocator, comptime E: type, value: Value) napi.Error!E {
    const given = try napi.textOf(env, value, arena);
    inline for (comptime crossing.words(E), 0..) |word, i| if (std.mem.eql(u8, word, given)) return @fromBackingInt(i);
    return error.JavaScript;
}

fn pairsFromArray(env: Env, arena: std.mem.Allocator, value: Value) napi.Error![]const ports.Header {
    const headers = arena.alloc(ports.Header, try napi.arrayLength(env, value)) catch return error.JavaScript;
    for (headers, 0..) |*header, i| {
        const pair = try napi.element(env, value, i);
        header.* = .{
            .name = .of(try napi.textOf(env, try napi.element(env, pair, 0), arena)),
            .value = .of(try napi.textOf(env, try napi.element(env, pair, 1), arena)),
        };
    }
    return headers;
}
