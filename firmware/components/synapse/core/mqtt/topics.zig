//! The names of topics, and what the topic of an incoming message says.
//!
//!   synapse/{device}/status                      retained; the last will says offline
//!   synapse/{device}/telemetry
//!   synapse/{device}/event/{surprise|boot|model|ota}
//!   synapse/{device}/cmd/{command}[/{slot}][/{id}[?{options}]]
//!   synapse/{device}/cmd/cancel/{id}             takes a command back; its own id, or its Response Topic and
//!                                                Correlation Data, say which
//!   synapse/{device}/res[/{id}]                  answers to commands without a Response Topic
//!   synapse/group/{name}/cmd/...                 to every board of the group
const std = @import("std");
const limits = @import("../limits.zig");
const Bounded = @import("../wire/problem.zig").Bounded;

pub const root = "synapse/";
pub const Topic = Bounded(limits.mqtt_topic_bytes_max);
pub const DeviceId = Bounded(limits.mqtt_id_bytes_max);

/// A board's identity as a level of a topic: letters and digits, lower case; what else there is, such as the colons of
/// a MAC address, is left out.
pub fn deviceId(id: []const u8) DeviceId {
    var result: DeviceId = .{};
    for (id) |byte| if (std.ascii.isAlphanumeric(byte)) result.append(&.{std.ascii.toLower(byte)});
    if (result.len == 0) result.append("board");
    return result;
}

pub fn of(id: *const DeviceId, tail: []const u8) Topic {
    var topic: Topic = .{};
    topic.append(root);
    topic.append(id.slice());
    topic.append("/");
    topic.append(tail);
    return topic;
}

pub fn groupCommands(group: []const u8) Topic {
    var topic: Topic = .{};
    topic.append(root ++ "group/");
    topic.append(group);
    topic.append("/cmd/#");
    return topic;
}

/// What follows `cmd/`, or null when the topic is none of this board's: its own, or that of a group, which the broker
/// delivers to members only.
pub fn commandOf(topic: []const u8, id: *const DeviceId) ?[]const u8 {
    if (!std.mem.startsWith(u8, topic, root)) return null;
    var rest = topic[root.len..];
    if (std.mem.startsWith(u8, rest, "group/")) {
        const end = std.mem.indexOfScalarPos(u8, rest, "group/".len, '/') orelse return null;
        rest = rest[end + 1 ..];
    } else {
        if (!std.mem.startsWith(u8, rest, id.slice())) return null;
        rest = rest[id.len..];
        if (rest.len == 0 or rest[0] != '/') return null;
        rest = rest[1..];
    }
    return if (std.mem.startsWith(u8, rest, "cmd/")) rest["cmd/".len..] else null;
}

/// Whether answers may go there: a name without wildcards, and none under which boards take commands or say what they
/// are. Otherwise whoever may send a board commands could make it send some in its own name.
pub fn canAnswerTo(topic: []const u8) bool {
    if (topic.len == 0 or topic.len > limits.mqtt_topic_bytes_max or topic[0] == '$') return false;
    for (topic) |byte| if (byte < ' ' or byte == '+' or byte == '#') return false;
    if (!std.unicode.utf8ValidateSlice(topic)) return false;
    if (std.mem.startsWith(u8, topic, "homeassistant/")) return false;
    if (!std.mem.startsWith(u8, topic, root)) return true;
    // Below a group all is the group's, even one that is called res.
    if (std.mem.startsWith(u8, topic[root.len..], "group/")) return false;
    const second = std.mem.indexOfScalar(u8, topic[root.len..], '/') orelse return false;
    const tail = topic[root.len + second + 1 ..];
    return std.mem.eql(u8, tail, "res") or std.mem.startsWith(u8, tail, "res/");
}

test "identities are one level of a topic" {
    try std.testing.expectEqualStrings("0200000000fa", deviceId("02:00:00:00:00:FA").slice());
    try std.testing.expectEqualStrings("board", deviceId("+/#").slice());
}

test "commands are found under the board's topic and its groups'" {
    const id = deviceId("02:01");
    try std.testing.expectEqualStrings("encode", commandOf("synapse/0201/cmd/encode", &id).?);
    try std.testing.expectEqualStrings("encode/7", commandOf("synapse/group/hall/cmd/encode/7", &id).?);
    for ([_][]const u8{
        "",
        "synapse/",
        "synapse/0201",
        "synapse/02011/cmd/encode",
        "synapse/0201/status",
        "synapse/0201/cmd",
        "synapse/group/cmd/encode",
        "synapse/group/",
        "other/0201/cmd/encode",
    }) |topic| {
        try std.testing.expectEqual(@as(?[]const u8, null), commandOf(topic, &id));
    }
}

test "answers go to topics that nobody takes commands from" {
    for ([_][]const u8{
        "a",
        "clients/7/answers",
        "synapse/panel/res",
        "synapse/0201/res/9",
    }) |good| try std.testing.expect(canAnswerTo(good));
    for ([_][]const u8{
        "",
        "$SYS/x",
        "a/+",
        "a/#",
        "synapse/0201/cmd/reboot",
        "synapse/group/res/cmd/reboot",
        "synapse/group/res",
        "synapse/0201/status",
        "synapse/x",
        "homeassistant/device/x/config",
        "a\n",
        "a\xff",
    }) |bad| try std.testing.expect(!canAnswerTo(bad));
}
