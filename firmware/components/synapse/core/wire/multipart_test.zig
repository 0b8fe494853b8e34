//! Forms as clients send them, and as they should not.
const std = @import("std");
const multipart = @import("multipart.zig");
const Problem = @import("problem.zig").Problem;
const expectEqualStrings = std.testing.expectEqualStrings;

fn repeated(comptime count: usize) [count]u8 {
    return @splat('b');
}

test "boundaries" {
    for ([_][2][]const u8{
        .{ "multipart/form-data; boundary=B", "B" },
        .{
            "multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        },
        .{ "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a; b=c\"", "a; b=c" },
        .{ "multipart/form-data; x; boundary=\"'()+_,-./:=?\" ; y=z", "'()+_,-./:=?" },
        .{ "multipart/form-data; boundary=" ++ &repeated(70), &repeated(70) },
    }) |case| try expectEqualStrings(case[1], multipart.boundaryOf(case[0]).?);
    for ([_][]const u8{
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"open",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a\x01",
        "multipart/form-data; boundary=" ++ &repeated(71),
        "multipart/form-data; xboundary=B; b=oundary",
        "multipart/form-data; a=\"; boundary=B\"",
    }) |bad| try std.testing.expectEqual(@as(?[]const u8, null), multipart.boundaryOf(bad));
}

const curl = "--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"cat.jpg\"\r\n" ++
    "Content-Type: image/jpeg\r\n\r\nabc\r\n--B--\r\n";

test "one file, with whatever may be around it" {
    for ([_]struct { body: []const u8, bytes: []const u8 = "abc", media_type: []const u8 = "image/jpeg" }{
        .{ .body = curl },
        .{ .body = "a preamble\r\n" ++ curl ++ "an epilogue\r\n--B\r\n" },
        .{
            .body = "--B \t\r\ncontent-type: IMAGE/png; x=y\r\nCONTENT-DISPOSITION: form-data; " ++
                "filename*=UTF-8''a.png\r\n\r\n\r\n--A\r\n--\r\n\r\n--B--",
            .bytes = "\r\n--A\r\n--\r\n",
            .media_type = "IMAGE/png",
        },
        .{
            .body = "--B\r\nContent-Disposition: form-data; name=\"a\\\"b\"; filename=\"a;b\"\r\n\r\nabc\r\n--B--",
            .media_type = "",
        },
        .{
            .body = "--B\r\nContent-Disposition: form-data; filename=a\r\nContent-Transfer-Encoding: binary\r\n\r\n" ++
                "\r\n\r\n--B--",
            .bytes = "\r\n",
            .media_type = "",
        },
    }) |case| {
        var problem: Problem = .{};
        errdefer std.debug.print("{s}: {s}\n", .{ case.body, problem.detail.slice() });
        const file = try multipart.file(case.body, "B", &problem);
        try expectEqualStrings(case.bytes, file.bytes);
        try expectEqualStrings(case.media_type, file.media_type);
    }
}

const head = "--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"cat.jpg\"\r\n\r\n";
const text_part = "--B\r\nContent-Disposition: form-data; name=\"latent\"\r\n\r\nbase64\r\n";

test "every other form is refused with its reason" {
    for ([_]struct { body: []const u8, code: []const u8, says: []const u8 }{
        .{ .body = "", .code = "BODY_MALFORMED", .says = "the boundary is not in the body" },
        .{ .body = "\r\n--A\r\n--C", .code = "BODY_MALFORMED", .says = "the boundary is not in the body" },
        .{ .body = "x--B--", .code = "BODY_MALFORMED", .says = "the boundary is not in the body" },
        .{ .body = "--B--\r\n", .code = "BODY_INVALID", .says = "the form has no file" },
        .{ .body = "--Bx\r\n\r\n\r\n--B--", .code = "BODY_MALFORMED", .says = "a boundary's line goes on" },
        .{ .body = "--B", .code = "BODY_MALFORMED", .says = "the form ends before its last boundary" },
        .{ .body = head ++ "abc", .code = "BODY_MALFORMED", .says = "the form ends before its last boundary" },
        .{ .body = head ++ "abc\r\n--B", .code = "BODY_MALFORMED", .says = "the form ends before its last boundary" },
        .{ .body = head ++ "abc\n--B--", .code = "BODY_MALFORMED", .says = "the form ends before its last boundary" },
        .{
            .body = head[0 .. head.len - 2] ++ "abc\r\n--B--",
            .code = "BODY_MALFORMED",
            .says = "a part's head has no end",
        },
        .{
            .body = "--B\r\n" ++ &@as([4200]u8, @splat('x')) ++ head[5..] ++ "abc\r\n--B--",
            .code = "BODY_MALFORMED",
            .says = "a part's head has no end",
        },
        .{ .body = "--B\r\n\r\nabc\r\n--B--", .code = "BODY_MALFORMED", .says = "a part has no content-disposition" },
        .{
            .body = "--B\r\nContent-Disposition: attachment; filename=a\r\n\r\nabc\r\n--B--",
            .code = "BODY_MALFORMED",
            .says = "a part is no form-data",
        },
        .{ .body = head ++ "\r\n--B--", .code = "BODY_INVALID", .says = "the form's file is empty" },
        .{ .body = head ++ "--B--", .code = "BODY_INVALID", .says = "the form's file is empty" },
        .{ .body = head ++ "abc\r\n" ++ head ++ "abc\r\n--B--", .code = "BODY_INVALID", .says = "more than one part" },
        .{ .body = text_part ++ "--B--", .code = "BODY_INVALID", .says = "a field that is no file" },
        .{ .body = text_part ++ head ++ "abc\r\n--B--", .code = "BODY_INVALID", .says = "more than one part" },
        .{
            .body = "--B\r\nContent-Disposition: form-data; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\n" ++
                "abc\r\n--B--",
            .code = "BODY_INVALID",
            .says = "encoded for transfer",
        },
    }) |case| {
        var problem: Problem = .{};
        errdefer std.debug.print("{s}: {s}\n", .{ case.body, problem.detail.slice() });
        try std.testing.expectError(error.Problem, multipart.file(case.body, "B", &problem));
        try expectEqualStrings(case.code, @tagName(problem.code));
        try std.testing.expect(std.mem.indexOf(u8, problem.detail.slice(), case.says) != null);
    }
}

test "a form that is cut anywhere is none, and mutated ones stay within their bytes" {
    var problem: Problem = .{};
    for (0..curl.len - 4) |cut| try std.testing.expectError(error.Problem, multipart.file(curl[0..cut], "B", &problem));
    var source: std.Random.DefaultPrng = .init(std.testing.random_seed);
    const random = source.random();
    var buffer: [2 * curl.len]u8 = undefined;
    for (0..20_000) |_| {
        var len = curl.len;
        @memcpy(buffer[0..len], curl);
        for (0..1 + random.uintLessThan(usize, 4)) |_| {
            const at = random.uintLessThan(usize, len);
            switch (random.uintLessThan(u8, 3)) {
                0 => buffer[at] = "\r\n-B;:=\" "[random.uintLessThan(usize, 9)],
                1 => len = at + 1,
                else => {
                    const n = @min(len - at, buffer.len - len);
                    @memmove(buffer[at + n ..][0 .. len - at], buffer[at..len]);
                    len += n;
                },
            }
        }
        const file = multipart.file(buffer[0..len], "B", &problem) catch continue;
        try std.testing.expect(file.bytes.len > 0 and file.bytes.len < len);
    }
}
