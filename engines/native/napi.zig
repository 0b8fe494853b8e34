//! The part of Node-API that the addon uses, declared by hand from the public ABI (node_api.h, version 8), and helpers
//! that turn its status codes into one Zig error. A JavaScript exception is pending whenever a helper fails.

const std = @import("std");

pub const Env = *opaque {};
pub const Value = *opaque {};
pub const Ref = *opaque {};
pub const Deferred = *opaque {};
pub const Work = *opaque {};
pub const CallbackInfo = *opaque {};

pub const Callback = *const fn (Env, CallbackInfo) callconv(.c) ?Value;
pub const Finalize = *const fn (Env, ?*anyopaque, ?*anyopaque) callconv(.c) void;
pub const Execute = *const fn (Env, ?*anyopaque) callconv(.c) void;
pub const Complete = *const fn (Env, u32, ?*anyopaque) callconv(.c) void;

pub const uint8_array = 1;

extern fn napi_create_function(Env, ?[*]const u8, usize, Callback, ?*anyopaque, *Value) u32;
extern fn napi_set_named_property(Env, Value, [*:0]const u8, Value) u32;
extern fn napi_get_cb_info(Env, CallbackInfo, *usize, [*]?Value, ?*Value, ?*?*anyopaque) u32;
extern fn napi_create_object(Env, *Value) u32;
extern fn napi_create_array_with_length(Env, usize, *Value) u32;
extern fn napi_set_element(Env, Value, u32, Value) u32;
extern fn napi_get_element(Env, Value, u32, *Value) u32;
extern fn napi_get_array_length(Env, Value, *u32) u32;
extern fn napi_create_string_utf8(Env, [*]const u8, usize, *Value) u32;
extern fn napi_get_value_string_utf8(Env, Value, ?[*]u8, usize, *usize) u32;
extern fn napi_get_value_bool(Env, Value, *bool) u32;
extern fn napi_typeof(Env, Value, *u32) u32;
extern fn napi_create_double(Env, f64, *Value) u32;
extern fn napi_get_value_double(Env, Value, *f64) u32;
extern fn napi_get_boolean(Env, bool, *Value) u32;
extern fn napi_get_undefined(Env, *Value) u32;
extern fn napi_create_external(Env, ?*anyopaque, ?Finalize, ?*anyopaque, *Value) u32;
extern fn napi_get_value_external(Env, Value, *?*anyopaque) u32;
extern fn napi_create_arraybuffer(Env, usize, *?[*]u8, *Value) u32;
extern fn napi_create_external_arraybuffer(Env, ?*anyopaque, usize, Finalize, ?*anyopaque, *Value) u32;
extern fn napi_create_typedarray(Env, u32, usize, Value, usize, *Value) u32;
extern fn napi_get_typedarray_info(Env, Value, ?*u32, ?*usize, ?*?[*]u8, ?*Value, ?*usize) u32;
extern fn napi_create_reference(Env, Value, u32, *Ref) u32;
extern fn napi_delete_reference(Env, Ref) u32;
extern fn napi_get_reference_value(Env, Ref, *?Value) u32;
extern fn napi_get_named_property(Env, Value, [*:0]const u8, *Value) u32;
extern fn napi_call_function(Env, Value, Value, usize, [*]const Value, ?*Value) u32;
extern fn napi_get_and_clear_last_exception(Env, *Value) u32;
extern fn napi_create_error(Env, ?Value, Value, *Value) u32;
extern fn napi_throw(Env, Value) u32;
extern fn napi_create_promise(Env, *Deferred, *Value) u32;
extern fn napi_resolve_deferred(Env, Deferred, Value) u32;
extern fn napi_reject_deferred(Env, Deferred, Value) u32;
extern fn napi_create_async_work(Env, ?Value, Value, Execute, Complete, ?*anyopaque, *Work) u32;
extern fn napi_queue_async_work(Env, Work) u32;
extern fn napi_delete_async_work(Env, Work) u32;

/// A JavaScript exception is pending, or will be thrown by `guard`.
pub const Error = error{JavaScript};

fn check(status: u32) Error!void {
    if (status != 0) return error.JavaScript;
}

/// The arguments of a call; missing ones are `undefined`.
pub fn arguments(env: Env, info: CallbackInfo, comptime count: usize) Error![count]Value {
    var given: [count]?Value = @splat(null);
    var length: usize = count;
    try check(napi_get_cb_info(env, info, &length, &given, null, null));
    var values: [count]Value = undefined;
    for (&values, given) |*value, argument| value.* = argument orelse return error.JavaScript;
    return values;
}

