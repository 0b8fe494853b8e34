//! Updates that the board fetches itself: told where a file lies, how long it is and what its SHA-256 is, the board downloads it, in as many tries as it
//! takes, and feeds it to the very routes that take uploads. The port makes the connections.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Bounded = @import("../wire/problem.zig").Bounded;
const Code = @import("../wire/code.zig").Code;
const Device = @import("../request/device.zig").Device;
const download = @import("download.zig");
const Effort = @import("effort.zig").Effort;
const events = @import("../mqtt/events.zig");
const limits = @import("../limits.zig");
const app_image = @import("../firmware/app_image.zig");
const pack_prefix = @import("../flash/pack_prefix.zig");
const ports = @import("../port.zig");
const Right = @import("../board/access.zig").Right;
const rights = @import("../request/rights.zig");
const Problem = @import("../wire/problem.zig").Problem;
const secrets = @import("../board/secrets.zig");
const Sink = @import("../request/sink.zig").Sink;
const Sha256 = std.crypto.hash.sha2.Sha256;

pub const Kind = enum(u1) { model, firmware };

/// QUEUED: waits for its time, or for another try. VERIFIED: what was downloaded is whole and lies in flash. UPDATING: it is being tried.
pub const State = enum { IDLE, QUEUED, DOWNLOADING, DOWNLOADED, VERIFIED, UPDATING, UPDATED, FAILED };

/// Numbers of requests that the board makes of itself; ports use those below.
pub const own_requests = 0x8000_0000;

pub const Asked = struct {
    kind: Kind,
    url: []const u8,
    bytes: u64,
    sha256: [32]u8,
    /// Of a model.
    slot: []const u8 = "",
    /// Whether it is to run once it is there.
    activate: bool = true,
    spread_s: u64 = 0,
    /// Of whoever asked for it.
    right: Right,
};

