//! What the core reads of a request's head: target, query, media types.
const std = @import("std");
const Header = @import("../port.zig").Header;

/// A header's value, or null. Of repeated headers the first counts.
pub fn header(headers: []const Header, comptime lower_name: []const u8) ?[]const u8 {
    for (headers) |candidate| {
        if (std.ascii.eqlIgnoreCase(
            candidate.name.slice(),
            lower_name,
        )) return std.mem.trim(u8, candidate.value.slice(), " \t");
    }
    return null;
}

pub const Target = struct {
    /// Where a target in absolute form (RFC 9112 section 3.2.2) says that the resource is: a host, maybe a port. It
    /// counts instead of the Host header.
    authority: ?[]const u8 = null,
    path: []const u8,
    query: []const u8,

    pub fn parse(target: []const u8) Target {
        const without_fragment = target[0 .. std.mem.indexOfScalar(u8, target, '#') orelse target.len];
        const scheme_bytes = for ([_][]const u8{ "http://", "https://" }) |scheme| {
            if (std.ascii.startsWithIgnoreCase(without_fragment, scheme)) break scheme.len;
        } else return .ofOrigin(null, without_fragment);
        const rest = without_fragment[scheme_bytes..];
        const authority_end = std.mem.indexOfAny(u8, rest, "/?") orelse rest.len;
        return .ofOrigin(rest[0..authority_end], rest[authority_end..]);
    }

    fn ofOrigin(authority: ?[]const u8, path_and_query: []const u8) Target {
        const mark = std.mem.indexOfScalar(u8, path_and_query, '?') orelse path_and_query.len;
        const path = path_and_query[0..mark];
        return .{
            .authority = authority,
            // An absolute target without a path means the root.
            .path = if (path.len == 0 and authority != null) "/" else path,
            .query = path_and_query[@min(mark + 1, path_and_query.len)..],
        };
    }

    /// A query parameter's raw value; the values that routes know need no percent-decoding.
    pub fn parameter(target: Target, wanted: []const u8) ?[]const u8 {
        var pairs = std.mem.splitScalar(u8, target.query, '&');
        while (pairs.next()) |pair| {
            const equals = std.mem.indexOfScalar(u8, pair, '=') orelse pair.len;
            if (std.mem.eql(u8, pair[0..equals], wanted)) return if (equals == pair.len) "" else pair[equals + 1 ..];
        }
        return null;
    }
};

/// Which bytes of a whole a body brings: RFC 9110 section 14.4.
pub const ContentRange = struct {
    first: u64,
    last: u64,
    total: u64,

    pub fn parse(value: []const u8) ?ContentRange {
        if (value.len < 6 or !std.ascii.eqlIgnoreCase(value[0..6], "bytes ")) return null;
        const slash = std.mem.indexOfScalar(u8, value, '/') orelse return null;
        const dash = std.mem.indexOfScalar(u8, value[0..slash], '-') orelse return null;
        const range: ContentRange = .{
            .first = decimal(value[6..dash]) orelse return null,
            .last = decimal(value[dash + 1 .. slash]) orelse return null,
            .total = decimal(value[slash + 1 ..]) orelse return null,
        };
        return if (range.first <= range.last and range.last < range.total) range else null;
    }
};

/// Whether an origin (RFC 6454) is a page at an address that only a local network gives out: a number, a single word,
/// or a name below one of the domains that no registry has. Anybody may let a name of theirs lead to a board.
pub fn isLocalOrigin(origin: []const u8) bool {
    const scheme = std.mem.indexOf(u8, origin, "://") orelse return false;
    return isLocalHost(origin[scheme + 3 ..]);
}

/// The same of a host, maybe with a port.
pub fn isLocalHost(authority: []const u8) bool {
    if (std.mem.startsWith(u8, authority, "[")) return true;
    const host = hostName(authority);
    if (host.len == 0) return false;
    if (std.mem.indexOfNone(u8, host, "0123456789.") == null) return true;
    if (std.mem.indexOfScalar(u8, host, '.') == null) return true;
    for ([_][]const u8{ ".local", ".localhost", ".lan", ".internal", ".home.arpa" }) |domain| {
        if (std.ascii.endsWithIgnoreCase(host, domain)) return true;
    }
    return false;
}

/// Without its port.
pub fn hostName(authority: []const u8) []const u8 {
    if (std.mem.startsWith(u8, authority, "[")) return authority[0 .. (std.mem.indexOfScalar(u8, authority, ']') orelse
        authority.len - 1) + 1];
    return authority[0 .. std.mem.indexOfScalar(u8, authority, ':') orelse authority.len];
}

/// A number of 1 to 15 decimal digits.
pub fn decimal(text: []const u8) ?u64 {
    if (text.len == 0 or text.len > 15) return null;
    for (text) |byte| if (!std.ascii.isDigit(byte)) return null;
    return std.fmt.parseInt(u64, text, 10) catch unreachable;
}

/// The media type without its parameters.
pub fn mediaType(value: []const u8) []const u8 {
    const semicolon = std.mem.indexOfScalar(u8, value, ';') orelse value.len;
    return std.mem.trim(u8, value[0..semicolon], " \t");
}

/// The index of the offered type that an Accept header prefers, or null when it refuses them all. Without a header, the
/// first. An offer's own parameters do not matter. RFC 9110 section 12.5.1: the most specific range decides a type's
/// quality; equal quality goes to the earlier offer.
pub fn negotiate(accept: ?[]const u8, offers: []const []const u8) ?usize {
    const value = accept orelse return 0;
    if (value.len == 0) return 0;
    var best: ?usize = null;
    var best_quality: u32 = 0;
    for (offers, 0..) |offer, index| {
        const quality = qualityOf(value, mediaType(offer));
        if (quality > best_quality) {
            best = index;
            best_quality = quality;
        }
    }
    return best;
}

