//! How a board is set up over a cable, and from a phone in the network that it opens, as those who do it see it.
const std = @import("std");
const improv = @import("improv");
const portal = @import("portal");
const dns = @import("captive_dns");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

// --- Improv over serial --------------------------------------------------------------------------------------------

/// The board's side: what it was asked for, and what it has sent.
const Cable = struct {
    board: improv.improv_t = undefined,
    sent: [2048]u8 = undefined,
    sent_bytes: usize = 0,
    ssid: [64]u8 = undefined,
    password: [80]u8 = undefined,
    joins: u32 = 0,
    scans: u32 = 0,
    line: [128]u8 = undefined,
    lines: u32 = 0,

    fn plug(cable: *Cable) void {
        cable.* = .{};
        const host: improv.improv_host_t = .{
            .user = cable,
            .send = send,
            .join = join,
            .scan = scan,
            .line = hear,
            .firmware = "synapse",
            .version = "1.2.3",
            .chip = "ESP32-P4",
            .device_name = "kitchen",
        };
        improv.improv_begin(&cable.board, &host, false);
    }

    fn of(user: ?*anyopaque) *Cable {
        return @ptrCast(@alignCast(user.?));
    }

    fn send(user: ?*anyopaque, bytes: [*c]const u8, count: usize) callconv(.c) void {
        const cable = of(user);
        @memcpy(cable.sent[cable.sent_bytes..][0..count], bytes[0..count]);
        cable.sent_bytes += count;
    }

    fn join(user: ?*anyopaque, ssid: [*c]const u8, password: [*c]const u8) callconv(.c) void {
        const cable = of(user);
        cable.joins += 1;
        copy(&cable.ssid, ssid);
        copy(&cable.password, password);
    }

    fn scan(user: ?*anyopaque) callconv(.c) void {
        of(user).scans += 1;
    }

    fn hear(user: ?*anyopaque, text: [*c]const u8) callconv(.c) void {
        const cable = of(user);
        cable.lines += 1;
        copy(&cable.line, text);
    }

    fn copy(out: []u8, text: [*c]const u8) void {
        const bytes = std.mem.span(@as([*:0]const u8, @ptrCast(text)));
        @memcpy(out[0..bytes.len], bytes);
        out[bytes.len] = 0;
    }

    fn feed(cable: *Cable, bytes: []const u8) void {
        improv.improv_feed(&cable.board, bytes.ptr, bytes.len);
    }

    fn command(cable: *Cable, data: []const u8) void {
        var buffer: [300]u8 = undefined;
        cable.sent_bytes = 0;
        cable.feed(packet(&buffer, 3, data));
    }

    fn expectSent(cable: *Cable, packets: []const struct { u8, []const u8 }) !void {
        var expected: [2048]u8 = undefined;
        var at: usize = 0;
        for (packets) |each| {
            at += packet(expected[at..], each[0], each[1]).len;
        }
        try std.testing.expectEqualSlices(u8, expected[0..at], cable.sent[0..cable.sent_bytes]);
    }
};

fn packet(out: []u8, kind: u8, data: []const u8) []u8 {
    @memcpy(out[0..7], "IMPROV\x01");
    out[7] = kind;
    out[8] = @intCast(data.len);
    @memcpy(out[9..][0..data.len], data);
    var sum: u8 = 0;
    for (out[0 .. 9 + data.len]) |byte| sum +%= byte;
    out[9 + data.len] = sum;
    out[10 + data.len] = '\n';
    return out[0 .. 11 + data.len];
}

const state = 1;
const failure = 2;
const result = 4;

test "a board says over the cable what it is, and that it waits for a network" {
    var cable: Cable = undefined;
    cable.plug();
    cable.command(&.{ 2, 0 });
    try cable.expectSent(&.{.{ state, &.{2} }});
    cable.command(&.{ 3, 0 });
    try cable.expectSent(&.{.{ result, "\x03\x1f\x07synapse\x051.2.3\x08ESP32-P4\x07kitchen" }});
}

