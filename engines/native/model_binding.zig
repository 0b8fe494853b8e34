//! JavaScript's view of `syn_model`.

const std = @import("std");
const napi = @import("napi.zig");
const memory = @import("memory.zig");
const api = @import("synapse").c_api;
const Model = @import("synapse").Model;
const CError = @import("synapse").CError;
const Result = @import("synapse").Result;
const Env = napi.Env;
const Value = napi.Value;

pub const functions = .{
    .{ "modelOpen", open },
    .{ "modelInfo", info },
    .{ "modelRelease", release },
};

/// A model and the memory it lives in. Sessions count as users: it goes when the last of them and the handle are gone.
pub const Handle = struct {
    model: *const Model,
    memory: memory.Block,
    /// A copy of the file, where JavaScript's was not aligned.
    copy: memory.Block,
    /// Keeps JavaScript's buffer, where it is used in place.
    buffer: ?napi.Ref,
    users: u32,

    pub fn retain(self: *Handle) void {
        self.users += 1;
    }

    pub fn drop(self: *Handle, env: Env) void {
        self.users -= 1;
        if (self.users > 0) return;
        if (self.buffer) |buffer| napi.release(env, buffer);
        memory.free(self.copy);
        memory.free(self.memory);
        memory.destroy(self);
    }
};

pub fn name(result: Result) []const u8 {
    return std.mem.span(api.resultName(result));
}

pub fn throwResult(env: Env, result: Result, report: *const CError) napi.Error {
    const message = std.mem.sliceTo(&report.message, 0);
    return napi.throw(
        env,
        try napi.failure(env, name(result), if (message.len > 0) message else name(result), report.offset),
    );
}

/// modelOpen(file: Uint8Array): External. The array must not change while the model is in use.
fn open(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    const given = try napi.bytesOf(env, arguments[0]);
    const in_place = given.len > 0 and @intFromPtr(given.ptr) % 64 == 0;
    const copy = memory.allocate(if (in_place) 0 else @max(given.len, 1)) catch return memory.exhausted(env, given.len);
    errdefer memory.free(copy);
    if (!in_place) @memcpy(copy[0..given.len], given);
    const file: [*]const u8 = if (in_place) given.ptr else copy.ptr;

    var report: CError = .{ .size = @sizeOf(CError), .code = 0, .offset = 0, .message = @splat(0) };
    var bytes: usize = 0;
    const sized = api.modelRequirements(file, given.len, &bytes, &report);
    if (sized != .ok) return throwResult(env, sized, &report);
    const block = memory.allocate(bytes) catch return memory.exhausted(env, bytes);
    errdefer memory.free(block);
    var model: *Model = undefined;
    const opened = api.modelOpen(file, given.len, 0, block.ptr, block.len, &model, &report);
    if (opened != .ok) return throwResult(env, opened, &report);

    const handle = memory.create(Handle) catch return memory.exhausted(env, @sizeOf(Handle));
    errdefer memory.destroy(handle);
    const buffer = if (in_place) try napi.reference(env, arguments[0]) else null;
    errdefer if (buffer) |kept| napi.release(env, kept);
    handle.* = .{ .model = model, .memory = block, .copy = copy, .buffer = buffer, .users = 1 };
    const owner = memory.create(Owner) catch return memory.exhausted(env, @sizeOf(Owner));
    errdefer memory.destroy(owner);
    owner.* = .{ .handle = handle };
    return napi.external(env, owner, finalize);
}

/// What the JavaScript handle points to. It outlives the model when the model is released early.
const Owner = struct { handle: ?*Handle };

fn finalize(env: Env, data: ?*anyopaque, hint: ?*anyopaque) callconv(.c) void {
    _ = hint;
    const owner: *Owner = @ptrCast(@alignCast(data.?));
    if (owner.handle) |handle| handle.drop(env);
    memory.destroy(owner);
}

pub fn handleOf(env: Env, value: Value) napi.Error!*Handle {
    const owner = try napi.externalData(Owner, env, value);
    return owner.handle orelse napi.throw(env, try napi.failure(env, "CLOSED", "the model was closed", 0));
}

/// modelRelease(model): gives the memory back as soon as no session uses it.
fn release(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    const owner = try napi.externalData(Owner, env, arguments[0]);
    if (owner.handle) |handle| handle.drop(env);
    owner.handle = null;
    return napi.undefinedValue(env);
}

/// modelInfo(model): everything an open model says about itself, as plain objects; `meta` is CBOR.
fn info(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 1);
    const model = (try handleOf(env, arguments[0])).model;
    const result = try napi.object(env);
    try napi.set(env, result, "name", try napi.string(env, model.name));
    try napi.set(env, result, "exact", try napi.boolean(env, model.exact));
    try napi.set(env, result, "fileBytes", try napi.number(env, model.file.len));
    try napi.set(env, result, "goldenCount", try napi.number(env, model.goldens.len));
    try napi.set(env, result, "sha256", try napi.string(env, &std.fmt.bytesToHex(model.sha256, .lower)));
    if (model.meta.len > 0) try napi.set(env, result, "meta", try napi.copyOf(env, model.meta));
    const entries = try napi.array(env, model.entries.len);
    for (model.entries, 0..) |*entry, index| {
        const item = try napi.object(env);
        try napi.set(env, item, "name", try napi.string(env, entry.name));
        try napi.set(env, item, "rowsMax", try napi.number(env, entry.rows_max));
        try napi.set(env, item, "opCount", try napi.number(env, entry.ops.len));
        try napi.set(env, item, "inputs", try ports(env, model, @intCast(index), entry.inputs.len, api.modelGetInput));
        try napi.set(
            env,
            item,
            "outputs",
            try ports(env, model, @intCast(index), entry.outputs.len, api.modelGetOutput),
        );
        try napi.setElement(env, entries, index, item);
    }
    try napi.set(env, result, "entries", entries);
    return result;
}

fn ports(env: Env, model: *const Model, entry: u32, count: usize, comptime get: anytype) napi.Error!Value {
    const list = try napi.array(env, count);
    for (0..count) |index| {
        var port: api.PortInfo = undefined;
        port.size = @sizeOf(api.PortInfo);
        if (get(model, entry, @intCast(index), &port) != .ok) return error.JavaScript;
        const item = try napi.object(env);
        try napi.set(env, item, "name", try napi.string(env, port.name[0..port.name_bytes]));
        try napi.set(
            env,
            item,
            "kind",
            try napi.string(env, ([_][]const u8{ "tensor", "image", "tokens", "latent", "action" })[port.kind]),
        );
        try napi.set(env, item, "type", try napi.string(env, ([_][]const u8{ "f32", "u8", "i32" })[port.type]));
        try napi.set(env, item, "dynamic", try napi.boolean(env, port.dynamic == 1));
        try napi.set(env, item, "bytesMax", try napi.number(env, port.bytes_max));
        const shape = try napi.array(env, port.rank);
        for (port.shape[0..port.rank], 0..) |dimension, i| {
            try napi.setElement(env, shape, i, try napi.number(env, dimension));
        }
        try napi.set(env, item, "shape", shape);
        try napi.setElement(env, list, index, item);
    }
    return list;
}
