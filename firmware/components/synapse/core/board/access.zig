//! Who may do what. A board starts unclaimed and answers nothing but who it is; whoever claims it gets a token, of
//! which only the hash is kept. Its owner may open reading and inference to everybody, and lists the web pages of other
//! origins that may use the board.
const std = @import("std");
const http = @import("../wire/http.zig");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const problems = @import("../wire/problem.zig");
const Journal = @import("../flash/journal.zig").Journal;
const Problem = problems.Problem;
const Sha256 = @import("../sha256.zig").Sha256;

/// What a route asks of its client.
pub const Level = enum {
    /// Nothing.
    public,
    /// Who the board is: for everybody while it is unclaimed, as `read` after that.
    identity,
    /// The route itself looks.
    claim,
    /// A token, unless the owner opened it.
    read,
    inference,
    /// A token.
    owner,
};

/// Keys of the settings that this file reads.
pub const keys = struct {
    pub const token_hash = "token";
    pub const open_read = "open_read";
    pub const open_inference = "open_inference";
    pub const origins = "origins";
};

pub const token_bytes = 32;
/// Of base64url without padding.
pub const token_text_bytes = 43;
pub const code_digits = 8;

pub const Origin = problems.Bounded(limits.origin_bytes_max);

/// What a request was admitted for.
pub const Basis = enum {
    /// Nothing was asked.
    public,
    /// The board had no owner: it says who it is, and can be claimed.
    unclaimed,
    /// The owner had opened it to everybody.
    open_read,
    open_inference,
    /// The owner's token.
    owner,
    /// The broker that the owner chose.
    broker,
    /// Whoever holds the board, at its serial console.
    cable,
};

/// As whose client the port names the serial console.
pub const cable_client = "cable";

/// With what right a request was admitted, and as of when: see `Access.holds`.
pub const Right = struct {
    basis: Basis = .public,
    ownership: u32 = 0,
    token: u32 = 0,
    broker: u32 = 0,
};

/// Whether somebody uses what the owner opened to everybody.
pub fn isStranger(right: Right) bool {
    return right.basis == .open_inference or right.basis == .open_read;
}