test "it joins the network that it is told, and then says where it is" {
    var cable: Cable = undefined;
    cable.plug();
    cable.command("\x01\x15\x09my \xf0\x9f\x8f\xa0 x\x0apassword12");
    try expectEqual(1, cable.joins);
    try expectEqualStrings("my \u{1f3e0} x", std.mem.sliceTo(&cable.ssid, 0));
    try expectEqualStrings("password12", std.mem.sliceTo(&cable.password, 0));
    try cable.expectSent(&.{ .{ failure, &.{0} }, .{ state, &.{3} } });
    cable.sent_bytes = 0;
    improv.improv_joined(&cable.board, "http://10.0.0.7/");
    try cable.expectSent(&.{ .{ state, &.{4} }, .{ result, "\x01\x11\x10http://10.0.0.7/" } });
    // Who asks later hears it too.
    cable.command(&.{ 2, 0 });
    try cable.expectSent(&.{ .{ state, &.{4} }, .{ result, "\x02\x11\x10http://10.0.0.7/" } });
}

test "a network that does not let it in is an error, and it waits again" {
    var cable: Cable = undefined;
    cable.plug();
    cable.command("\x01\x06\x04home\x00");
    cable.sent_bytes = 0;
    improv.improv_failed(&cable.board, improv.IMPROV_ERROR_NO_CONNECTION);
    try cable.expectSent(&.{ .{ state, &.{2} }, .{ failure, &.{3} } });
}

test "networks in reach are told one by one" {
    var cable: Cable = undefined;
    cable.plug();
    cable.command(&.{ 4, 0 });
    try expectEqual(1, cable.scans);
    try expect(cable.board.scanning);
    improv.improv_network(&cable.board, "home", -51, true);
    improv.improv_networks_end(&cable.board);
    try cable.expectSent(&.{ .{ result, "\x04\x0d\x04home\x03-51\x03YES" }, .{ result, "\x04\x00" } });
    try expect(!cable.board.scanning);
}

test "what is malformed joins nothing and is said to be so" {
    var cable: Cable = undefined;
    cable.plug();
    for ([_][]const u8{
        "\x01\x00", // nothing at all
        "\x01\x06\x05home\x00", // the name runs into the password
        "\x01\x07\x04home\x05a", // the password is longer than the packet
        "\x01\x02\x00\x00", // no name
        "\x01\x07\x04home\x00x", // something behind
        "\x01\x0d\x04home\x07passwor", // a password that WPA does not take
        "\x01\x05\x04home\x00", // its own length is wrong
        "\x01", // no length
        "\x01\x23\x21aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00", // 33 bytes
    }) |data| {
        cable.command(data);
        try cable.expectSent(&.{.{ failure, &.{1} }});
    }
    cable.command(&.{ 9, 0 });
    try cable.expectSent(&.{.{ failure, &.{2} }});
    var buffer: [300]u8 = undefined;
    const damaged = packet(&buffer, 3, &.{ 2, 0 });
    damaged[damaged.len - 2] +%= 1;
    cable.sent_bytes = 0;
    cable.feed(damaged);
    try cable.expectSent(&.{.{ failure, &.{1} }});
    try expectEqual(0, cable.joins);
}

test "words typed beside packets are lines, and bytes may come one at a time" {
    var cable: Cable = undefined;
    cable.plug();
    var buffer: [300]u8 = undefined;
    cable.feed("cla");
    for (packet(&buffer, 3, &.{ 2, 0 })) |byte| cable.feed(&.{byte});
    try cable.expectSent(&.{.{ state, &.{2} }});
    cable.feed("im\r\n");
    // The line end of the packet ended the first of them.
    try expectEqual(2, cable.lines);
    cable.feed("IMPORTANT\n");
    try expectEqualStrings("IMPORTANT", std.mem.sliceTo(&cable.line, 0));
    cable.feed(&@as([500]u8, @splat('x')));
    cable.feed("\n");
    try expectEqual(80, std.mem.sliceTo(&cable.line, 0).len);
}

