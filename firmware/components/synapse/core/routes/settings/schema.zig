//! The settings that clients read and write, by the names under which they are kept.
const std = @import("std");
const limits = @import("../../limits.zig");

pub const Kind = union(enum) {
    /// At most this many bytes of printable UTF-8. An empty one removes the setting.
    text: u32,
    /// As text, and the address of a broker. A user and a password in it become settings of their own.
    url: u32,
    /// As text, never shown.
    secret: u32,
    flag,
    /// Kept as decimal digits. Null, and no setting, is what the board does by itself.
    number: struct { most: u64 },
    /// Kept as lines.
    list: struct {
        entries_max: u32,
        entry_bytes_max: u32,
        valid: *const fn (entry: []const u8) bool,
        expected: []const u8,
    },
};

pub const Setting = struct { key: []const u8, kind: Kind };

pub const table = [_]Setting{
    .{ .key = "name", .kind = .{ .text = limits.device_name_bytes_max } },
    .{
        .key = "groups",
        .kind = .{ .list = .{
            .entries_max = limits.groups_max,
            .entry_bytes_max = limits.group_bytes_max,
            .valid = isGroup,
            .expected = "1 to 32 letters, digits, dots, dashes and underscores",
        } },
    },
    .{ .key = "open_read", .kind = .flag },
    .{ .key = "open_inference", .kind = .flag },
    .{ .key = "open_predictions_max", .kind = .{ .number = .{ .most = limits.plan_predictions_max } } },
    .{
        .key = "origins",
        .kind = .{ .list = .{
            .entries_max = limits.origins_max,
            .entry_bytes_max = limits.origin_bytes_max,
            .valid = isOrigin,
            .expected = "http:// or https://, a host, maybe a port, nothing else",
        } },
    },
    .{ .key = "wifi_ssid", .kind = .{ .text = limits.wifi_ssid_bytes_max } },
    .{ .key = "wifi_password", .kind = .{ .secret = limits.wifi_password_bytes_max } },
    .{ .key = "broker_url", .kind = .{ .url = 128 } },
    .{ .key = "broker_username", .kind = .{ .text = limits.broker_username_bytes_max } },
    .{ .key = "broker_password", .kind = .{ .secret = limits.broker_password_bytes_max } },
    .{ .key = "telemetry_s", .kind = .{ .number = .{ .most = limits.telemetry_s_max } } },
    .{ .key = "home_assistant", .kind = .flag },
    .{ .key = "model_gmac_max", .kind = .{ .number = .{ .most = limits.model_gmac_max_most } } },
};

pub const keys = names: {
    var result: [table.len][]const u8 = undefined;
    for (&result, table) |*key, setting| key.* = setting.key;
    break :names result;
};

pub fn isPrintable(text: []const u8) bool {
    const view = std.unicode.Utf8View.init(text) catch return false;
    var characters = view.iterator();
    while (characters.nextCodepoint()) |character| switch (character) {
        0...0x1f, 0x7f...0x9f => return false,
        else => {},
    };
    return true;
}

fn isGroup(text: []const u8) bool {
    for (text) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.indexOfScalar(u8, "._-", byte) == null) return false;
    }
    return text.len > 0;
}

fn isOrigin(text: []const u8) bool {
    const rest = for ([_][]const u8{ "http://", "https://" }) |scheme| {
        if (std.mem.startsWith(u8, text, scheme)) break text[scheme.len..];
    } else return false;
    const colon = std.mem.indexOfScalar(u8, rest, ':');
    if (colon) |at| {
        const port = rest[at + 1 ..];
        if (port.len < 1 or port.len > 5) return false;
        for (port) |byte| if (!std.ascii.isDigit(byte)) return false;
    }
    const host = rest[0 .. colon orelse rest.len];
    for (host) |byte| if (!std.ascii.isAlphanumeric(byte) and byte != '.' and byte != '-') return false;
    return host.len > 0;
}

test "text has no control characters and is UTF-8" {
    for ([_][]const u8{ "", "Küche 2", "日本", "\u{a0}" }) |good| try std.testing.expect(isPrintable(good));
    for ([_][]const u8{ "a\n", "\x7f", "\u{9a}", "\xff", "\xc3" }) |bad| try std.testing.expect(!isPrintable(bad));
}

test "an origin is a scheme and a host, and never everything" {
    for ([_][]const u8{
        "http://a",
        "https://panel.example.com:8443",
        "http://192.168.1.5",
    }) |good| try std.testing.expect(isOrigin(good));
    for ([_][]const u8{
        "",
        "*",
        "null",
        "http://",
        "http://a/",
        "ftp://a",
        "http://a\nhttp://b",
        "http://a b",
        "http://a:",
        "http://a:b",
        "http://:80",
    }) |bad| try std.testing.expect(!isOrigin(bad));
}