pub const Updates = struct {
    state: State = .IDLE,
    kind: Kind = .model,
    url: Bounded(limits.url_bytes_max) = .{},
    slot: Bounded(limits.slot_name_bytes_max) = .{},
    bytes: u64 = 0,
    sha256: [32]u8 = undefined,
    activate: bool = true,
    /// Of whoever asked for it: without it nothing is fetched, written or run any more.
    right: Right = .{},
    /// Of the file, from its start: written, or about to be.
    received: u64 = 0,
    /// Of what has been received.
    hash: Sha256 = undefined,
    /// The server began the file anew: bytes that are there already and have to come and be the same before more is taken, and the hash of those that came.
    skip: u64 = 0,
    skipped: Sha256 = undefined,
    /// Where a server that did not say how long its file is has ended it.
    ended_at: ?u64 = null,
    effort: Effort = .{},
    /// The pack that was written and checked, while only its activation is tried again.
    stored: ?[32]u8 = null,
    /// Why the update failed, or waits for another try.
    code: ?Code = null,
    detail: Bounded(240) = .{},
    due_us: u64 = 0,
    told_parts: u64 = 0,
    /// The download under way; 0: none.
    fetch: u32 = 0,
    fetches: u32 = 0,
    /// When the board last asked the server, or heard from it.
    heard_us: u64 = 0,
    /// The request that the board makes of itself; 0: none.
    request: u32 = 0,
    requests: u32 = 0,
    outcome: union(enum) { none, success, problem: Problem } = .none,

    pub fn busy(self: *const Updates) bool {
        return switch (self.state) {
            .QUEUED, .DOWNLOADING, .DOWNLOADED, .UPDATING => true,
            .VERIFIED => self.activate,
            .IDLE, .UPDATED, .FAILED => false,
        };
    }

    pub fn queue(self: *Updates, device: *Device, asked: *const Asked) void {
        self.* = .{
            .kind = asked.kind,
            .bytes = asked.bytes,
            .sha256 = asked.sha256,
            .activate = asked.activate,
            .right = asked.right,
            .due_us = device.now() + randomPart(device, asked.spread_s * 1_000_000),
            .hash = .init(.{}),
            .fetches = self.fetches,
            .requests = self.requests,
        };
        self.url.append(asked.url);
        self.slot.append(asked.slot);
        self.enter(device, .QUEUED);
    }

    /// Nobody wants the update any more.
    pub fn cancel(self: *Updates, device: *Device) void {
        self.stop(device);
        self.fail(device, .CANCELLED, "the update was cancelled", .{});
    }

    /// Ends the update if whoever asked for it may not any more. The requests that it makes of the board end as all others do.
    pub fn enforce(self: *Updates, device: *Device) void {
        const storage = device.storage orelse return;
        if (!self.busy() or storage.access.holds(self.right)) return;
        self.request = 0;
        self.stop(device);
        if (self.kind == .model and self.held(device) > 0) storage.upload.cancel();
        const problem = rights.lost(device, .own);
        self.fail(device, problem.code, "{s}", .{problem.detail.slice()});
    }

    /// The owner who asked for it is the owner no more, and what was asked for is nobody else's to know.
    pub fn forget(self: *Updates, device: *Device) void {
        self.stop(device);
        self.drop(device);
        self.* = .{ .fetches = self.fetches, .requests = self.requests };
    }

    fn randomPart(device: *const Device, most: u64) u64 {
        var bytes: [8]u8 = undefined;
        device.port.random(device.port.user, &bytes, bytes.len);
        return if (most == 0) 0 else std.mem.readInt(u64, &bytes, .little) % most;
    }

    fn enter(self: *Updates, device: *Device, state: State) void {
        self.state = state;
        self.tell(device);
    }

    fn tell(self: *const Updates, device: *Device) void {
        if (device.mqtt.connected) events.update(device.mqtt, self);
    }

    fn fail(self: *Updates, device: *Device, code: Code, comptime detail: []const u8, args: anytype) void {
        self.explain(code, detail, args);
        self.fallen(device);
    }

    fn explain(self: *Updates, code: Code, comptime detail: []const u8, args: anytype) void {
        self.code = code;
        self.detail = .{};
        self.detail.print(detail, args);
    }

    fn fallen(self: *Updates, device: *Device) void {
        self.drop(device);
        self.report(device, .err);
        self.enter(device, .FAILED);
    }

    fn report(self: *const Updates, device: *Device, level: ports.LogLevel) void {
        var line: Bounded(240) = .{};
        line.print("update: {t}: {s}", .{ self.code.?, self.detail.slice() });
        device.log(level, line.slice());
    }

    /// Ends the download and the request that it feeds. What arrived stays, for the next download to go on from.
    fn stop(self: *Updates, device: *Device) void {
        if (self.fetch != 0) device.port.fetch_cancel.?(device.port.user, self.fetch);
        self.fetch = 0;
        if (self.request != 0) device.requestClosed(self.request);
        self.request = 0;
        self.outcome = .none;
        self.skip = 0;
    }

    /// A firmware of which only a part has come is of no use to anybody else. Of a model a client may send the rest.
    fn drop(self: *Updates, device: *Device) void {
        if (self.state != .QUEUED and self.state != .DOWNLOADING) return;
        if (self.kind == .firmware and self.received > 0 and device.firmware.partial()) device.firmware.cancel(&device.port);
    }

    fn tryAgain(self: *Updates, device: *Device, code: Code, comptime detail: []const u8, args: anytype) void {
        const again = self.code == code;
        self.stop(device);
        self.explain(code, detail, args);
        if (self.effort.ended(self.bytes, device.now())) |bound| return self.exhausted(device, bound);
        // What fails the same way again is not worth another line.
        if (!again) self.report(device, .warn);
        const wait_s: u64 = @min(@as(u64, 1) << @intCast(self.effort.tries), limits.update_wait_s_max);
        self.due_us = device.now() + wait_s * 500_000 + randomPart(device, wait_s * 500_000);
        self.enter(device, .QUEUED);
    }

    /// Fails at a bound, with why the last try ended.
    fn exhausted(self: *Updates, device: *Device, bound: Effort.Bound) void {
        self.stop(device);
        const effort = &self.effort;
        if (bound.code()) |code| self.code = code;
        if (self.detail.len > 0) self.detail.append("; ");
        switch (bound) {
            .tries => self.detail.print("{d} tries in a row brought nothing new", .{effort.tries}),
            .downloads => self.detail.print("{d} downloads, the most for one update, did not bring the whole file", .{effort.downloads}),
            .bytes => self.detail.print("{d} bytes were received, more than {d} times the file's {d}", .{ effort.bytes, limits.update_bytes_factor_max, self.bytes }),
            .time => self.detail.print("the file did not come within {d} hours", .{limits.update_time_us_max / 3_600_000_000}),
        }
        self.fallen(device);
    }

    // ---- what the board asks of itself

    /// Where answers to the board's own requests go.
    pub fn sink(self: *Updates) Sink {
        return .{ .user = self, .calls = &own_calls };
    }

    fn of(user: ?*const anyopaque) *Updates {
        return @ptrCast(@alignCast(@constCast(user.?)));
    }

    const own_calls: Sink.Calls = .{
        .head = struct {
            fn call(_: ?*const anyopaque, _: u32, _: u16, _: []const ports.Header) void {}
        }.call,
        .chunk = struct {
            fn call(_: ?*const anyopaque, _: u32, _: []const u8) void {}
        }.call,
        .end = struct {
            fn call(user: ?*const anyopaque, request: u32) void {
                const self = of(user);
                if (request == self.request) self.outcome = .success;
            }
        }.call,
        .problem = struct {
            fn call(user: ?*const anyopaque, request: u32, problem: *const Problem) void {
                const self = of(user);
                if (request == self.request) self.outcome = .{ .problem = problem.* };
            }
        }.call,
    };

    fn ask(self: *Updates, device: *Device, method: []const u8, target: []const u8, headers: []const ports.Header) void {
        self.requests = (self.requests + 1) % own_requests;
        self.request = own_requests + self.requests;
        self.outcome = .none;
        device.begin(self.request, .own, method, target, "", headers);
    }

    fn openUpload(self: *Updates, device: *Device) void {
        var length: [24]u8 = undefined;
        var range: [80]u8 = undefined;
        var target: Bounded(96) = .{};
        const left = self.bytes - self.received;
        var headers = [_]ports.Header{
            .{ .name = .of("content-length"), .value = .of(std.fmt.bufPrint(&length, "{d}", .{left}) catch unreachable) },
            .{ .name = .of("content-range"), .value = .of(std.fmt.bufPrint(&range, "bytes {d}-{d}/{d}", .{ self.received, self.bytes - 1, self.bytes }) catch unreachable) },
        };
        switch (self.kind) {
            .model => target.print("/v1/models/{s}", .{self.slot.slice()}),
            .firmware => target.append("/v1/firmware?reboot=false"),
        }
        self.ask(device, if (self.kind == .model) "PUT" else "POST", target.slice(), headers[0..if (self.received > 0) 2 else 1]);
    }

    // ---- events

    /// Does what is due. Called after everything that may have changed something.
    pub fn advance(self: *Updates, device: *Device) void {
        switch (self.outcome) {
            .none => {},
            .success => self.succeeded(device),
            .problem => |problem| self.refused(device, &problem),
        }
        if (self.state != .QUEUED and self.state != .DOWNLOADING) return;
        if (self.state == .QUEUED or self.received < self.bytes) if (self.effort.spent(self.bytes, device.now())) |bound| return self.exhausted(device, bound);
        // While a request is fed with what comes, it notices silence itself.
        if (self.fetch != 0 and self.request == 0 and device.now() -| self.heard_us > limits.update_silence_us_max) {
            const finding = download.ofEnd(.timeout);
            return self.tryAgain(device, finding.code, "{s}", .{finding.words});
        }
        if (self.state != .QUEUED or self.fetch != 0 or self.request != 0 or device.now() < self.due_us) return;
        if (self.stored) |*pack| {
            if (storedIn(device, self.slot.slice(), pack)) return self.run(device);
            self.stored = null;
        }
        // Somebody else may have taken the place, or all of it may be there and only what followed have failed.
        if (self.received == self.bytes or self.received != self.held(device)) self.startAgain();
        self.fetches +%= 1;
        if (self.fetches == 0) self.fetches = 1;
        self.fetch = self.fetches;
        self.heard_us = device.now();
        self.effort.begin(device.now());
        device.port.fetch_start.?(device.port.user, self.fetch, .of(self.url.slice()), self.received);
    }

    fn startAgain(self: *Updates) void {
        self.received = 0;
        self.hash = .init(.{});
    }

    /// How much of the file is where it belongs, and can be gone on from.
    fn held(self: *const Updates, device: *const Device) u64 {
        switch (self.kind) {
            .model => {
                const storage = device.storage.?;
                const upload = &storage.upload;
                const same = upload.receiving() and upload.total_bytes == self.bytes and std.mem.eql(u8, storage.name(upload.slot), self.slot.slice());
                return if (same) upload.received else 0;
            },
            .firmware => return if (device.firmware.partial() and device.firmware.bytes == self.bytes) device.firmware.received else 0,
        }
    }

    fn storedIn(device: *const Device, slot_name: []const u8, pack: *const [32]u8) bool {
        const slots = &device.storage.?.slots;
        const slot = device.storage.?.find(slot_name) orelse return false;
        return slots.state.isReady(slot) and std.mem.eql(u8, &slots.state.slots[slot].sha256, pack);
    }

    fn succeeded(self: *Updates, device: *Device) void {
        self.request = 0;
        self.outcome = .none;
        if (self.state == .UPDATING) return self.enter(device, .UPDATED);
        self.enter(device, .VERIFIED);
        if (self.activate) self.run(device);
    }

    /// Runs what has arrived whole.
    fn run(self: *Updates, device: *Device) void {
        self.enter(device, .UPDATING);
        switch (self.kind) {
            .model => {
                var target: Bounded(96) = .{};
                target.print("/v1/models/{s}/activate", .{self.slot.slice()});
                const storage = device.storage.?;
                self.stored = storage.slots.state.slots[storage.find(self.slot.slice()).?].sha256;
                self.ask(device, "POST", target.slice(), &.{});
                device.requestEnd(self.request);
            },
            .firmware => {
                // Whether it stays is told after the start: by the boot event, and UPDATED once it is confirmed.
                const restart = device.port.reboot orelse return;
                device.mqtt.leave("firmware");
                restart(device.port.user);
            },
        }
    }

    fn refused(self: *Updates, device: *Device, problem: *const Problem) void {
        self.request = 0;
        const passing = switch (problem.status) {
            408, 429, 503 => true,
            409 => problem.code == .UPLOAD_IN_PROGRESS or problem.code == .SLOT_PENDING or problem.code == .FIRMWARE_ON_TRIAL,
            else => false,
        };
        // Someone else's upload may have taken the place of this one: then it begins anew.
        const moved = problem.code == .RANGE_MISMATCH;
        if (passing or moved) return self.tryAgain(device, problem.code, "{s}", .{problem.detail.slice()});
        self.stop(device);
        self.fail(device, problem.code, "{s}", .{problem.detail.slice()});
    }

    /// The server has answered. `length` is that of what it sends; 0: unknown. `media_type` may be empty.
    pub fn fetchHead(self: *Updates, device: *Device, fetch: u32, status: u32, length: u64, media_type: []const u8) void {
        if (fetch != self.fetch or fetch == 0 or self.state != .QUEUED) return;
        self.heard_us = device.now();
        switch (status) {
            // From its start, of which a part may be there: that is not written again.
            200 => self.skip = self.received,
            206 => if (self.received == 0) return self.giveUp(device, .RANGE_UNASKED, "the server sends a part of the file where all of it was asked for", .{}),
            else => {
                const finding = download.ofStatus(status);
                if (finding.passing) return self.tryAgain(device, finding.code, "{s}: it answered {d}", .{ finding.words, status });
                return self.giveUp(device, finding.code, "{s}: it answered {d}", .{ finding.words, status });
            },
        }
        const left = self.bytes - (self.received - self.skip);
        if (length != 0 and length != left) {
            if (download.isPageType(media_type)) return self.giveUp(device, .PAGE_INSTEAD, "the server sends a web page of {d} bytes in place of the file", .{length});
            return self.giveUp(device, .LENGTH_DIFFERS, "the server sends {d} bytes and {d} were announced", .{ length, left });
        }
        self.skipped = .init(.{});
        if (self.skip == 0) self.openUpload(device);
        self.told_parts = 0;
        if (self.outcome == .none) self.enter(device, .DOWNLOADING);
        self.advance(device);
    }

    pub fn fetchChunk(self: *Updates, device: *Device, fetch: u32, bytes: []const u8) void {
        if (fetch != self.fetch or fetch == 0 or self.state != .DOWNLOADING) return;
        self.heard_us = device.now();
        if (bytes.len > self.skip + (self.bytes - self.received)) return self.giveUp(device, .LENGTH_DIFFERS, "the server sends more than the {d} bytes that were announced", .{self.bytes});
        const known: usize = @intCast(@min(bytes.len, self.skip));
        self.effort.take(bytes.len, self.received + (bytes.len - known));
        if (known > 0) {
            self.skipped.update(bytes[0..known]);
            self.skip -= known;
            if (self.skip == 0) self.goOn(device);
        }
        if (self.state == .DOWNLOADING and self.outcome == .none) self.feed(device, bytes[known..]);
        self.advance(device);
    }

    /// What the server has sent so far is there already: the rest is taken, if it was the same.
    fn goOn(self: *Updates, device: *Device) void {
        var first = self.hash;
        if (!std.mem.eql(u8, &first.finalResult(), &self.skipped.finalResult())) return self.giveUp(device, .FILE_CHANGED, "the first {d} bytes of the server's file are not those that it sent before", .{self.received});
        self.openUpload(device);
    }

    fn feed(self: *Updates, device: *Device, bytes: []const u8) void {
        if (bytes.len == 0) return;
        if (self.received == 0 and bytes[0] != firstByte(self.kind)) {
            if (download.looksLikePage(bytes)) return self.giveUp(device, .PAGE_INSTEAD, "the server sends a web page in place of the file", .{});
            if (self.kind == .model) return self.giveUp(device, .NOT_A_PACK, "what the server sends does not begin like a packed model", .{});
            return self.giveUp(device, .NOT_AN_IMAGE, "what the server sends does not begin like an application image", .{});
        }
        self.hash.update(bytes);
        self.received += bytes.len;
        device.bodyChunk(self.request, bytes);
        const parts = self.received * limits.update_progress_parts / self.bytes;
        if (self.outcome == .none and parts > self.told_parts and self.received < self.bytes) {
            self.told_parts = parts;
            self.tell(device);
        }
    }

    fn firstByte(kind: Kind) u8 {
        return switch (kind) {
            .model => pack_prefix.magic[0],
            .firmware => app_image.magic,
        };
    }

    /// The connection has ended, well or not, or was never made.
    pub fn fetchEnd(self: *Updates, device: *Device, fetch: u32, result: download.Result) void {
        if (fetch != self.fetch or fetch == 0) return;
        self.fetch = 0;
        if (self.received < self.bytes or self.state != .DOWNLOADING) return self.endedEarly(device, result);
        var digest: [32]u8 = undefined;
        self.hash.final(&digest);
        if (!std.mem.eql(u8, &digest, &self.sha256)) {
            self.stop(device);
            if (self.kind == .model) if (device.storage) |storage| storage.upload.cancel();
            return self.fail(device, .DIGEST_WRONG, "the file is not the one that was announced: its SHA-256 is another", .{});
        }
        self.enter(device, .DOWNLOADED);
        device.requestEnd(self.request);
        self.advance(device);
    }

    fn endedEarly(self: *Updates, device: *Device, result: download.Result) void {
        const end = self.received - self.skip;
        if (result == .whole and self.state == .DOWNLOADING) {
            // Without a length, a connection that broke may look like the end of the file; at the same byte again, it was the end.
            if (self.ended_at == end) return self.giveUp(device, .LENGTH_DIFFERS, "the server's file ends after {d} bytes and {d} were announced", .{ end, self.bytes });
            self.ended_at = end;
        }
        const finding = download.ofEnd(result);
        if (!finding.passing) return self.giveUp(device, finding.code, "{s}", .{finding.words});
        if (self.received == 0) return self.tryAgain(device, finding.code, "{s}", .{finding.words});
        self.tryAgain(device, finding.code, "{s} after {d} of {d} bytes", .{ finding.words, self.received, self.bytes });
    }

    fn giveUp(self: *Updates, device: *Device, code: Code, comptime detail: []const u8, args: anytype) void {
        self.stop(device);
        self.fail(device, code, detail, args);
    }

    /// As an object's fields.
    pub fn describe(self: *const Updates, answer: *Answer) void {
        answer.field("state", @tagName(self.state));
        if (self.state == .IDLE) return;
        answer.field("kind", @tagName(self.kind));
        if (self.kind == .model) answer.field("slot", self.slot.slice());
        answer.fieldBoolean("activate", self.activate);
        var buffer: [limits.url_bytes_max + secrets.longer_max]u8 = undefined;
        answer.field("url", secrets.masked(self.url.slice(), &buffer));
        answer.fieldUnsigned("bytes", self.bytes);
        answer.fieldUnsigned("received_bytes", self.received);
        answer.key("sha256");
        answer.hex(&self.sha256);
        if (self.state == .FAILED or self.state == .QUEUED) if (self.code) |code| {
            answer.field("code", @tagName(code));
            answer.field("detail", self.detail.slice());
        };
    }
};
