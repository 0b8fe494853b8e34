//! Gathers the core's tests.

comptime {
    // The core calls the runtime through its C API; here both are one program.
    @import("synapse").c_api.exportAll();
    @import("synapse").kernel_check.exportAll();
}

// What the simulated parts that tests use take from the core.
pub const ports = @import("abi.zig").ports;
pub const flash = @import("abi.zig").flash;
pub const app_image = @import("abi.zig").app_image;

test {
    _ = @import("abi.zig");
    _ = @import("routes/access_table_test.zig");
    _ = @import("board/access_test.zig");
    _ = @import("board/holder_test.zig");
    _ = @import("board/guesses_test.zig");
    _ = @import("routes/settings/schema.zig");
    _ = @import("abi_test.zig");
    _ = @import("model/action_space.zig");
    _ = @import("request/answer.zig");
    _ = @import("wire/binary64.zig");
    _ = @import("wire/body.zig");
    _ = @import("wire/byte_text.zig");
    _ = @import("wire/cbor_tokens.zig");
    _ = @import("routes/plan/cem.zig");
    _ = @import("request/client.zig");
    _ = @import("request/device.zig");
    _ = @import("fuzz/device_fuzz.zig");
    _ = @import("request/device_test.zig");
    _ = @import("request/wrong_requests_test.zig");
    _ = @import("updates/download.zig");
    _ = @import("board/effort.zig");
    _ = @import("routes/every_route_test.zig");
    _ = @import("request/exchange.zig");
    _ = @import("firmware/app_image_test.zig");
    _ = @import("routes/firmware_routes_test.zig");
    _ = @import("flash/all_test.zig");
    _ = @import("wire/http.zig");
    _ = @import("wire/json_tokens.zig");
    _ = @import("routes/legacy/legacy_test.zig");
    _ = @import("image/resize_test.zig");
    _ = @import("sha256.zig");
    _ = @import("board/log_ring.zig");
    _ = @import("board/memory.zig");
    _ = @import("board/metrics.zig");
    _ = @import("model/model.zig");
    _ = @import("mqtt/commands.zig");
    _ = @import("mqtt/duplicates.zig");
    _ = @import("mqtt/broker_test.zig");
    _ = @import("mqtt/home_assistant_test.zig");
    _ = @import("mqtt/mqtt_test.zig");
    _ = @import("mqtt/wrong_commands_test.zig");
    _ = @import("mqtt/topics.zig");
    _ = @import("routes/settings/broker_address.zig");
    _ = @import("wire/multipart_test.zig");
    _ = @import("routes/plan/normal.zig");
    _ = @import("routes/observe_test.zig");
    _ = @import("routes/openapi_test.zig");
    _ = @import("routes/picture_size.zig");
    _ = @import("routes/picture_routes_test.zig");
    _ = @import("routes/plan_test.zig");
    _ = @import("port.zig");
    _ = @import("wire/problem.zig");
    _ = @import("request/rights_sequences_test.zig");
    _ = @import("request/rights_test.zig");
    _ = @import("request/room.zig");
    _ = @import("request/room_test.zig");
    _ = @import("routes.zig");
    _ = @import("model/runtime_test.zig");
    _ = @import("board/secrets.zig");
    _ = @import("routes/signature_test.zig");
    _ = @import("routes/signature_sequences_test.zig");
    _ = @import("routes/slot_routes_test.zig");
    _ = @import("routes/status_routes_test.zig");
    _ = @import("model/streams.zig");
    _ = @import("updates/updates_test.zig");
}
