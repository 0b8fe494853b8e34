//! An answer under way: a head, then JSON or CBOR written in small chunks straight to its sink. Nothing of it is kept.
//! Messages that the board publishes by itself are written the same way, without a head.
const std = @import("std");
const ports = @import("../port.zig");
const Origin = @import("../board/access.zig").Origin;
const Sink = @import("sink.zig").Sink;
const Format = @import("../wire/tokens.zig").Format;
const Problem = @import("../wire/problem.zig").Problem;
const Metrics = @import("../board/metrics.zig").Metrics;
const route_unmatched = @import("../board/metrics.zig").route_unmatched;
const title = @import("../wire/problem.zig").title;

pub const media_types = [_][]const u8{ "application/json", "application/cbor" };
const headers_max = 12;

pub const event_media_type = "text/event-stream";

/// How far an answer in server-sent events is: asked for, or begun.
pub const Events = enum { none, wanted, begun };

/// Its functions are called in hundreds of places, so inlining them is what the core's size in flash is made of.
pub const Answer = struct {
    sink: Sink,
    metrics: *Metrics,
    /// Under which the answer is counted.
    route: usize = route_unmatched,
    request: u32,
    format: Format = .json,
    latent_base64: bool = false,
    /// Server-sent events: the head is sent before the work, the answer is the event `result` or `error`.
    events: Events = .none,
    /// HEAD: everything but the body.
    head_only: bool = false,
    /// Of the web page that asks, when the owner allows it.
    origin: ?*const Origin = null,
    /// Nobody waits for the answer any more.
    muted: bool = false,
    buffer: [1024]u8 = undefined,
    used: usize = 0,
    /// JSON: a value or key has been written at this level, so a comma is due.
    comma: bool = false,

    pub fn head(self: *Answer, status: u16, content_type: []const u8, extra: []const [2][]const u8) void {
        if (self.muted) return;
        self.metrics.answered(self.route, status);
        var headers: [headers_max]ports.Header = undefined;
        headers[0] = .{ .name = .of("content-type"), .value = .of(content_type) };
        headers[1] = .{ .name = .of("x-content-type-options"), .value = .of("nosniff") };
        var count: usize = 2;
        for (extra) |pair| {
            // An answer to another origin varies with it, and says so in one header.
            if (self.origin != null and std.mem.eql(u8, pair[0], "vary")) continue;
            headers[count] = .{ .name = .of(pair[0]), .value = .of(pair[1]) };
            count += 1;
        }
        if (self.origin) |origin| for ([_][2][]const u8{
            .{ "access-control-allow-origin", origin.slice() },
            .{ "access-control-expose-headers", "retry-after" },
            .{ "vary", "accept, accept-encoding, origin" },
        }) |pair| {
            headers[count] = .{ .name = .of(pair[0]), .value = .of(pair[1]) };
            count += 1;
        };
        self.sink.calls.head(self.sink.user, self.request, status, headers[0..count]);
    }

    /// The head of a JSON or CBOR answer.
    pub noinline fn begin(self: *Answer, status: u16) void {
        if (self.events == .begun) return self.eventBegin("result");
        self.head(
            status,
            media_types[@backingInt(self.format)],
            &.{ .{ "cache-control", "no-store" }, .{ "vary", "accept" } },
        );
    }

    /// The head of an answer in server-sent events (HTML Living Standard, section 9.2).
    /// Its data are single lines of JSON.
    pub fn eventsHead(self: *Answer) void {
        self.head(200, event_media_type, &.{.{ "cache-control", "no-store" }});
        self.events = .begun;
    }

    pub fn eventBegin(self: *Answer, name: []const u8) void {
        self.eventBeginWith(name, 200);
    }

    fn eventBeginWith(self: *Answer, name: []const u8, status: u16) void {
        self.comma = false;
        if (self.sink.calls.events) |events| {
            if (!self.muted) events.begin(self.sink.user, self.request, name, status);
            return;
        }
        self.raw("event: ");
        self.raw(name);
        self.raw("\ndata: ");
    }

    pub fn eventEnd(self: *Answer) void {
        const events = self.sink.calls.events;
        if (events == null) self.raw("\n\n");
        self.flush();
        if (events) |calls| if (!self.muted) calls.end(self.sink.user, self.request);
    }

    pub noinline fn end(self: *Answer) void {
        if (self.events == .begun) self.eventEnd();
        self.flush();
        if (!self.muted) self.sink.calls.end(self.sink.user, self.request);
    }

    fn flush(self: *Answer) void {
        if (self.used > 0 and !self.head_only and !self.muted) self.sink.calls.chunk(
            self.sink.user,
            self.request,
            self.buffer[0..self.used],
        );
        self.used = 0;
    }

    /// Bytes as they are.
    pub noinline fn raw(self: *Answer, bytes: []const u8) void {
        var rest = bytes;
        while (rest.len > 0) {
            if (self.used == self.buffer.len) self.flush();
            const n = @min(rest.len, self.buffer.len - self.used);
            @memcpy(self.buffer[self.used..][0..n], rest[0..n]);
            self.used += n;
            rest = rest[n..];
        }
    }

    fn print(self: *Answer, comptime format: []const u8, args: anytype) void {
        var text_buffer: [64]u8 = undefined;
        self.raw(std.fmt.bufPrint(&text_buffer, format, args) catch unreachable); // Numbers only, all shorter.
    }

    fn before(self: *Answer) void {
        if (self.format == .json and self.comma) self.raw(",");
        self.comma = true;
    }

    pub noinline fn objectBegin(self: *Answer) void {
        self.before();
        self.comma = false;
        self.raw(if (self.format == .json) "{" else "\xbf");
    }

    pub noinline fn objectEnd(self: *Answer) void {
        self.comma = true;
        self.raw(if (self.format == .json) "}" else "\xff");
    }

    pub noinline fn arrayBegin(self: *Answer) void {
        self.before();
        self.comma = false;
        self.raw(if (self.format == .json) "[" else "\x9f");
    }

    pub noinline fn arrayEnd(self: *Answer) void {
        self.comma = true;
        self.raw(if (self.format == .json) "]" else "\xff");
    }

    pub noinline fn key(self: *Answer, name: []const u8) void {
        self.text(name);
        if (self.format == .json) self.raw(":");
        self.comma = false;
    }

    pub noinline fn text(self: *Answer, value: []const u8) void {
        self.before();
        // Text that came from outside, a path in an error for instance, may be anything.
        const valid = std.unicode.utf8ValidateSlice(value);
        if (self.format == .cbor) {
            self.cborHead(3, value.len);
            if (valid) return self.raw(value);
            for (value) |byte| self.raw(&.{if (byte < 128) byte else '?'});
            return;
        }
        self.raw("\"");
        var plain: usize = 0;
        for (value, 0..) |byte, i| {
            if (byte >= ' ' and byte != '"' and byte != '\\' and byte != 127 and (byte < 128 or valid)) continue;
            self.raw(value[plain..i]);
            plain = i + 1;
            switch (byte) {
                '"' => self.raw("\\\""),
                '\\' => self.raw("\\\\"),
                128...255 => self.raw("?"),
                else => self.print("\\u{x:0>4}", .{byte}),
            }
        }
        self.raw(value[plain..]);
        self.raw("\"");
    }

    pub noinline fn unsigned(self: *Answer, value: u64) void {
        self.before();
        if (self.format == .cbor) self.cborHead(0, value) else self.print("{d}", .{value});
    }

    pub noinline fn integer(self: *Answer, value: i64) void {
        if (value >= 0) return self.unsigned(@intCast(value));
        self.before();
        if (self.format == .cbor) self.cborHead(1, @intCast(-(value + 1))) else self.print("{d}", .{value});
    }

    pub noinline fn boolean(self: *Answer, value: bool) void {
        self.before();
        if (self.format == .cbor) self.raw(if (value) "\xf5" else "\xf4") else self.raw(if (value) "true" else "false");
    }

    pub noinline fn nothing(self: *Answer) void {
        self.before();
        self.raw(if (self.format == .cbor) "\xf6" else "null");
    }

    /// The shortest decimal that reads back as the same f32.
    pub noinline fn float(self: *Answer, value: f32) void {
        self.before();
        if (self.format == .cbor) {
            self.raw("\xfa");
            return self.raw(&std.mem.toBytes(std.mem.nativeToBig(u32, @bitCast(value))));
        }
        if (!std.math.isFinite(value)) return self.raw("null");
        const magnitude = @abs(value);
        if (magnitude == 0 or
            (magnitude >= 1e-5 and magnitude < 1e9)) self.print("{d}", .{value}) else self.print("{e}", .{value});
    }

    pub noinline fn double(self: *Answer, value: f64) void {
        self.before();
        if (self.format == .cbor) {
            self.raw("\xfb");
            return self.raw(&std.mem.toBytes(std.mem.nativeToBig(u64, @bitCast(value))));
        }
        if (!std.math.isFinite(value)) return self.raw("null");
        const magnitude = @abs(value);
        if (magnitude == 0 or
            (magnitude >= 1e-5 and magnitude < 1e16)) self.print("{d}", .{value}) else self.print("{e}", .{value});
    }

    /// A byte string in CBOR, base64 text in JSON.
    pub noinline fn blob(self: *Answer, bytes: []const u8) void {
        self.before();
        if (self.format == .cbor) {
            self.cborHead(2, bytes.len);
            return self.raw(bytes);
        }
        self.raw("\"");
        const piece_bytes = 384;
        var piece_text: [piece_bytes / 3 * 4]u8 = undefined;
        var at: usize = 0;
        while (at < bytes.len) : (at += piece_bytes) {
            const piece = bytes[at..@min(bytes.len, at + piece_bytes)];
            self.raw(std.base64.standard.Encoder.encode(&piece_text, piece));
        }
        self.raw("\"");
    }

    pub noinline fn latent(self: *Answer, row: []const f32) void {
        if (self.latent_base64) return self.blob(std.mem.sliceAsBytes(row));
        self.arrayBegin();
        for (row) |value| self.float(value);
        self.arrayEnd();
    }

    pub noinline fn hex(self: *Answer, bytes: []const u8) void {
        var digits: [128]u8 = undefined;
        const alphabet = "0123456789abcdef";
        std.debug.assert(bytes.len * 2 <= digits.len);
        for (bytes, 0..) |byte, i| {
            digits[i * 2] = alphabet[byte >> 4];
            digits[i * 2 + 1] = alphabet[byte & 15];
        }
        self.text(digits[0 .. bytes.len * 2]);
    }

    fn cborHead(self: *Answer, major: u8, value: u64) void {
        const top = major << 5;
        if (value < 24) {
            self.raw(&.{top | @as(u8, @intCast(value))});
        } else if (value <= 0xff) {
            self.raw(&.{ top | 24, @intCast(value) });
        } else if (value <= 0xffff) {
            self.raw(&.{top | 25});
            self.raw(&std.mem.toBytes(std.mem.nativeToBig(u16, @intCast(value))));
        } else if (value <= 0xffff_ffff) {
            self.raw(&.{top | 26});
            self.raw(&std.mem.toBytes(std.mem.nativeToBig(u32, @intCast(value))));
        } else {
            self.raw(&.{top | 27});
            self.raw(&std.mem.toBytes(std.mem.nativeToBig(u64, value)));
        }
    }

    pub noinline fn field(self: *Answer, name: []const u8, value: []const u8) void {
        self.key(name);
        self.text(value);
    }

    pub noinline fn fieldUnsigned(self: *Answer, name: []const u8, value: u64) void {
        self.key(name);
        self.unsigned(value);
    }

    pub noinline fn fieldBoolean(self: *Answer, name: []const u8, value: bool) void {
        self.key(name);
        self.boolean(value);
    }

    /// The whole answer of a request that went wrong. Problem details are JSON whatever the client accepts, as RFC 9457
    /// has no CBOR form.
    pub fn problem(self: *Answer, wrong: *const Problem) void {
        if (self.sink.calls.problem) |tell| {
            self.metrics.answered(self.route, wrong.status);
            return tell(self.sink.user, self.request, wrong);
        }
        self.format = .json;
        var extra: [4][2][]const u8 = undefined;
        var count: usize = 0;
        extra[count] = .{ "cache-control", "no-store" };
        count += 1;
        var seconds: [12]u8 = undefined;
        if (wrong.retry_after_s > 0) {
            extra[count] = .{
                "retry-after",
                std.fmt.bufPrint(&seconds, "{d}", .{wrong.retry_after_s}) catch unreachable,
            };
            count += 1;
        }
        if (wrong.allow.len > 0) {
            extra[count] = .{ "allow", wrong.allow };
            count += 1;
        }
        if (wrong.status == 401) {
            extra[count] = .{ "www-authenticate", "Bearer realm=\"synapse\"" };
            count += 1;
        }
        if (self.events == .begun) {
            self.eventBeginWith("error", wrong.status);
        } else {
            self.head(wrong.status, "application/problem+json", extra[0..count]);
        }
        self.objectBegin();
        self.field("title", title(wrong.status));
        self.fieldUnsigned("status", wrong.status);
        self.field("code", @tagName(wrong.code));
        self.field("detail", wrong.detail.slice());
        if (wrong.field.len > 0) self.field("field", wrong.field.slice());
        if (wrong.expected.len > 0) self.field("expected", wrong.expected.slice());
        if (wrong.retry_after_s > 0) self.fieldUnsigned("retry_after_s", wrong.retry_after_s);
        self.objectEnd();
        self.end();
    }
};
