//! Gathers the core's tests.

comptime {
    // The core calls the runtime through its C API; here both are one program.
    @import("synapse").c_api.exportAll();
}

test {
    _ = @import("abi.zig");
    _ = @import("access_table_test.zig");
    _ = @import("access_test.zig");
    _ = @import("settings_schema.zig");
    _ = @import("abi_test.zig");
    _ = @import("action_space.zig");
    _ = @import("answer.zig");
    _ = @import("body.zig");
    _ = @import("byte_text.zig");
    _ = @import("cbor_tokens.zig");
    _ = @import("cem.zig");
    _ = @import("client.zig");
    _ = @import("device.zig");
    _ = @import("device_fuzz.zig");
    _ = @import("device_test.zig");
    _ = @import("download.zig");
    _ = @import("effort.zig");
    _ = @import("every_route_test.zig");
    _ = @import("exchange.zig");
    _ = @import("firmware/app_image.zig");
    _ = @import("firmware_routes_test.zig");
    _ = @import("flash/all_test.zig");
    _ = @import("http.zig");
    _ = @import("json_tokens.zig");
    _ = @import("legacy_test.zig");
    _ = @import("log_ring.zig");
    _ = @import("memory.zig");
    _ = @import("metrics.zig");
    _ = @import("model.zig");
    _ = @import("mqtt/commands.zig");
    _ = @import("mqtt/duplicates.zig");
    _ = @import("mqtt/broker_test.zig");
    _ = @import("mqtt/home_assistant_test.zig");
    _ = @import("mqtt/mqtt_test.zig");
    _ = @import("mqtt/topics.zig");
    _ = @import("mqtt/broker_address.zig");
    _ = @import("multipart_test.zig");
    _ = @import("normal.zig");
    _ = @import("observe_test.zig");
    _ = @import("openapi_test.zig");
    _ = @import("picture_size.zig");
    _ = @import("picture_routes_test.zig");
    _ = @import("plan_test.zig");
    _ = @import("port.zig");
    _ = @import("problem.zig");
    _ = @import("rights_sequences_test.zig");
    _ = @import("rights_test.zig");
    _ = @import("room.zig");
    _ = @import("room_test.zig");
    _ = @import("routes.zig");
    _ = @import("runtime_test.zig");
    _ = @import("secrets.zig");
    _ = @import("signature_test.zig");
    _ = @import("signature_sequences_test.zig");
    _ = @import("slot_routes_test.zig");
    _ = @import("status_routes_test.zig");
    _ = @import("streams.zig");
    _ = @import("updates_test.zig");
}
