//! The native engine as a Node addon: a thin layer over the C API.
//! Memory is given back when JavaScript lets go of the handles.

const std = @import("std");
const napi = @import("napi.zig");
const model_binding = @import("model_binding.zig");
const session_binding = @import("session_binding.zig");
const memory = @import("memory.zig");
const synapse = @import("synapse");
const Env = napi.Env;
const Value = napi.Value;

export fn napi_register_module_v1(env: Env, exports: Value) ?Value {
    register(env, exports) catch return null;
    return exports;
}

export fn node_api_module_get_api_version_v1() i32 {
    return 8;
}

fn register(env: Env, exports: Value) napi.Error!void {
    try napi.define(env, exports, "isa", isa);
    try napi.define(env, exports, "allocate", memory.allocateBuffer);
    inline for (.{ model_binding, session_binding }) |binding| {
        inline for (binding.functions) |function| try napi.define(env, exports, function[0], function[1]);
    }
}

/// The instruction set of the inner loops on this processor.
fn isa(env: Env, info: napi.CallbackInfo) napi.Error!Value {
    _ = info;
    return napi.string(env, std.mem.span(synapse.dispatch.table().isa));
}
