//! Commands that came already. A broker that did not see an acknowledgement sends a message of QoS 1 again;
//! the board runs it once.
const std = @import("std");
const limits = @import("../limits.zig");
const MqttMessage = @import("../port.zig").MqttMessage;
const SipHash = std.crypto.auth.siphash.SipHash128(1, 3);

pub const Duplicates = struct {
    /// Drawn at start, so that nobody can make two commands look the same.
    key: [SipHash.key_length]u8 = @splat(0),
    seen: [limits.mqtt_duplicates_max][16]u8 = @splat(@splat(0)),
    count: u64 = 0,

    /// Whether the command came before. It is remembered in either case. Two messages are the same command when they go
    /// to the same topic and carry the same Correlation Data and Response Topic, or the same id in the topic; a message
    /// with neither is the same as another only if the broker says that it is sent again.
    pub fn check(self: *Duplicates, message: *const MqttMessage, has_id: bool) bool {
        const correlation = message.correlation.slice();
        const named = has_id or correlation.len > 0;
        var hasher: SipHash = .init(&self.key);
        for ([_][]const u8{ message.topic.slice(), message.response_topic.slice(), correlation }) |part| {
            hasher.update(&std.mem.toBytes(@as(u64, part.len)));
            hasher.update(part);
        }
        if (!named) {
            hasher.update(&std.mem.toBytes(message.packet_id));
            hasher.update(&std.mem.toBytes(message.total_bytes));
        }
        var identity: [16]u8 = undefined;
        hasher.final(&identity);
        const kept = self.seen[0..@intCast(@min(self.count, self.seen.len))];
        if (named or message.duplicate.is()) for (kept) |*entry| {
            if (std.mem.eql(u8, entry, &identity)) return true;
        };
        if (named or message.qos > 0) {
            self.seen[@intCast(self.count % self.seen.len)] = identity;
            self.count += 1;
        }
        return false;
    }
};

test "a command runs once, another one runs" {
    var duplicates: Duplicates = .{};
    var message: MqttMessage = .{
        .qos = 1,
        .packet_id = 7,
        .topic = .of("synapse/a/cmd/encode"),
        .correlation = .of("1"),
    };
    try std.testing.expect(!duplicates.check(&message, false));
    message.packet_id = 8;
    try std.testing.expect(duplicates.check(&message, false));
    message.correlation = .of("2");
    try std.testing.expect(!duplicates.check(&message, false));
    message.response_topic = .of("elsewhere");
    try std.testing.expect(!duplicates.check(&message, false));
}

test "without correlation data only what is marked as sent again is a duplicate" {
    var duplicates: Duplicates = .{};
    var message: MqttMessage = .{ .qos = 1, .packet_id = 7, .topic = .of("synapse/a/cmd/reboot") };
    try std.testing.expect(!duplicates.check(&message, false));
    try std.testing.expect(!duplicates.check(&message, false));
    message.duplicate = .yes;
    try std.testing.expect(duplicates.check(&message, false));
    message.packet_id = 8;
    try std.testing.expect(!duplicates.check(&message, false));
}

test "what is older than the memory is forgotten" {
    var duplicates: Duplicates = .{};
    var text: [8]u8 = undefined;
    for (0..limits.mqtt_duplicates_max + 1) |i| {
        const correlation = std.fmt.bufPrint(&text, "{d}", .{i}) catch unreachable;
        try std.testing.expect(!duplicates.check(&.{ .topic = .of("t"), .correlation = .of(correlation) }, false));
    }
    try std.testing.expect(!duplicates.check(&.{ .topic = .of("t"), .correlation = .of("0") }, false));
    try std.testing.expect(duplicates.check(&.{ .topic = .of("t"), .correlation = .of("9") }, false));
}