pub fn object(env: Env) Error!Value {
    var value: Value = undefined;
    try check(napi_create_object(env, &value));
    return value;
}

pub fn set(env: Env, target: Value, name: [*:0]const u8, value: Value) Error!void {
    try check(napi_set_named_property(env, target, name, value));
}

pub fn array(env: Env, length: usize) Error!Value {
    var value: Value = undefined;
    try check(napi_create_array_with_length(env, length, &value));
    return value;
}

pub fn setElement(env: Env, target: Value, index: usize, value: Value) Error!void {
    try check(napi_set_element(env, target, @intCast(index), value));
}

pub fn element(env: Env, target: Value, index: usize) Error!Value {
    var value: Value = undefined;
    try check(napi_get_element(env, target, @intCast(index), &value));
    return value;
}

pub fn arrayLength(env: Env, target: Value) Error!u32 {
    var length: u32 = 0;
    try check(napi_get_array_length(env, target, &length));
    return length;
}

pub fn string(env: Env, text: []const u8) Error!Value {
    var value: Value = undefined;
    try check(napi_create_string_utf8(env, text.ptr, text.len, &value));
    return value;
}

/// A string as UTF-8.
pub fn textOf(env: Env, value: Value, allocator: std.mem.Allocator) Error![]u8 {
    var length: usize = 0;
    try check(napi_get_value_string_utf8(env, value, null, 0, &length));
    // Node ends it with a zero.
    const bytes = allocator.alloc(u8, length + 1) catch return error.JavaScript;
    try check(napi_get_value_string_utf8(env, value, bytes.ptr, bytes.len, &length));
    return bytes[0..length];
}

pub fn truthOf(env: Env, value: Value) Error!bool {
    var result = false;
    try check(napi_get_value_bool(env, value, &result));
    return result;
}

pub fn isUndefined(env: Env, value: Value) Error!bool {
    var kind: u32 = 0;
    try check(napi_typeof(env, value, &kind));
    return kind == 0;
}

pub fn property(env: Env, target: Value, name: [*:0]const u8) Error!Value {
    var value: Value = undefined;
    try check(napi_get_named_property(env, target, name, &value));
    return value;
}

/// Numbers travel as doubles: every size and count here is below 2^53.
pub fn number(env: Env, amount: anytype) Error!Value {
    var value: Value = undefined;
    try check(napi_create_double(env, @floatFromInt(amount), &value));
    return value;
}

/// A whole number from 0 to 2^32 - 1.
pub fn unsigned(env: Env, value: Value) Error!u32 {
    var amount: f64 = 0;
    try check(napi_get_value_double(env, value, &amount));
    if (!(amount >= 0 and amount <= 4294967295)) return error.JavaScript;
    return @trunc(amount);
}

pub fn boolean(env: Env, truth: bool) Error!Value {
    var value: Value = undefined;
    try check(napi_get_boolean(env, truth, &value));
    return value;
}

pub fn undefinedValue(env: Env) Error!Value {
    var value: Value = undefined;
    try check(napi_get_undefined(env, &value));
    return value;
}

pub fn external(env: Env, data: *anyopaque, finalize: Finalize) Error!Value {
    var value: Value = undefined;
    try check(napi_create_external(env, data, finalize, null, &value));
    return value;
}

pub fn externalData(comptime T: type, env: Env, value: Value) Error!*T {
    var data: ?*anyopaque = null;
    try check(napi_get_value_external(env, value, &data));
    return @ptrCast(@alignCast(data orelse return error.JavaScript));
}

pub fn externalArrayBuffer(env: Env, bytes: []u8, finalize: Finalize, hint: ?*anyopaque) Error!Value {
    var value: Value = undefined;
    try check(napi_create_external_arraybuffer(env, bytes.ptr, bytes.len, finalize, hint, &value));
    return value;
}

/// A new Uint8Array and its memory.
pub fn newBytes(env: Env, length: usize, out: *[]u8) Error!Value {
    var data: ?[*]u8 = null;
    var buffer: Value = undefined;
    try check(napi_create_arraybuffer(env, length, &data, &buffer));
    out.* = if (length == 0) &.{} else data.?[0..length];
    var value: Value = undefined;
    try check(napi_create_typedarray(env, uint8_array, length, buffer, 0, &value));
    return value;
}

