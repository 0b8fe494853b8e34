//! A file that is part of the firmware, served whole: compressed by the build, plain for clients without gzip, known by its etag.
const std = @import("std");
const Answer = @import("../answer.zig").Answer;
const Request = @import("../routes.zig").Request;
const http = @import("../http.zig");

pub const Asset = struct {
    content_type: []const u8,
    plain: []const u8,
    compressed: []const u8,
    /// Changes whenever the file does.
    etag: []const u8,

    pub fn init(comptime content_type: []const u8, comptime plain: []const u8, comptime compressed: []const u8) Asset {
        @setEvalBranchQuota(10_000_000);
        const etag = std.fmt.comptimePrint("\"{x:0>16}\"", .{std.hash.Fnv1a_64.hash(plain)});
        return .{ .content_type = content_type, .plain = plain, .compressed = compressed, .etag = etag };
    }

    pub fn send(comptime asset: Asset, request: Request, answer: *Answer, comptime extra: []const [2][]const u8) void {
        const always = [_][2][]const u8{
            .{ "etag", asset.etag },
            .{ "cache-control", "no-cache" },
            .{ "vary", "accept-encoding" },
        } ++ extra[0..extra.len].*;
        if (http.header(request.headers, "if-none-match")) |known| {
            if (std.mem.indexOf(u8, known, asset.etag) != null) {
                answer.head(304, asset.content_type, &always);
                return answer.end();
            }
        }
        if (http.acceptsGzip(http.header(request.headers, "accept-encoding"))) {
            answer.head(200, asset.content_type, &(always ++ [_][2][]const u8{.{ "content-encoding", "gzip" }}));
            answer.raw(asset.compressed);
        } else {
            answer.head(200, asset.content_type, &always);
            answer.raw(asset.plain);
        }
        answer.end();
    }
};
