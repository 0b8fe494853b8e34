//! Updates that the board fetches itself: told where a file lies, how long it is and what its SHA-256 is, the board downloads it, in as many tries as it
//! takes, and feeds it to the very routes that take uploads. The port makes the connections.
const std = @import("std");
const Answer = @import("answer.zig").Answer;
const Bounded = @import("problem.zig").Bounded;
const Device = @import("device.zig").Device;
const events = @import("mqtt/events.zig");
const limits = @import("limits.zig");
const ports = @import("port.zig");
const Problem = @import("problem.zig").Problem;
const Sink = @import("sink.zig").Sink;
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
};

pub const Updates = struct {
    state: State = .IDLE,
    kind: Kind = .model,
    url: Bounded(limits.url_bytes_max) = .{},
    slot: Bounded(limits.slot_name_bytes_max) = .{},
    bytes: u64 = 0,
    sha256: [32]u8 = undefined,
    activate: bool = true,
    received: u64 = 0,
    /// Of what has been received.
    hash: Sha256 = undefined,
    /// Why the update failed, or waits for another try.
    code: []const u8 = "",
    detail: Bounded(240) = .{},
    tries: u32 = 0,
    due_us: u64 = 0,
    told_parts: u64 = 0,
    /// The download under way; 0: none.
    fetch: u32 = 0,
    fetches: u32 = 0,
    asked_us: u64 = 0,
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
        self.fail(device, "CANCELLED", "the update was cancelled", .{});
    }

    /// The owner who asked for it is the owner no more. Nothing more is fetched or run; what has arrived whole is checked to its end and stays in its place.
    pub fn forget(self: *Updates, device: *Device) void {
        self.stop(device);
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

    fn fail(self: *Updates, device: *Device, code: []const u8, comptime detail: []const u8, args: anytype) void {
        self.code = code;
        self.detail = .{};
        self.detail.print(detail, args);
        device.log(.err, self.detail.slice());
        self.enter(device, .FAILED);
    }

    /// Ends the download and the request that it feeds.
    fn stop(self: *Updates, device: *Device) void {
        if (self.fetch != 0) device.port.fetch_cancel.?(device.port.user, self.fetch);
        self.fetch = 0;
        if (self.request != 0) device.requestClosed(self.request);
        self.request = 0;
        self.outcome = .none;
    }

    fn tryAgain(self: *Updates, device: *Device, code: []const u8, comptime detail: []const u8, args: anytype) void {
        self.stop(device);
        self.tries += 1;
        if (self.tries >= limits.update_tries_max) return self.fail(device, code, detail, args);
        self.code = code;
        self.detail = .{};
        self.detail.print(detail, args);
        const wait_s: u64 = @min(@as(u64, 1) << @intCast(self.tries), limits.update_wait_s_max);
        self.due_us = device.now() + wait_s * 500_000 + randomPart(device, wait_s * 500_000);
        self.enter(device, .QUEUED);
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
        device.begin(self.request, .own, method, target, headers);
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
        if (self.state == .QUEUED and self.fetch != 0 and device.now() -| self.asked_us > limits.update_silence_us_max)
            return self.tryAgain(device, "SERVER_SILENT", "the server did not answer", .{});
        if (self.state != .QUEUED or self.fetch != 0 or self.request != 0 or device.now() < self.due_us) return;
        // All of it may be there already, and only what followed have failed.
        if (self.bytes == self.received) return self.startAgain();
        self.fetches +%= 1;
        if (self.fetches == 0) self.fetches = 1;
        self.fetch = self.fetches;
        self.asked_us = device.now();
        device.port.fetch_start.?(device.port.user, self.fetch, .of(self.url.slice()), self.received);
    }

    fn startAgain(self: *Updates) void {
        self.received = 0;
        self.hash = .init(.{});
    }

    fn succeeded(self: *Updates, device: *Device) void {
        self.request = 0;
        self.outcome = .none;
        if (self.state == .UPDATING) return self.enter(device, .UPDATED);
        self.enter(device, .VERIFIED);
        if (!self.activate) return;
        self.enter(device, .UPDATING);
        switch (self.kind) {
            .model => {
                var target: Bounded(96) = .{};
                target.print("/v1/models/{s}/activate", .{self.slot.slice()});
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
            409 => std.mem.eql(u8, problem.code, "UPLOAD_IN_PROGRESS") or std.mem.eql(u8, problem.code, "SLOT_PENDING") or std.mem.eql(u8, problem.code, "FIRMWARE_ON_TRIAL"),
            else => false,
        };
        // Someone else's upload may have taken the place of this one.
        const moved = std.mem.eql(u8, problem.code, "RANGE_MISMATCH");
        if (moved or self.kind == .firmware) self.startAgain();
        if (passing or moved) return self.tryAgain(device, problem.code, "{s}", .{problem.detail.slice()});
        self.stop(device);
        self.fail(device, problem.code, "{s}", .{problem.detail.slice()});
    }

    /// The server has answered. `length` is that of what it sends; 0: unknown.
    pub fn fetchHead(self: *Updates, device: *Device, fetch: u32, status: u32, length: u64) void {
        if (fetch != self.fetch or fetch == 0 or self.state != .QUEUED) return;
        switch (status) {
            200 => self.startAgain(),
            206 => if (self.received == 0) return self.giveUp(device, "RANGE_UNASKED", "the server sends a part of the file where all of it was asked for", .{}),
            408, 425, 429, 500...599 => return self.tryAgain(device, "SERVER_BUSY", "the server answered {d}", .{status}),
            else => return self.giveUp(device, "SERVER_REFUSED", "the server answered {d}", .{status}),
        }
        const left = self.bytes - self.received;
        if (length != 0 and length != left) return self.giveUp(device, "LENGTH_DIFFERS", "the server sends {d} bytes and {d} were announced", .{ length, left });
        self.openUpload(device);
        self.told_parts = 0;
        if (self.outcome == .none) self.enter(device, .DOWNLOADING);
        self.advance(device);
    }

    pub fn fetchChunk(self: *Updates, device: *Device, fetch: u32, bytes: []const u8) void {
        if (fetch != self.fetch or fetch == 0 or self.state != .DOWNLOADING) return;
        if (bytes.len > self.bytes - self.received) return self.giveUp(device, "LENGTH_DIFFERS", "the server sends more than the {d} bytes that were announced", .{self.bytes});
        self.hash.update(bytes);
        self.received += bytes.len;
        self.tries = 0;
        device.bodyChunk(self.request, bytes);
        const parts = self.received * limits.update_progress_parts / self.bytes;
        if (self.outcome == .none and parts > self.told_parts and self.received < self.bytes) {
            self.told_parts = parts;
            self.tell(device);
        }
        self.advance(device);
    }

    /// The connection has ended, well or not.
    pub fn fetchEnd(self: *Updates, device: *Device, fetch: u32, whole: bool) void {
        if (fetch != self.fetch or fetch == 0) return;
        self.fetch = 0;
        if (self.received < self.bytes) {
            if (self.kind == .firmware) self.startAgain();
            return self.tryAgain(device, "DOWNLOAD_BROKE", "the download {s} after {d} of {d} bytes", .{ if (whole) "ended" else "broke", self.received, self.bytes });
        }
        var digest: [32]u8 = undefined;
        self.hash.final(&digest);
        if (!std.mem.eql(u8, &digest, &self.sha256)) {
            self.stop(device);
            if (self.kind == .model) if (device.storage) |storage| storage.upload.cancel();
            return self.fail(device, "DIGEST_WRONG", "the file is not the one that was announced: its SHA-256 is another", .{});
        }
        self.enter(device, .DOWNLOADED);
        device.requestEnd(self.request);
        self.advance(device);
    }

    fn giveUp(self: *Updates, device: *Device, code: []const u8, comptime detail: []const u8, args: anytype) void {
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
        answer.field("url", self.url.slice());
        answer.fieldUnsigned("bytes", self.bytes);
        answer.fieldUnsigned("received_bytes", self.received);
        answer.key("sha256");
        answer.hex(&self.sha256);
        if (self.code.len > 0 and (self.state == .FAILED or self.state == .QUEUED)) {
            answer.field("code", self.code);
            answer.field("detail", self.detail.slice());
        }
    }
};