pub fn copyOf(env: Env, source: []const u8) Error!Value {
    var target: []u8 = undefined;
    const value = try newBytes(env, source.len, &target);
    @memcpy(target, source);
    return value;
}

/// The memory of a Uint8Array, valid while the array is kept alive.
pub fn bytesOf(env: Env, value: Value) Error![]u8 {
    var kind: u32 = 0;
    var length: usize = 0;
    var data: ?[*]u8 = null;
    try check(napi_get_typedarray_info(env, value, &kind, &length, &data, null, null));
    if (kind != uint8_array) return error.JavaScript;
    return if (length == 0) &.{} else data.?[0..length];
}

pub fn reference(env: Env, value: Value) Error!Ref {
    var result: Ref = undefined;
    try check(napi_create_reference(env, value, 1, &result));
    return result;
}

pub fn release(env: Env, value: Ref) void {
    _ = napi_delete_reference(env, value);
}

/// Calls a method of a kept object. For callbacks that answer nothing: what they throw is dropped.
pub fn callMethod(env: Env, target: Ref, name: [*:0]const u8, values: []const Value) Error!void {
    _ = try callMethodFor(env, target, name, values);
}

/// As callMethod, with what it answers; null when it threw.
pub fn callMethodFor(env: Env, target: Ref, name: [*:0]const u8, values: []const Value) Error!?Value {
    var receiver: ?Value = null;
    try check(napi_get_reference_value(env, target, &receiver));
    const object_value = receiver orelse return error.JavaScript;
    var function: Value = undefined;
    try check(napi_get_named_property(env, object_value, name, &function));
    var result: Value = undefined;
    if (napi_call_function(env, object_value, function, values.len, values.ptr, &result) == 0) return result;
    var exception: Value = undefined;
    try check(napi_get_and_clear_last_exception(env, &exception));
    return null;
}

/// A number as JavaScript has it.
pub fn double(env: Env, value: Value) Error!f64 {
    var amount: f64 = 0;
    try check(napi_get_value_double(env, value, &amount));
    return amount;
}

/// An Error with `code` and `offset`; the TypeScript side makes an EngineError of it.
pub fn failure(env: Env, code: []const u8, message: []const u8, offset: u32) Error!Value {
    var value: Value = undefined;
    try check(napi_create_error(env, try string(env, code), try string(env, message), &value));
    try set(env, value, "offset", try number(env, offset));
    return value;
}

pub fn throw(env: Env, value: Value) Error {
    _ = napi_throw(env, value);
    return error.JavaScript;
}

pub const Promise = struct {
    deferred: Deferred,
    value: Value,

    pub fn init(env: Env) Error!Promise {
        var result: Promise = undefined;
        try check(napi_create_promise(env, &result.deferred, &result.value));
        return result;
    }

    pub fn resolve(self: *const Promise, env: Env, value: Value) void {
        _ = napi_resolve_deferred(env, self.deferred, value);
    }

    pub fn reject(self: *const Promise, env: Env, value: Value) void {
        _ = napi_reject_deferred(env, self.deferred, value);
    }
};

/// Runs `execute` on a thread of libuv's pool, then `complete` on JavaScript's.
pub fn queueWork(
    env: Env,
    name: []const u8,
    execute: Execute,
    complete: Complete,
    data: *anyopaque,
    work: *Work,
) Error!void {
    try check(napi_create_async_work(env, null, try string(env, name), execute, complete, data, work));
    try check(napi_queue_async_work(env, work.*));
}

pub fn deleteWork(env: Env, work: Work) void {
    _ = napi_delete_async_work(env, work);
}

/// A JavaScript function made of a Zig function `(env, info) Error!Value`. Where it failed without an exception of its
/// own, the arguments were of the wrong kind.
pub fn define(
    env: Env,
    target: Value,
    comptime name: [:0]const u8,
    comptime function: fn (Env, CallbackInfo) Error!Value,
) Error!void {
    const Wrapper = struct {
        fn call(inner: Env, info: CallbackInfo) callconv(.c) ?Value {
            return function(inner, info) catch {
                // napi_throw fails when an exception is pending already, which is then the better one.
                const error_value = failure(inner, "ARGUMENT", name ++ ": wrong arguments", 0) catch return null;
                _ = napi_throw(inner, error_value);
                return null;
            };
        }
    };
    var value: Value = undefined;
    try check(napi_create_function(env, name.ptr, name.len, Wrapper.call, null, &value));
    try set(env, target, name, value);
}