/// Thousandths.
fn qualityOf(accept: []const u8, offer: []const u8) u32 {
    var specificity: u32 = 0;
    var quality: u32 = 0;
    var ranges = std.mem.splitScalar(u8, accept, ',');
    while (ranges.next()) |range_text| {
        const range = mediaType(range_text);
        const slash = std.mem.indexOfScalar(u8, offer, '/') orelse offer.len;
        const matched: u32 = if (std.ascii.eqlIgnoreCase(range, offer))
            3
        else if (range.len == slash + 2 and std.mem.endsWith(u8, range, "/*") and std.ascii.eqlIgnoreCase(
            range[0..slash],
            offer[0..slash],
        ))
            2
        else if (std.mem.eql(u8, range, "*/*") or std.mem.eql(u8, range, "*"))
            1
        else
            0;
        if (matched > specificity) {
            specificity = matched;
            quality = weight(range_text);
        }
    }
    return quality;
}

fn weight(range: []const u8) u32 {
    var parameters = std.mem.splitScalar(u8, range, ';');
    _ = parameters.next();
    while (parameters.next()) |parameter_text| {
        const parameter = std.mem.trim(u8, parameter_text, " \t");
        if (parameter.len < 3 or std.ascii.toLower(parameter[0]) != 'q' or parameter[1] != '=') continue;
        const value = std.fmt.parseFloat(f32, parameter[2..]) catch return 0;
        if (!(value >= 0 and value <= 1)) return 0;
        return @intFromFloat(value * 1000);
    }
    return 1000;
}

/// Whether an Accept-Encoding header takes gzip.
pub fn acceptsGzip(value: ?[]const u8) bool {
    return qualityOf(value orelse return false, "gzip") > 0;
}

test "negotiation follows quality and specificity" {
    const offers: []const []const u8 = &.{ "application/json", "application/cbor" };
    try std.testing.expectEqual(@as(?usize, 0), negotiate(null, offers));
    try std.testing.expectEqual(@as(?usize, 0), negotiate("*/*", offers));
    try std.testing.expectEqual(@as(?usize, 1), negotiate("application/cbor", offers));
    try std.testing.expectEqual(@as(?usize, 1), negotiate("application/json;q=0.5, application/*", offers));
    try std.testing.expectEqual(@as(?usize, null), negotiate("text/html", offers));
    try std.testing.expectEqual(@as(?usize, null), negotiate("application/json;q=0", offers));
    try std.testing.expect(acceptsGzip("br, gzip;q=0.8"));
    try std.testing.expect(!acceptsGzip("gzip;q=0, *"));
}

test "content ranges" {
    const range = ContentRange.parse("bytes 10-19/30").?;
    try std.testing.expectEqual(ContentRange{ .first = 10, .last = 19, .total = 30 }, range);
    for ([_][]const u8{
        "",
        "bytes",
        "bytes 1",
        "bytes 1-2",
        "bytes 2-1/3",
        "bytes 1-3/3",
        "bytes */3",
        "bytes 1-2/*",
        "bytes -1-2/3",
        "items 1-2/3",
        "bytes 1-2/9999999999999999",
    }) |bad| {
        try std.testing.expectEqual(@as(?ContentRange, null), ContentRange.parse(bad));
    }
}

test "targets and parameters" {
    const target: Target = .parse("/v1/encode?a=b&latent=base64#x");
    try std.testing.expectEqualStrings("/v1/encode", target.path);
    try std.testing.expectEqualStrings("base64", target.parameter("latent").?);
    try std.testing.expectEqual(@as(?[]const u8, null), target.parameter("late"));
}

test "targets in absolute form" {
    for ([_][4][]const u8{
        .{ "http://board/v1/device", "board", "/v1/device", "" },
        .{ "HTTPS://[::1]:8443/v1/encode?latent=base64#x", "[::1]:8443", "/v1/encode", "latent=base64" },
        .{ "http://board:80", "board:80", "/", "" },
        .{ "http://board?a=b/c", "board", "/", "a=b/c" },
        .{ "http:///v1/device", "", "/v1/device", "" },
    }) |case| {
        const target: Target = .parse(case[0]);
        try std.testing.expectEqualStrings(case[1], target.authority.?);
        try std.testing.expectEqualStrings(case[2], target.path);
        try std.testing.expectEqualStrings(case[3], target.query);
    }
    for ([_][]const u8{ "/http://board/", "ftp://board/x", "http:/board/x", "board:80", "*", "" }) |other| {
        const target: Target = .parse(other);
        try std.testing.expectEqual(@as(?[]const u8, null), target.authority);
        try std.testing.expectEqualStrings(other, target.path);
    }
}

test "origins of a local network" {
    for ([_][]const u8{
        "http://192.168.1.7",
        "http://10.0.0.2:8080",
        "https://[fe80::1]:443",
        "http://synapse",
        "http://localhost:8080",
        "http://synapse-1.local",
        "http://Board.LAN",
        "http://x.home.arpa",
    }) |local| try std.testing.expect(isLocalOrigin(local));
    for ([_][]const u8{
        "null",
        "",
        "http://",
        "http://example.org",
        "http://local.example.org:80",
        "http://192.168.1.7.example.org",
        "http://notlocal.xlocal",
        "file://",
    }) |other| try std.testing.expect(!isLocalOrigin(other));
}