pub const Access = struct {
    settings: *const Journal,
    token_hash: ?[Sha256.digest_length]u8 = null,
    /// Count up with every change of whether the board has an owner, of the owner's token, and of the broker: a right
    /// of before is one no more.
    ownership: u32 = 0,
    token: u32 = 0,
    broker: u32 = 0,
    broker_hash: [Sha256.digest_length]u8 = @splat(0),
    open_read: bool = false,
    open_inference: bool = false,
    origins: [limits.origins_max]Origin = @splat(.{}),
    /// Without a code, claiming works until then.
    window_until_us: u64 = 0,
    /// Shown on the serial console only: whoever reads it holds the board in their hands.
    code: [code_digits]u8,
    /// Apart, so that nobody who guesses one keeps the other from being looked at.
    tokens: Attempts = .{},
    codes: Attempts = .{},

    pub fn init(settings: *const Journal, random: []const u8) Access {
        var access: Access = .{ .settings = settings, .code = undefined };
        // A byte of 250 or more would make low digits likelier; it is mapped to 0, which costs a hundredth of a bit.
        for (&access.code, random[0..code_digits]) |*digit, byte| digit.* = '0' + (if (byte < 250) byte % 10 else 0);
        access.load();
        return access;
    }

    /// Reads the settings anew.
    pub fn load(access: *Access) void {
        const hash = access.settings.get(keys.token_hash);
        const before = access.token_hash;
        const is_hash = hash != null and hash.?.len == Sha256.digest_length;
        access.token_hash = if (is_hash) hash.?[0..Sha256.digest_length].* else null;
        if ((before == null) != (access.token_hash == null)) access.ownership +%= 1;
        if (before == null or access.token_hash == null or !std.mem.eql(u8, &before.?, &access.token_hash.?)) {
            access.token +%= 1;
        }
        const broker = access.brokerHash();
        if (!std.mem.eql(u8, &broker, &access.broker_hash)) access.broker +%= 1;
        access.broker_hash = broker;
        access.open_read = access.settings.get(keys.open_read) != null;
        access.open_inference = access.settings.get(keys.open_inference) != null;
        access.origins = @splat(.{});
        var lines = std.mem.splitScalar(u8, access.settings.get(keys.origins) orelse "", '\n');
        for (&access.origins) |*origin| origin.append(lines.next() orelse break);
    }

    fn brokerHash(access: *const Access) [Sha256.digest_length]u8 {
        var hasher: Sha256 = .init();
        for ([_][]const u8{ "broker_url", "broker_username", "broker_password" }) |key| {
            hasher.update(access.settings.get(key) orelse "");
            hasher.update("\x00");
        }
        return hasher.finalResult();
    }

    pub fn claimed(access: *const Access) bool {
        return access.token_hash != null;
    }

    pub fn windowOpen(access: *const Access, now_us: u64) bool {
        return !access.claimed() and now_us < access.window_until_us;
    }

    pub fn right(access: *const Access, basis: Basis) Right {
        return .{ .basis = basis, .ownership = access.ownership, .token = access.token, .broker = access.broker };
    }

    /// Whether what was admitted with this right may act now.
    pub fn holds(access: *const Access, given: Right) bool {
        const same_ownership = given.ownership == access.ownership;
        return switch (given.basis) {
            .public => true,
            .unclaimed => !access.claimed() and same_ownership,
            .open_read => access.claimed() and access.open_read and same_ownership,
            .open_inference => access.claimed() and access.open_inference and same_ownership,
            .owner => access.claimed() and given.token == access.token,
            .broker => access.claimed() and same_ownership and given.broker == access.broker,
            .cable => true,
        };
    }

    /// With what right a request may use a route of this level. The token comes first: who has it is the owner, also
    /// where others may come in.
    pub fn admit(
        access: *Access,
        level: Level,
        headers: []const ports.Header,
        now_us: u64,
        problem: *Problem,
    ) problems.Error!Right {
        if (level == .public) return access.right(.public);
        const opened: ?Basis = switch (level) {
            .public => unreachable,
            .claim => if (access.claimed()) null else .unclaimed,
            .identity => if (!access.claimed()) .unclaimed else if (access.open_read) .open_read else null,
            .read => if (access.claimed() and access.open_read) .open_read else null,
            .inference => if (access.claimed() and access.open_inference) .open_inference else null,
            .owner => null,
        };
        if (opened) |basis| return access.right(if (access.hasToken(headers)) .owner else basis);
        try access.checkToken(headers, now_us, problem);
        return access.right(.owner);
    }

    /// As `admit`, of whoever holds the board: they read and infer, whoever owns it; all else is as for others.
    pub fn admitCable(
        access: *Access,
        level: Level,
        headers: []const ports.Header,
        now_us: u64,
        problem: *Problem,
    ) problems.Error!Right {
        return switch (level) {
            .identity, .read, .inference => access.right(.cable),
            else => access.admit(level, headers, now_us, problem),
        };
    }

    /// Whether the request carries the owner's token. A wrong one is no attempt where none is needed.
    fn hasToken(access: *const Access, headers: []const ports.Header) bool {
        if (!access.claimed()) return false;
        const value = http.header(headers, "authorization") orelse return false;
        return access.isToken(value);
    }

    fn isToken(access: *const Access, authorization: []const u8) bool {
        return std.crypto.timing_safe.eql([Sha256.digest_length]u8, hashOf(authorization), access.token_hash.?);
    }

    fn hashOf(authorization: []const u8) [Sha256.digest_length]u8 {
        const prefix = "Bearer ";
        const bearer = authorization.len > prefix.len and std.ascii.eqlIgnoreCase(authorization[0..prefix.len], prefix);
        return Sha256.digest(std.mem.trim(u8, if (bearer) authorization[prefix.len..] else "", " "));
    }

    fn checkToken(access: *Access, headers: []const ports.Header, now_us: u64, problem: *Problem) problems.Error!void {
        if (!access.claimed()) return problem.failWith(unclaimed());
        const value = http.header(headers, "authorization") orelse {
            return problem.fail(
                401,
                .TOKEN_MISSING,
                "the route needs the owner's token",
                .{},
                .{ .field = "authorization", .expected = "Bearer and the token that claiming gave" },
            );
        };
        if (access.isToken(value)) {
            access.tokens = .{};
            return;
        }
        // No number of tries finds a token of 256 bits, so the right one is never kept waiting.
        try access.tokens.check(now_us, problem);
        access.tokens.fail(now_us);
        return problem.fail(
            401,
            .TOKEN_WRONG,
            "the token is not the owner's",
            .{},
            .{ .field = "authorization", .expected = "Bearer and the token that claiming gave" },
        );
    }

    /// Whether somebody may claim the board. A wrong code counts, and while too many were wrong, no code is looked at;
    /// but while none is needed, the right one is as good as none. `foreign_page`:
    /// from whom one is needed in the window, too.
    pub fn checkClaim(
        access: *Access,
        code: ?[]const u8,
        foreign_page: bool,
        now_us: u64,
        problem: *Problem,
    ) problems.Error!void {
        if (code) |given| {
            if (foreign_page or !access.windowOpen(now_us)) try access.codes.check(now_us, problem);
            var digits: [code_digits]u8 = @splat(0);
            var count: usize = 0;
            // People copy it with spaces.
            for (given) |byte| if (byte != ' ' and byte != '-') {
                if (count < digits.len) digits[count] = byte;
                count += 1;
            };
            if (std.crypto.timing_safe.eql([code_digits]u8, digits, access.code) and count == code_digits) return;
            access.codes.fail(now_us);
            return problem.fail(
                403,
                .CLAIM_CODE_WRONG,
                "the code is not the board's",
                .{},
                .{
                    .field = "code",
                    .expected = .{ "the {d} digits that the serial console shows at each start", .{code_digits} },
                },
            );
        }
        if (access.windowOpen(now_us)) return;
        return problem.fail(
            403,
            .CLAIM_CLOSED,
            "the time for claiming without a code is over",
            .{},
            .{ .expected = "the code from the serial console, a press of the button, or a start from power-off" },
        );
    }

    /// The entry of an allowed origin; its text stays where it is.
    pub fn allowedOrigin(access: *const Access, headers: []const ports.Header) ?*const Origin {
        return access.listed(http.header(headers, "origin") orelse return null);
    }

    pub fn listed(access: *const Access, given: []const u8) ?*const Origin {
        for (&access.origins) |*origin| {
            if (origin.len > 0 and std.ascii.eqlIgnoreCase(origin.slice(), given)) return origin;
        }
        return null;
    }

    /// Who was wrong before counts no more: the board was claimed or given away, or somebody holds it in their hands.
    pub fn forgetAttempts(access: *Access) void {
        access.tokens = .{};
        access.codes = .{};
    }
};

