//! JavaScript's view of a simulated board's network: the events of its broker and of its downloads.

const napi = @import("node_api").napi;
const board_binding = @import("board_binding.zig");
const boards = @import("board");
const core = boards.core;
const Env = napi.Env;
const Value = napi.Value;

pub const functions = .{
    .{ "boardMqttConnected", mqttConnected },
    .{ "boardMqttDisconnected", mqttDisconnected },
    .{ "boardMqttFailed", mqttFailed },
    .{ "boardMqttReceived", mqttReceived },
    .{ "boardMqttSession", mqttSession },
    .{ "boardFetchHead", fetchHead },
    .{ "boardFetchChunk", fetchChunk },
    .{ "boardFetchEnd", fetchEnd },
};

/// boardMqttConnected(board, protocol)
fn mqttConnected(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const handle = try board_binding.handleOf(env, arguments[0]);
    const protocol = try napi.unsigned(env, arguments[1]);
    if (board_binding.running(handle)) |device| core.synapse_device_mqtt_connected(device, protocol);
    return napi.undefinedValue(env);
}

/// boardMqttDisconnected(board)
fn mqttDisconnected(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try board_binding.handleOf(env, (try napi.arguments(env, call, 1))[0]);
    if (board_binding.running(handle)) |device| core.synapse_device_mqtt_disconnected(device);
    return napi.undefinedValue(env);
}

/// boardMqttFailed(board, detail: Uint8Array)
fn mqttFailed(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 2);
    const handle = try board_binding.handleOf(env, arguments[0]);
    const detail = try napi.bytesOf(env, arguments[1]);
    if (board_binding.running(handle)) |device| core.synapse_device_mqtt_failed(device, .of(detail));
    return napi.undefinedValue(env);
}

/// boardMqttReceived(board, request, meta: Uint8Array, payload: Uint8Array); see board.zig.
fn mqttReceived(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 4);
    const under_way = try board_binding.event(env, arguments[0], arguments[1]);
    boards.mqttReceived(under_way.device, under_way.request, try napi.bytesOf(env, arguments[2]), try napi.bytesOf(env, arguments[3]));
    return napi.undefinedValue(env);
}

/// boardMqttSession(board): text; see flattenSession of board.zig.
fn mqttSession(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const handle = try board_binding.handleOf(env, (try napi.arguments(env, call, 1))[0]);
    var buffer: [2048]u8 = undefined;
    return napi.string(env, if (board_binding.running(handle)) |device| boards.flattenSession(device, &buffer) else "");
}

/// boardFetchHead(board, fetch, status, length, mediaType: Uint8Array)
fn fetchHead(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 5);
    const under_way = try board_binding.event(env, arguments[0], arguments[1]);
    const length: u64 = @intFromFloat(@max(0, try napi.double(env, arguments[3])));
    core.synapse_device_fetch_head(under_way.device, under_way.request, try napi.unsigned(env, arguments[2]), length, .of(try napi.bytesOf(env, arguments[4])));
    return napi.undefinedValue(env);
}

/// boardFetchChunk(board, fetch, bytes: Uint8Array)
fn fetchChunk(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const under_way = try board_binding.event(env, arguments[0], arguments[1]);
    const bytes = try napi.bytesOf(env, arguments[2]);
    core.synapse_device_fetch_chunk(under_way.device, under_way.request, bytes.ptr, bytes.len);
    return napi.undefinedValue(env);
}

/// boardFetchEnd(board, fetch, result): a synapse_device_fetch_result.
fn fetchEnd(env: Env, call: napi.CallbackInfo) napi.Error!Value {
    const arguments = try napi.arguments(env, call, 3);
    const under_way = try board_binding.event(env, arguments[0], arguments[1]);
    core.synapse_device_fetch_end(under_way.device, under_way.request, try napi.unsigned(env, arguments[2]));
    return napi.undefinedValue(env);
}
