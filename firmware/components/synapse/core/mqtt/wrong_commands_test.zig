//! Commands that are wrong: each is told what is wrong with it.
const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const fixtures = @import("fixture_test.zig");
const base = fixtures.base;
const contains = fixtures.contains;
const Fixture = fixtures.Fixture;
const repeat = fixtures.repeat;

const Case = struct {
    topic: []const u8,
    payload: []const u8 = "",
    content_type: []const u8 = "",
    response_topic: []const u8 = "",
    correlation: []const u8 = "",
    answer: []const u8,
    answered: []const u8 = base ++ "res",
};

const wrong = [_]Case{
    .{
        .topic = "cmd/fly",
        .answer = "{\"title\":\"Not Found\",\"status\":404,\"code\":\"UNKNOWN_COMMAND\",\"detail\":\"there is " ++
            "no such command\",\"field\":\"topic\",\"expected\":\"cmd/device, models, slot/{slot}, metrics, " ++
            "log, encode, predict, rollout, observe, plan, selftest, activate/{slot}, model, firmware, " ++
            "updates, stop_update, requests, stop_request/{id}, stop_strangers, settings, reboot\"}",
    },
    .{
        .topic = "cmd/cancelled/1",
        .response_topic = "panel/res",
        .answer = "\"code\":\"UNKNOWN_COMMAND\"",
        .answered = "panel/res",
    },
    .{ .topic = "cmd/activate", .answer = "\"code\":\"UNKNOWN_COMMAND\"" },
    .{ .topic = "cmd/activate/nowhere", .answer = "\"code\":\"SLOT_UNKNOWN\"" },
    .{ .topic = "cmd/activate/model_a", .answer = "\"code\":\"SLOT_ACTIVE\"" },
    .{
        .topic = "cmd/encode",
        .answer = "\"status\":415,\"code\":\"CONTENT_TYPE\",\"detail\":\"the route does not take this type of " ++
            "body\",\"field\":\"content-type\"",
    },
    .{ .topic = "cmd/encode", .payload = "x", .content_type = "text/plain", .answer = "\"code\":\"CONTENT_TYPE\"" },
    .{
        .topic = "cmd/predict",
        .payload = "{\"history\"",
        .answer = "\"code\":\"BODY_MALFORMED\",\"detail\":\"the body ends too early at byte 10 (JSON)\"",
    },
    .{ .topic = "cmd/predict", .payload = "\xa1\x67history", .answer = "\"code\":\"BODY_MALFORMED\"" },
    .{ .topic = "cmd/encode/1?latent=wave", .payload = "\xff\xd8\xff", .answer = "\"code\":\"QUERY_INVALID\"" },
    .{
        .topic = "cmd/encode",
        .payload = "\xff\xd8\xff",
        .response_topic = "synapse/other/cmd/reboot",
        .answer = "\"status\":422,\"code\":\"RESPONSE_TOPIC\"",
    },
    // A group may be called so.
    .{
        .topic = "cmd/encode",
        .payload = "\xff\xd8\xff",
        .response_topic = "synapse/group/res/cmd/reboot",
        .answer = "\"code\":\"RESPONSE_TOPIC\"",
    },
    .{
        .topic = "cmd/encode",
        .payload = "\xff\xd8\xff",
        .response_topic = "all/#",
        .answer = "\"code\":\"RESPONSE_TOPIC\"",
    },
    .{
        .topic = "cmd/encode",
        .payload = "\xff\xd8\xff",
        .correlation = repeat("x", 65),
        .answer = "\"code\":\"CORRELATION_DATA\",\"detail\":\"the correlation data have 65 bytes\"",
    },
    .{ .topic = "cmd/settings", .payload = "{\"telemetry_s\":-1}", .answer = "\"code\":\"BODY_INVALID\"" },
};

test "what is wrong with a command is told exactly" {
    for (wrong) |case| {
        var fixture: Fixture = undefined;
        try fixture.start();
        defer fixture.stop();
        var topic: [96]u8 = undefined;
        fixture.host.forget();
        fixture.host.receive(.{
            .topic = .of(std.fmt.bufPrint(&topic, base ++ "{s}", .{case.topic}) catch unreachable),
            .content_type = .of(case.content_type),
            .response_topic = .of(case.response_topic),
            .correlation = .of(case.correlation),
        }, case.payload);
        try expectEqual(@as(usize, 1), fixture.host.published.items.len);
        const answer = &fixture.host.published.items[0];
        try expect(std.mem.startsWith(u8, answer.topic, case.answered));
        try expectEqualStrings("application/problem+json", answer.content_type);
        try contains(answer.payload, case.answer);
    }
}