test "a password has 8 to 64 bytes, or none; a name up to 32, whatever they are" {
    for ([_]struct { usize, usize, bool }{
        .{ 32, 8, true },
        .{ 32, 64, true },
        .{ 1, 0, true },
        .{ 33, 8, false },
        .{ 32, 7, false },
        .{ 32, 1, false },
        .{ 32, 65, false },
    }) |each| {
        const name_bytes, const password_bytes, const joins = each;
        var cable: Cable = undefined;
        cable.plug();
        var data: [128]u8 = @splat(0xf0);
        data[0] = 1;
        data[1] = @intCast(name_bytes + password_bytes + 2);
        data[2] = @intCast(name_bytes);
        data[3 + name_bytes] = @intCast(password_bytes);
        cable.command(data[0 .. 4 + name_bytes + password_bytes]);
        try expectEqual(@as(u32, @intFromBool(joins)), cable.joins);
        if (!joins) try cable.expectSent(&.{.{ failure, &.{1} }});
    }
}

// --- The page in the board's own network ---------------------------------------------------------------------------

const Page = struct {
    answer: portal.portal_answer_t,
    text: [16_384]u8 = undefined,

    fn body(page: *const Page) []const u8 {
        return std.mem.sliceTo(&page.text, 0);
    }
};

fn newPortal() portal.portal_t {
    var made = std.mem.zeroes(portal.portal_t);
    @memcpy(made.address[0..11], "192.168.4.1");
    @memcpy(made.device_name[0..14], "synapse-1a2b3c");
    return made;
}

fn visit(
    at: *const portal.portal_t,
    method: [*:0]const u8,
    host: [*:0]const u8,
    target: [*:0]const u8,
    body: []const u8,
) Page {
    const request: portal.portal_request_t = .{
        .method = method,
        .target = target,
        .host = host,
        .body = body.ptr,
        .body_bytes = body.len,
    };
    var page: Page = .{ .answer = undefined };
    portal.portal_answer(at, &request, &page.answer, &page.text, @min(page.text.len, portal.portal_page_bytes(at)));
    return page;
}

fn has(page: *const Page, text: []const u8) bool {
    return std.mem.indexOf(u8, page.body(), text) != null;
}

test "phones that look whether there is the internet are led to the page" {
    const at = newPortal();
    for ([_][2][*:0]const u8{
        .{ "captive.apple.com", "/hotspot-detect.html" },
        .{ "connectivitycheck.gstatic.com", "/generate_204" },
        .{ "www.msftconnecttest.com", "/connecttest.txt" },
        .{ "192.168.4.1", "/favicon.ico" },
        .{ "192.168.4.10", "/" },
        .{ "", "/" },
    }) |ask| {
        const page = visit(&at, "GET", ask[0], ask[1], "");
        try expectEqual(302, page.answer.status);
        try expectEqualStrings("http://192.168.4.1/", std.mem.sliceTo(&page.answer.location, 0));
        try expectEqualStrings("", page.body());
    }
    const page = visit(&at, "GET", "192.168.4.1:80", "/", "");
    try expectEqual(200, page.answer.status);
    try expect(has(&page, "synapse-1a2b3c"));
}

