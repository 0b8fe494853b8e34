//! Pictures as clients send them: as a whole body, in a form, in an object;
//! and what is refused before anybody decodes it.
const std = @import("std");
const limits = @import("../limits.zig");
const hosts = @import("../test_host.zig");
const Host = hosts.Host;

const jpeg = "\xff\xd8\xff\xe0 a picture, as far as the core can tell";
const png = "\x89PNG\r\n\x1a\n and the rest";
const pixels: [hosts.image_bytes]u8 = @splat(77);

/// A head with 1 x 1,000,000 and one with 8192 x 6104 pixels.
const long_png = "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x0f\x42\x40\x08\x02\x00\x00\x00";
const large_jpeg = "\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x17\xd8\x20\x00\x03";

fn form(comptime media_type: []const u8, comptime file: []const u8) []const u8 {
    const disposition = "Content-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n";
    const content_type = if (media_type.len == 0) "" else "Content-Type: " ++ media_type ++ "\r\n";
    return "--b-1\r\n" ++ disposition ++ content_type ++ "\r\n" ++ file ++ "\r\n--b-1--\r\n";
}
const form_type = "multipart/form-data; boundary=\"b-1\"";

test "a picture in every form, by every name of its type" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    for ([_][2][]const u8{
        .{ "image/jpeg", jpeg },
        .{ "image/jpg", jpeg },
        .{ "IMAGE/JPG; charset=binary", jpeg },
        .{ "image/png", png },
        .{ form_type, form("image/jpeg", jpeg) },
        .{ form_type, form("image/jpg", jpeg) },
        .{ form_type, form("image/png; x=y", png) },
        // The client does not know what it sends.
        .{ form_type, form("application/octet-stream", jpeg) },
        .{ form_type, form("", png) },
        .{ form_type, form("application/octet-stream", &pixels) },
        .{ "application/json", "{\"type\":\"image/jpg\",\"image\":\"/9j/4AAQ\"}" },
    }) |case| {
        errdefer std.debug.print("{s}: {s}\n", .{ case[0], case[1] });
        const reply = host.send("POST", "/v1/encode", case[0], "", case[1]);
        errdefer std.debug.print("{s}\n", .{reply.body.items});
        try std.testing.expectEqual(@as(u32, 200), reply.status);
    }
    // The same, at a target in absolute form.
    try std.testing.expectEqual(
        @as(u32, 200),
        host.send("POST", "http://board:8080/v1/encode?latent=base64", form_type, "", form("image/jpeg", jpeg)).status,
    );
}

const Case = struct {
    target: []const u8 = "/v1/encode",
    content_type: []const u8 = form_type,
    body: []const u8,
    status: u32 = 422,
    code: []const u8,
    field: []const u8,
};

/// 32 zeros in base64.
const latent = latent: {
    const zeros: [170]u8 = @splat('A');
    break :latent "\"" ++ zeros ++ "A=\"";
};

const wrong_forms = [_]Case{
    .{
        .content_type = "multipart/form-data",
        .body = form("image/jpeg", jpeg),
        .status = 400,
        .code = "BODY_MALFORMED",
        .field = "content-type",
    },
    .{
        .content_type = "multipart/form-data; boundary=\"",
        .body = form("image/jpeg", jpeg),
        .status = 400,
        .code = "BODY_MALFORMED",
        .field = "content-type",
    },
    .{
        .content_type = "multipart/form-data; boundary=other",
        .body = form("image/jpeg", jpeg),
        .status = 400,
        .code = "BODY_MALFORMED",
        .field = "form",
    },
    .{ .body = "", .status = 400, .code = "BODY_MALFORMED", .field = "form" },
    .{ .body = "--b-1--", .code = "BODY_INVALID", .field = "form" },
    .{ .body = form("image/jpeg", ""), .code = "BODY_INVALID", .field = "form" },
    .{ .body = form("image/gif", "GIF89a"), .code = "IMAGE_TYPE", .field = "form" },
    .{ .body = form("application/json", "{}"), .code = "IMAGE_TYPE", .field = "form" },
    .{ .body = form(form_type, "{}"), .code = "IMAGE_TYPE", .field = "form" },
    .{ .body = form("image/png", jpeg), .code = "IMAGE_UNREADABLE", .field = "form" },
    .{ .body = form("application/octet-stream", "short"), .code = "IMAGE_SIZE", .field = "form" },
    .{
        .content_type = "application/json",
        .body = "{\"image\":\"/9j/\",\"type\":\"multipart/form-data\"}",
        .code = "IMAGE_TYPE",
        .field = "type",
    },
    // Only this route takes forms.
    .{
        .target = "/v1/predict",
        .body = form("image/jpeg", jpeg),
        .status = 415,
        .code = "CONTENT_TYPE",
        .field = "content-type",
    },
};

