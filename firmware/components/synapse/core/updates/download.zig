//! Why a download ended or never began, and what a server's answer means: a stable code, words,
//! and whether another try may do.
const std = @import("std");
const Code = @import("../wire/code.zig").Code;

pub const Result = @import("../port.zig").FetchResult;

pub const Finding = struct {
    code: Code,
    words: []const u8,
    /// What failed now may work later.
    passing: bool = true,
};

/// Of a connection that ended before the file did. Results that a later port knows are connections that broke.
pub fn ofEnd(result: Result) Finding {
    return switch (result) {
        .whole, .broken, _ => .{ .code = .DOWNLOAD_BROKE, .words = "the download broke" },
        .name => .{ .code = .NAME_UNRESOLVED, .words = "the name of the server was not found (DNS)" },
        .refused => .{ .code = .CONNECTION_REFUSED, .words = "the server refused the connection" },
        .@"unreachable" => .{ .code = .SERVER_UNREACHABLE, .words = "there is no way to the server" },
        .timeout => .{ .code = .SERVER_SILENT, .words = "the server did not answer in time" },
        .tls => .{
            .code = .TLS_FAILED,
            .words = "no encrypted connection with the server came about (TLS)",
            .passing = false,
        },
        .certificate => .{
            .code = .CERTIFICATE_REFUSED,
            .words = "the server's certificate is not trusted, has expired, or is another server's",
            .passing = false,
        },
        .redirects => .{
            .code = .REDIRECT_LOOP,
            .words = "the server redirects in a circle, or too many times",
            .passing = false,
        },
        .scheme => .{
            .code = .REDIRECT_SCHEME,
            .words = "the server redirects to what is neither http:// nor https://",
            .passing = false,
        },
        .address => .{
            .code = .ADDRESS_INVALID,
            .words = "the address is none that can be fetched from",
            .passing = false,
        },
    };
}

/// Of a status that brings no file.
pub fn ofStatus(status: u32) Finding {
    return switch (status) {
        404, 410 => .{ .code = .FILE_NOT_FOUND, .words = "the server has no such file", .passing = false },
        401, 403, 407 => .{
            .code = .ACCESS_DENIED,
            .words = "the server does not give the file to this board",
            .passing = false,
        },
        408, 425, 429, 503 => .{ .code = .SERVER_BUSY, .words = "the server is busy" },
        501, 505 => .{ .code = .SERVER_REFUSED, .words = "the server does not do this", .passing = false },
        500, 502, 504, 506...599 => .{ .code = .SERVER_ERROR, .words = "the server has failed" },
        else => .{ .code = .SERVER_REFUSED, .words = "the server sends no file", .passing = false },
    };
}

/// Whether a content type is that of a web page.
pub fn isPageType(media_type: []const u8) bool {
    const name = std.mem.trim(u8, media_type[0 .. std.mem.indexOfScalar(u8, media_type, ';') orelse
        media_type.len], " ");
    return std.ascii.eqlIgnoreCase(name, "text/html") or std.ascii.eqlIgnoreCase(name, "application/xhtml+xml");
}

/// Whether what should be a pack or an image begins like a page, or another text in angle brackets.
pub fn looksLikePage(start: []const u8) bool {
    const text = if (std.mem.startsWith(u8, start, "\xef\xbb\xbf")) start[3..] else start;
    for (text) |byte| if (!std.ascii.isWhitespace(byte)) return byte == '<';
    return false;
}

test "pages are told by their type and by their first bytes" {
    for ([_][]const u8{
        "text/html",
        "Text/HTML; charset=utf-8",
        "application/xhtml+xml",
    }) |page| try std.testing.expect(isPageType(page));
    for ([_][]const u8{
        "",
        "application/octet-stream",
        "text/plain",
        "text/html2",
    }) |other| try std.testing.expect(!isPageType(other));
    for ([_][]const u8{
        "<!doctype html>",
        "\xef\xbb\xbf\r\n <html>",
        "<?xml",
    }) |page| try std.testing.expect(looksLikePage(page));
    for ([_][]const u8{ "", "  ", "\x89SYN", "\xe9", "404 <b>" }) |other| try std.testing.expect(!looksLikePage(other));
}

test "every status but those of a file has a code, and only what may pass is tried again" {
    inline for (.{
        .{ 404, "FILE_NOT_FOUND", false },
        .{ 403, "ACCESS_DENIED", false },
        .{ 302, "SERVER_REFUSED", false },
        .{ 416, "SERVER_REFUSED", false },
        .{ 429, "SERVER_BUSY", true },
        .{ 500, "SERVER_ERROR", true },
        .{ 505, "SERVER_REFUSED", false },
        .{ 999, "SERVER_REFUSED", false },
    }) |case| {
        const finding = ofStatus(case[0]);
        try std.testing.expectEqualStrings(case[1], @tagName(finding.code));
        try std.testing.expectEqual(case[2], finding.passing);
    }
}