test "names of networks are chosen by strangers: they are text, and the strongest come first, each once" {
    var at = newPortal();
    portal.portal_add_network(&at, "far", -80, true);
    portal.portal_add_network(&at, "<script>alert('x')</script>", -60, false);
    portal.portal_add_network(&at, "near", -40, true);
    portal.portal_add_network(&at, "far", -30, true);
    portal.portal_add_network(&at, "far", -90, true);
    portal.portal_add_network(&at, "", -10, true);
    try expectEqual(3, at.network_count);
    try expectEqualStrings("far", std.mem.sliceTo(&at.networks[0].ssid, 0));
    const page = visit(&at, "GET", "192.168.4.1", "/", "");
    try expect(!has(&page, "<script>"));
    try expect(has(&page, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    const near = std.mem.indexOf(u8, page.body(), "near").?;
    try expect(std.mem.indexOf(u8, page.body(), "far").? < near);
}

test "as many networks as there are, with the longest names of the worst bytes, fit the page" {
    var at = newPortal();
    for (0..40) |i| {
        var name: [33:0]u8 = @splat('"');
        name[32] = 0;
        name[0] = 'a' + @as(u8, @intCast(i % 26));
        name[1] = 'a' + @as(u8, @intCast(i / 26));
        portal.portal_add_network(&at, &name, -@as(c_int, @intCast(i)), true);
    }
    try expectEqual(20, at.network_count);
    const page = visit(&at, "GET", "192.168.4.1", "/", "");
    try expect(std.mem.endsWith(u8, page.body(), "</ul>"));
}

test "the form says which network to join" {
    const at = newPortal();
    const page = visit(&at, "POST", "192.168.4.1", "/join", "ssid=my+%F0%9F%8F%A0%26co&password=p%40ss+word");
    try expectEqual(200, page.answer.status);
    try expectEqualStrings("my \u{1f3e0}&co", std.mem.sliceTo(&page.answer.ssid, 0));
    try expectEqualStrings("p@ss word", std.mem.sliceTo(&page.answer.password, 0));
    try expect(has(&page, "The board joins my \u{1f3e0}&amp;co"));
    try expect(!has(&page, "p@ss"));
    const open = visit(&at, "POST", "192.168.4.1", "/join", "password=&ssid=cafe");
    try expectEqualStrings("cafe", std.mem.sliceTo(&open.answer.ssid, 0));
}

test "a form that says no network, or one that cannot be, is shown again with why" {
    const at = newPortal();
    for ([_][]const u8{
        "",
        "ssid=&password=password",
        "ssid=home",
        "ssid=home&password=short",
        "ssid=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&password=password",
        "ssid=ho%0&password=password",
        "ssid=ho%zz&password=password",
        "ssid=ho%00me&password=password",
        "ssid=home&password=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
    }) |body| {
        const page = visit(&at, "POST", "192.168.4.1", "/join", body);
        try expectEqual(422, page.answer.status);
        try expectEqualStrings("", std.mem.sliceTo(&page.answer.ssid, 0));
        try expect(has(&page, "role=alert"));
    }
}

// --- Names in the board's own network ------------------------------------------------------------------------------

const question = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07captive\x05apple\x03com\x00";

test "every name is the board" {
    var out: [512]u8 = undefined;
    const query = question ++ "\x00\x01\x00\x01";
    const bytes = dns.captive_dns_answer(query, query.len, &[_]u8{ 192, 168, 4, 1 }, &out);
    const answer = "\x12\x34\x85\x00\x00\x01\x00\x01\x00\x00\x00\x00" ++ query[12..] ++
        "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\xa8\x04\x01";
    try std.testing.expectEqualSlices(u8, answer, out[0..bytes]);
}

test "of other kinds of records there are none, which is an answer too" {
    var out: [512]u8 = undefined;
    const query = question ++ "\x00\x1c\x00\x01";
    const bytes = dns.captive_dns_answer(query, query.len, &[_]u8{ 192, 168, 4, 1 }, &out);
    try expectEqual(query.len, bytes);
    try expectEqual(0, out[7]);
}

test "what is no query is not answered, wherever it ends" {
    var out: [512]u8 = undefined;
    const query = question ++ "\x00\x01\x00\x01";
    for (0..query.len) |length| {
        try expectEqual(0, dns.captive_dns_answer(query, length, &[_]u8{ 192, 168, 4, 1 }, &out));
    }
    var changed = query.*;
    changed[2] = 0x81; // an answer
    try expectEqual(0, dns.captive_dns_answer(&changed, changed.len, &[_]u8{ 192, 168, 4, 1 }, &out));
    changed = query.*;
    changed[12] = 0xc0; // a pointer where a name begins
    try expectEqual(0, dns.captive_dns_answer(&changed, changed.len, &[_]u8{ 192, 168, 4, 1 }, &out));
    const long: [512]u8 = @splat(63);
    try expectEqual(0, dns.captive_dns_answer(&long, long.len, &[_]u8{ 192, 168, 4, 1 }, &out));
}

test {
    _ = @import("cable_test.zig");
}
