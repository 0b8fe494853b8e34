//! The simulated board as a Node addon: the device core and the runtime below it, with a port of JavaScript functions.

const napi = @import("node_api").napi;
const board_binding = @import("board_binding.zig");

export fn napi_register_module_v1(env: napi.Env, exports: napi.Value) ?napi.Value {
    register(env, exports) catch return null;
    return exports;
}

export fn node_api_module_get_api_version_v1() i32 {
    return 8;
}

fn register(env: napi.Env, exports: napi.Value) napi.Error!void {
    inline for (board_binding.functions) |function| try napi.define(env, exports, function[0], function[1]);
    try board_binding.register(env, exports);
}
