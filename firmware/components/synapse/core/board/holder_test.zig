//! What whoever holds the board in their hands may ask of it, over the C functions for that.
const std = @import("std");
const abi = @import("../abi.zig");
const Board = @import("../test_board.zig").Board;
const ports = abi.ports;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

var board: Board = undefined;

test "who holds the board says how to join the Wi-Fi, whoever owns it" {
    try board.startUnclaimed();
    defer board.stop();
    const core = board.host.core;
    const set = abi.synapse_device_set_wifi;
    try expectEqual(ports.Result.ok, set(core, .of("home \u{1f3e0}"), .of("secret")));
    try expectEqualStrings("home \u{1f3e0}", abi.synapse_device_get_setting(core, .of("wifi_ssid")).slice());
    try expectEqualStrings("secret", abi.synapse_device_get_setting(core, .of("wifi_password")).slice());
    for ([_][]const u8{ "", &@as([33]u8, @splat('a')), "a\nb", "\xff" }) |bad| {
        try expectEqual(ports.Result.argument, set(core, .of(bad), .of("secret")));
    }
    try expectEqual(ports.Result.argument, set(core, .of("home"), .of(&@as([65]u8, @splat('a')))));
    try expectEqualStrings("secret", abi.synapse_device_get_setting(core, .of("wifi_password")).slice());
    // An open network.
    try expectEqual(ports.Result.ok, set(core, .of("cafe"), .{}));
    try expectEqualStrings("", abi.synapse_device_get_setting(core, .of("wifi_password")).slice());
}

test "the board says what it calls itself and whether it has an owner" {
    try board.startUnclaimed();
    defer board.stop();
    var identity: ports.Identity = .{};
    try expectEqual(ports.Result.ok, abi.synapse_device_get_identity(board.host.core, &identity));
    try expectEqual(ports.Flag.no, identity.claimed);
    try std.testing.expect(identity.model.bytes > 0 and identity.name.bytes > 0);
    try board.host.claim();
    try expectEqual(ports.Result.ok, abi.synapse_device_get_identity(board.host.core, &identity));
    try expectEqual(ports.Flag.yes, identity.claimed);
    identity.size = 4;
    try expectEqual(ports.Result.argument, abi.synapse_device_get_identity(board.host.core, &identity));
}
