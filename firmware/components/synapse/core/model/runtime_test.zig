//! Holds the core's view of the runtime's C API against the runtime's own types.
const std = @import("std");
const runtime = @import("runtime.zig");
const synapse = @import("synapse");

fn same(comptime Core: type, comptime Runtime: type) !void {
    try std.testing.expectEqual(@sizeOf(Runtime), @sizeOf(Core));
    const names = comptime std.meta.fieldNames(Runtime);
    try std.testing.expectEqual(names.len, std.meta.fieldNames(Core).len);
    inline for (names) |name| try std.testing.expectEqual(@offsetOf(Runtime, name), @offsetOf(Core, name));
}

test "structs of core and runtime are the same bytes" {
    try same(runtime.ErrorInfo, synapse.CError);
    try same(runtime.ModelInfo, synapse.c_api.ModelInfo);
    try same(runtime.EntryInfo, synapse.c_api.EntryInfo);
    try same(runtime.PortInfo, synapse.c_api.PortInfo);
    try same(runtime.SessionRequirements, synapse.c_api.SessionRequirements);
    try same(runtime.SessionConfig, synapse.c_api.SessionConfig);
}