fn expectRefused(host: *Host, case: Case) !void {
    errdefer std.debug.print("{s} {s}: {s}\n", .{ case.target, case.content_type, case.body });
    const reply = host.send("POST", case.target, case.content_type, "", case.body);
    errdefer std.debug.print("{d} {s}\n", .{ reply.status, reply.body.items });
    try std.testing.expectEqual(case.status, reply.status);
    const problem = try std.json.parseFromSlice(std.json.Value, std.testing.allocator, reply.body.items, .{});
    defer problem.deinit();
    try std.testing.expectEqualStrings(case.code, problem.value.object.get("code").?.string);
    try std.testing.expectEqualStrings(
        case.field,
        if (problem.value.object.get("field")) |field| field.string else "",
    );
    try std.testing.expect(problem.value.object.get("expected").?.string.len > 0);
}

test "pictures that are none, or too large, or not alone" {
    var host: Host = undefined;
    try host.startWithModel();
    defer host.stop();
    // Whatever reaches the decoder waits there for ever.
    host.decode_now = false;
    var encoded: [64]u8 = undefined;
    const base64 = std.base64.standard.Encoder.encode(&encoded, long_png);
    var bodies: [3][512]u8 = undefined;
    const object = try std.fmt.bufPrint(&bodies[0], "{{\"image\":\"{s}\",\"type\":\"image/png\"}}", .{base64});
    const observed = try std.fmt.bufPrint(
        &bodies[1],
        "{{\"stream\":\"a\",\"image\":\"{s}\",\"type\":\"image/png\"}}",
        .{base64},
    );
    const goal = try std.fmt.bufPrint(
        &bodies[2],
        "{{\"goal\":{{\"image\":\"{s}\",\"type\":\"image/png\"}},\"start\":{{\"latent\":{s}}}}}",
        .{ base64, latent },
    );
    for ([_]Case{
        .{ .content_type = "image/png", .body = long_png, .code = "IMAGE_TOO_LARGE", .field = "" },
        .{ .content_type = "image/jpeg", .body = large_jpeg, .code = "IMAGE_TOO_LARGE", .field = "" },
        .{ .body = form("image/png", long_png), .code = "IMAGE_TOO_LARGE", .field = "form" },
        .{ .content_type = "application/json", .body = object, .code = "IMAGE_TOO_LARGE", .field = "image" },
        .{
            .target = "/v1/observe",
            .content_type = "application/json",
            .body = observed,
            .code = "IMAGE_TOO_LARGE",
            .field = "image",
        },
        .{
            .target = "/v1/plan",
            .content_type = "application/json",
            .body = goal,
            .code = "IMAGE_TOO_LARGE",
            .field = "goal.image",
        },
    }) |case| try expectRefused(&host, case);
    for (wrong_forms) |case| try expectRefused(&host, case);
    try std.testing.expectEqual(@as(u32, 0), host.device.inProgress());
    // What is just not too large is decoded.
    var within = long_png.*;
    std.mem.writeInt(u32, within[20..24], limits.image_side_max, .big);
    _ = host.send("POST", "/v1/encode", "image/png", "", &within);
    try std.testing.expectEqual(@as(u32, 1), host.device.inProgress());
}
