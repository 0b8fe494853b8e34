//! Holds include/synapse_device.h against the Zig types: sizes, offsets, enum values, and that every function exists with as many parameters.
const std = @import("std");
const c = @import("synapse_device_h");
const abi = @import("abi.zig");
const ports = @import("port.zig");

fn same(comptime C: type, comptime Zig: type) !void {
    try std.testing.expectEqual(@sizeOf(C), @sizeOf(Zig));
    const fields = std.meta.fieldNames(Zig);
    try std.testing.expectEqual(std.meta.fieldNames(C).len, fields.len);
    inline for (comptime std.meta.fieldNames(Zig)) |name| try std.testing.expectEqual(@offsetOf(C, name), @offsetOf(Zig, name));
}

test "structs of the header and of the source are the same bytes" {
    try same(c.synapse_device_error, ports.ErrorInfo);
    try same(c.synapse_device_text, ports.Text);
    try same(c.synapse_device_header, ports.Header);
    try same(c.synapse_device_port, ports.Port);
    try same(c.synapse_device_link, ports.Link);
    try same(c.synapse_device_mqtt_message, ports.MqttMessage);
    try same(c.synapse_device_mqtt_session, ports.MqttSession);
    try same(c.synapse_device_config, ports.Config);
}

test "result codes and limits are those of the header" {
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_OK, @backingInt(ports.Result.ok));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_ERROR_ARGUMENT, @backingInt(ports.Result.argument));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_ERROR_OUT_OF_MEMORY, @backingInt(ports.Result.out_of_memory));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_ERROR_MODEL, @backingInt(ports.Result.model));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_ERROR_MODEL_MEMORY, @backingInt(ports.Result.model_memory));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_ERROR_BUSY, @backingInt(ports.Result.busy));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_REGION_FAST, @backingInt(ports.Region.fast));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_REGION_SLOW, @backingInt(ports.Region.slow));
    const Fetched = @import("updates/download.zig").Result;
    inline for (.{
        .{ c.SYNAPSE_DEVICE_FETCH_BROKEN, Fetched.broken },                .{ c.SYNAPSE_DEVICE_FETCH_WHOLE, Fetched.whole },
        .{ c.SYNAPSE_DEVICE_FETCH_NAME, Fetched.name },                    .{ c.SYNAPSE_DEVICE_FETCH_REFUSED, Fetched.refused },
        .{ c.SYNAPSE_DEVICE_FETCH_UNREACHABLE, Fetched.unreachable_host }, .{ c.SYNAPSE_DEVICE_FETCH_TIMEOUT, Fetched.timeout },
        .{ c.SYNAPSE_DEVICE_FETCH_TLS, Fetched.tls },                      .{ c.SYNAPSE_DEVICE_FETCH_CERTIFICATE, Fetched.certificate },
        .{ c.SYNAPSE_DEVICE_FETCH_REDIRECTS, Fetched.redirects },          .{ c.SYNAPSE_DEVICE_FETCH_SCHEME, Fetched.scheme },
        .{ c.SYNAPSE_DEVICE_FETCH_ADDRESS, Fetched.address },
    }) |pair| try std.testing.expectEqual(@as(u32, pair[0]), @backingInt(pair[1]));
    try std.testing.expectEqual(c.SYNAPSE_DEVICE_API_VERSION, abi.synapse_device_api_version());
}

test "functions of the header and of the source take as many parameters" {
    const functions = .{
        "synapse_device_get_requirements",  "synapse_device_init",        "synapse_device_boot",          "synapse_device_load_model",
        "synapse_device_request_head",      "synapse_device_body_chunk",  "synapse_device_request_end",   "synapse_device_request_closed",
        "synapse_device_image_decoded",     "synapse_device_work",        "synapse_device_open_claim",    "synapse_device_get_setting",
        "synapse_device_work_done",         "synapse_device_tick",        "synapse_device_api_version",   "synapse_device_get_mqtt_session",
        "synapse_device_fetch_head",        "synapse_device_fetch_chunk", "synapse_device_fetch_end",     "synapse_device_mqtt_connected",
        "synapse_device_mqtt_disconnected", "synapse_device_mqtt_failed", "synapse_device_mqtt_received",
    };
    inline for (functions) |name| {
        const C = @TypeOf(@field(c, name));
        const Zig = @TypeOf(@field(abi, name));
        const C_args = std.meta.ArgsTuple(C);
        const Zig_args = std.meta.ArgsTuple(Zig);
        try std.testing.expectEqual(std.meta.fieldNames(C_args).len, std.meta.fieldNames(Zig_args).len);
    }
}