/// Wrong ones in a row. After a few of them each makes the next wait, twice as long each time, up to a minute.
pub const Attempts = struct {
    failures: u32 = 0,
    locked_until_us: u64 = 0,

    fn fail(attempts: *Attempts, now_us: u64) void {
        attempts.failures +|= 1;
        if (attempts.failures < limits.attempts_free) return;
        const doublings: u6 = @intCast(@min(attempts.failures - limits.attempts_free, 6));
        attempts.locked_until_us = now_us + (@as(u64, 1_000_000) << doublings);
    }

    fn check(attempts: *const Attempts, now_us: u64, problem: *Problem) problems.Error!void {
        if (now_us >= attempts.locked_until_us) return;
        const failed = problem.fail(
            429,
            .TOO_MANY_ATTEMPTS,
            "too many wrong tokens or codes",
            .{},
            .{ .expected = "the right one, later" },
        );
        problem.retry_after_s = @intCast((attempts.locked_until_us - now_us) / 1_000_000 + 1);
        return failed;
    }
};

pub fn unclaimed() Problem {
    return Problem.init(403, .UNCLAIMED, "the board has no owner yet", .{}, .{ .expected = "POST /v1/claim first" });
}

/// A new token from random bytes, and the hash of its text.
pub fn makeToken(random: *const [token_bytes]u8, text: *[token_text_bytes]u8) [Sha256.digest_length]u8 {
    _ = std.base64.url_safe_no_pad.Encoder.encode(text, random);
    return Sha256.digest(text);
}
