//! The route table. A route is one file; adding one is a file and a line here.
const std = @import("std");
const Route = @import("request/device.zig").Route;
const limits = @import("limits.zig");
const match = @import("request/match.zig");

pub const table = [_]Route{
    @import("routes/page.zig").route,
    @import("routes/openapi.zig").route,
    @import("routes/device.zig").route,
    @import("routes/models.zig").route,
    @import("routes/models.zig").slot_route,
    @import("routes/upload_model.zig").route,
    @import("routes/activate.zig").route,
    @import("routes/encode.zig").route,
    @import("routes/predict.zig").route,
    @import("routes/rollout.zig").route,
    @import("routes/observe.zig").route,
    @import("routes/plan.zig").route,
    @import("routes/selftest.zig").route,
    @import("routes/metrics.zig").route,
    @import("routes/log.zig").route,
    @import("routes/claim.zig").route,
    @import("routes/claim.zig").release_route,
    @import("routes/settings.zig").route,
    @import("routes/settings.zig").change_route,
    @import("routes/reboot.zig").route,
    @import("routes/upload_firmware.zig").route,
    @import("routes/updates.zig").route,
    @import("routes/updates.zig").cancel_route,
    @import("routes/updates.zig").ask_route,
    @import("routes/requests.zig").route,
    @import("routes/requests.zig").stop_route,
    @import("routes/requests.zig").stop_strangers_route,
    @import("routes/legacy/status.zig").route,
    @import("routes/legacy/encode.zig").route,
    @import("routes/legacy/predict.zig").route,
    @import("routes/legacy/rollout.zig").route,
};

comptime {
    std.debug.assert(table.len <= limits.routes_max);
}

test "paths match exactly" {
    try std.testing.expect(match.find(&table, "GET", "/v1/device") == .found);
    try std.testing.expect(match.find(&table, "HEAD", "/v1/device") == .found);
    try std.testing.expectEqualStrings("model_a", match.find(&table, "GET", "/v1/models/model_a").found.wildcard);
    try std.testing.expect(match.find(&table, "GET", "/v1/models/a/b") == .not_found);
    try std.testing.expectEqualStrings("a", match.find(&table, "POST", "/v1/models/a/activate").found.wildcard);
    try std.testing.expect(match.find(&table, "POST", "/v1/models//activate") == .not_found);
    try std.testing.expectEqualStrings(
        "GET, HEAD, PUT",
        match.find(&table, "DELETE", "/v1/models/a").method_not_allowed,
    );
    try std.testing.expectEqualStrings("POST, DELETE", match.find(&table, "GET", "/v1/claim").method_not_allowed);
    try std.testing.expect(match.find(&table, "GET", "/v1/device/") == .not_found);
    try std.testing.expectEqualStrings("POST", match.find(&table, "GET", "/v1/encode").method_not_allowed);
    try std.testing.expectEqualStrings("GET, HEAD", match.find(&table, "DELETE", "/").method_not_allowed);
}
