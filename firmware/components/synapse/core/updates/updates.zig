//! Updates that the board fetches itself: told where a file lies, how long it is and what its SHA-256 is, the board
//! downloads it, in as many tries as it takes, and feeds it to the very routes that take uploads.
//! The port makes the connections.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Bounded = @import("../wire/problem.zig").Bounded;
const Code = @import("../wire/code.zig").Code;
const Device = @import("../request/device.zig").Device;
const download = @import("download.zig");
const Effort = @import("../board/effort.zig").Effort;
const Kind = @import("../board/update.zig").Kind;
const State = @import("../board/update.zig").State;
const Update = @import("../board/update.zig").Update;
const ask = @import("own_requests.zig").ask;
const intake = @import("../request/intake.zig");
const schedule = @import("../request/schedule.zig");
const limits = @import("../limits.zig");
const app_image = @import("../firmware/app_image.zig");
const pack_prefix = @import("../flash/pack_prefix.zig");
const ports = @import("../port.zig");
const Right = @import("../board/access.zig").Right;
const rights = @import("../request/rights.zig");
const Problem = @import("../wire/problem.zig").Problem;
const secrets = @import("../board/secrets.zig");
const Sha256 = @import("../sha256.zig").Sha256;

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

pub fn queue(device: *Device, asked: *const Asked) void {
    const self = device.update;
    self.* = .{
        .kind = asked.kind,
        .bytes = asked.bytes,
        .sha256 = asked.sha256,
        .activate = asked.activate,
        .right = asked.right,
        .due_us = device.now() + randomPart(device, asked.spread_s * 1_000_000),
        .hash = .init(),
        .fetches = self.fetches,
        .requests = self.requests,
    };
    self.url.append(asked.url);
    self.slot.append(asked.slot);
    enter(device, .QUEUED);
}

/// Nobody wants the update any more.
pub fn cancel(device: *Device) void {
    stop(device);
    fail(device, .CANCELLED, "the update was cancelled", .{});
}

/// Ends the update if whoever asked for it may not any more. The requests that it makes of the
/// board end as all others do.
pub fn enforce(device: *Device) void {
    const self = device.update;
    const storage = device.storage orelse return;
    if (!self.busy() or storage.access.holds(self.right)) return;
    self.request = 0;
    stop(device);
    if (self.kind == .model and held(device) > 0) storage.upload.cancel();
    const problem = rights.lost(device, .own);
    fail(device, problem.code, "{s}", .{problem.detail.slice()});
}

/// The owner who asked for it is the owner no more, and what was asked for is nobody else's to know.
pub fn forget(device: *Device) void {
    const self = device.update;
    stop(device);
    drop(device);
    self.* = .{ .fetches = self.fetches, .requests = self.requests };
}

fn randomPart(device: *const Device, most: u64) u64 {
    var bytes: [8]u8 = undefined;
    device.port.random(device.port.user, &bytes, bytes.len);
    return if (most == 0) 0 else std.mem.readInt(u64, &bytes, .little) % most;
}

fn enter(device: *Device, state: State) void {
    const self = device.update;
    self.state = state;
    tell(device);
}

fn tell(device: *Device) void {
    device.tell(.update);
}

fn fail(device: *Device, code: Code, comptime detail: []const u8, args: anytype) void {
    const self = device.update;
    explain(self, code, detail, args);
    fallen(device);
}

fn explain(self: *Update, code: Code, comptime detail: []const u8, args: anytype) void {
    self.code = code;
    self.detail = .{};
    self.detail.print(detail, args);
}

fn fallen(device: *Device) void {
    drop(device);
    report(device, .err);
    enter(device, .FAILED);
}

fn report(device: *Device, level: ports.LogLevel) void {
    const self = device.update;
    var line: Bounded(240) = .{};
    line.print("update: {t}: {s}", .{ self.code.?, self.detail.slice() });
    device.log(level, line.slice());
}

/// Ends the download and the request that it feeds. What arrived stays, for the next download to go on from.
fn stop(device: *Device) void {
    const self = device.update;
    if (self.fetch != 0) device.port.fetch_cancel.?(device.port.user, self.fetch);
    self.fetch = 0;
    if (self.request != 0) schedule.requestClosed(device, self.request);
    self.request = 0;
    self.outcome = .none;
    self.skip = 0;
}

/// A firmware of which only a part has come is of no use to anybody else. Of a model a client may send the rest.
fn drop(device: *Device) void {
    const self = device.update;
    if (self.state != .QUEUED and self.state != .DOWNLOADING) return;
    if (self.kind == .firmware and self.received > 0 and
        device.firmware.partial()) device.firmware.cancel(&device.port);
}

fn tryAgain(device: *Device, code: Code, comptime detail: []const u8, args: anytype) void {
    const self = device.update;
    const again = self.code == code;
    stop(device);
    explain(self, code, detail, args);
    if (self.effort.ended(self.bytes, device.now())) |bound| return exhausted(device, bound);
    // What fails the same way again is not worth another line.
    if (!again) report(device, .warn);
    const wait_s: u64 = @min(@as(u64, 1) << @intCast(self.effort.tries), limits.update_wait_s_max);
    self.due_us = device.now() + wait_s * 500_000 + randomPart(device, wait_s * 500_000);
    enter(device, .QUEUED);
}

/// Fails at a bound, with why the last try ended.
fn exhausted(device: *Device, bound: Effort.Bound) void {
    const self = device.update;
    stop(device);
    const effort = &self.effort;
    if (bound.code()) |code| self.code = code;
    if (self.detail.len > 0) self.detail.append("; ");
    switch (bound) {
        .tries => self.detail.print("{d} tries in a row brought nothing new", .{effort.tries}),
        .downloads => self.detail.print(
            "{d} downloads, the most for one update, did not bring the whole file",
            .{effort.downloads},
        ),
        .bytes => self.detail.print(
            "{d} bytes were received, more than {d} times the file's {d}",
            .{ effort.bytes, limits.update_bytes_factor_max, self.bytes },
        ),
        .time => self.detail.print(
            "the file did not come within {d} hours",
            .{limits.update_time_us_max / 3_600_000_000},
        ),
    }
    fallen(device);
}

// ---- what the board asks of itself

fn openUpload(device: *Device) void {
    const self = device.update;
    var length: [24]u8 = undefined;
    var range: [80]u8 = undefined;
    var target: Bounded(96) = .{};
    const left = self.bytes - self.received;
    var headers = [_]ports.Header{
        .{ .name = .of("content-length"), .value = .of(std.fmt.bufPrint(&length, "{d}", .{left}) catch unreachable) },
        .{
            .name = .of("content-range"),
            .value = .of(std.fmt.bufPrint(
                &range,
                "bytes {d}-{d}/{d}",
                .{ self.received, self.bytes - 1, self.bytes },
            ) catch unreachable),
        },
    };
    switch (self.kind) {
        .model => target.print("/v1/models/{s}", .{self.slot.slice()}),
        .firmware => target.append("/v1/firmware?reboot=false"),
    }
    ask(
        device,
        if (self.kind == .model) "PUT" else "POST",
        target.slice(),
        headers[0..if (self.received > 0) 2 else 1],
    );
}

// ---- events

/// Does what is due. Called after everything that may have changed something.
pub fn advance(device: *Device) void {
    const self = device.update;
    switch (self.outcome) {
        .none => {},
        .success => succeeded(device),
        .problem => |problem| refused(device, &problem),
    }
    if (self.state != .QUEUED and self.state != .DOWNLOADING) return;
    if (self.state == .QUEUED or self.received < self.bytes) if (self.effort.spent(
        self.bytes,
        device.now(),
    )) |bound| return exhausted(device, bound);
    // While a request is fed with what comes, it notices silence itself.
    if (self.fetch != 0 and self.request == 0 and device.now() -| self.heard_us > limits.update_silence_us_max) {
        const finding = download.ofEnd(.timeout);
        return tryAgain(device, finding.code, "{s}", .{finding.words});
    }
    if (self.state != .QUEUED or self.fetch != 0 or self.request != 0 or device.now() < self.due_us) return;
    if (self.stored) |*pack| {
        if (storedIn(device, self.slot.slice(), pack)) return run(device);
        self.stored = null;
    }
    // Somebody else may have taken the place, or all of it may be there and only what followed have failed.
    if (self.received == self.bytes or self.received != held(device)) startAgain(self);
    self.fetches +%= 1;
    if (self.fetches == 0) self.fetches = 1;
    self.fetch = self.fetches;
    self.heard_us = device.now();
    self.effort.begin(device.now());
    device.port.fetch_start.?(device.port.user, self.fetch, .of(self.url.slice()), self.received);
}

fn startAgain(self: *Update) void {
    self.received = 0;
    self.hash = .init();
}

/// How much of the file is where it belongs, and can be gone on from.
fn held(device: *const Device) u64 {
    const self = device.update;
    switch (self.kind) {
        .model => {
            const storage = device.storage.?;
            const upload = &storage.upload;
            const same = upload.receiving() and upload.total_bytes == self.bytes and std.mem.eql(
                u8,
                storage.name(upload.slot),
                self.slot.slice(),
            );
            return if (same) upload.received else 0;
        },
        .firmware => return if (device.firmware.partial() and
            device.firmware.bytes == self.bytes) device.firmware.received else 0,
    }
}

fn storedIn(device: *const Device, slot_name: []const u8, pack: *const [32]u8) bool {
    const slots = &device.storage.?.slots;
    const slot = device.storage.?.find(slot_name) orelse return false;
    return slots.state.isReady(slot) and std.mem.eql(u8, &slots.state.slots[slot].sha256, pack);
}

fn succeeded(device: *Device) void {
    const self = device.update;
    self.request = 0;
    self.outcome = .none;
    if (self.state == .UPDATING) return enter(device, .UPDATED);
    enter(device, .VERIFIED);
    if (self.activate) run(device);
}

/// Runs what has arrived whole.
fn run(device: *Device) void {
    const self = device.update;
    enter(device, .UPDATING);
    switch (self.kind) {
        .model => {
            var target: Bounded(96) = .{};
            target.print("/v1/models/{s}/activate", .{self.slot.slice()});
            const storage = device.storage.?;
            self.stored = storage.slots.state.slots[storage.find(self.slot.slice()).?].sha256;
            ask(device, "POST", target.slice(), &.{});
            intake.requestEnd(device, self.request);
        },
        .firmware => {
            // Whether it stays is told after the start: by the boot event, and UPDATED once it is confirmed.
            const restart = device.port.reboot orelse return;
            device.tell(.{ .leaving = "firmware" });
            restart(device.port.user);
        },
    }
}

fn refused(device: *Device, problem: *const Problem) void {
    const self = device.update;
    self.request = 0;
    const passing = switch (problem.status) {
        408, 429, 503 => true,
        409 => problem.code == .UPLOAD_IN_PROGRESS or problem.code == .SLOT_PENDING or
            problem.code == .FIRMWARE_ON_TRIAL,
        else => false,
    };
    // Someone else's upload may have taken the place of this one: then it begins anew.
    const moved = problem.code == .RANGE_MISMATCH;
    if (passing or moved) return tryAgain(device, problem.code, "{s}", .{problem.detail.slice()});
    stop(device);
    fail(device, problem.code, "{s}", .{problem.detail.slice()});
}

/// The server has answered. `length` is that of what it sends; 0: unknown. `media_type` may be empty.
pub fn fetchHead(device: *Device, fetch: u32, status: u32, length: u64, media_type: []const u8) void {
    const self = device.update;
    if (fetch != self.fetch or fetch == 0 or self.state != .QUEUED) return;
    self.heard_us = device.now();
    switch (status) {
        // From its start, of which a part may be there: that is not written again.
        200 => self.skip = self.received,
        206 => if (self.received == 0) return giveUp(
            device,
            .RANGE_UNASKED,
            "the server sends a part of the file where all of it was asked for",
            .{},
        ),
        else => {
            const finding = download.ofStatus(status);
            if (finding.passing) return tryAgain(
                device,
                finding.code,
                "{s}: it answered {d}",
                .{ finding.words, status },
            );
            return giveUp(device, finding.code, "{s}: it answered {d}", .{ finding.words, status });
        },
    }
    const left = self.bytes - (self.received - self.skip);
    if (length != 0 and length != left) {
        if (download.isPageType(media_type)) return giveUp(
            device,
            .PAGE_INSTEAD,
            "the server sends a web page of {d} bytes in place of the file",
            .{length},
        );
        return giveUp(device, .LENGTH_DIFFERS, "the server sends {d} bytes and {d} were announced", .{ length, left });
    }
    self.skipped = .init();
    if (self.skip == 0) openUpload(device);
    self.told_parts = 0;
    if (self.outcome == .none) enter(device, .DOWNLOADING);
    advance(device);
}

pub fn fetchChunk(device: *Device, fetch: u32, bytes: []const u8) void {
    const self = device.update;
    if (fetch != self.fetch or fetch == 0 or self.state != .DOWNLOADING) return;
    self.heard_us = device.now();
    if (bytes.len > self.skip + (self.bytes - self.received)) return giveUp(
        device,
        .LENGTH_DIFFERS,
        "the server sends more than the {d} bytes that were announced",
        .{self.bytes},
    );
    const known: usize = @intCast(@min(bytes.len, self.skip));
    self.effort.take(bytes.len, self.received + (bytes.len - known));
    if (known > 0) {
        self.skipped.update(bytes[0..known]);
        self.skip -= known;
        if (self.skip == 0) goOn(device);
    }
    if (self.state == .DOWNLOADING and self.outcome == .none) feed(device, bytes[known..]);
    advance(device);
}

/// What the server has sent so far is there already: the rest is taken, if it was the same.
fn goOn(device: *Device) void {
    const self = device.update;
    var first = self.hash;
    if (!std.mem.eql(u8, &first.finalResult(), &self.skipped.finalResult())) return giveUp(
        device,
        .FILE_CHANGED,
        "the first {d} bytes of the server's file are not those that it sent before",
        .{self.received},
    );
    openUpload(device);
}

fn feed(device: *Device, bytes: []const u8) void {
    const self = device.update;
    if (bytes.len == 0) return;
    if (self.received == 0 and bytes[0] != firstByte(self.kind)) {
        if (download.looksLikePage(bytes)) return giveUp(
            device,
            .PAGE_INSTEAD,
            "the server sends a web page in place of the file",
            .{},
        );
        if (self.kind == .model) return giveUp(
            device,
            .NOT_A_PACK,
            "what the server sends does not begin like a packed model",
            .{},
        );
        return giveUp(device, .NOT_AN_IMAGE, "what the server sends does not begin like an application image", .{});
    }
    self.hash.update(bytes);
    self.received += bytes.len;
    intake.bodyChunk(device, self.request, bytes);
    const parts = self.received * limits.update_progress_parts / self.bytes;
    if (self.outcome == .none and parts > self.told_parts and self.received < self.bytes) {
        self.told_parts = parts;
        tell(device);
    }
}

fn firstByte(kind: Kind) u8 {
    return switch (kind) {
        .model => pack_prefix.magic[0],
        .firmware => app_image.magic,
    };
}

/// The connection has ended, well or not, or was never made.
pub fn fetchEnd(device: *Device, fetch: u32, result: download.Result) void {
    const self = device.update;
    if (fetch != self.fetch or fetch == 0) return;
    self.fetch = 0;
    if (self.received < self.bytes or self.state != .DOWNLOADING) return endedEarly(device, result);
    var digest: [32]u8 = undefined;
    self.hash.final(&digest);
    if (!std.mem.eql(u8, &digest, &self.sha256)) {
        stop(device);
        if (self.kind == .model) if (device.storage) |storage| storage.upload.cancel();
        return fail(device, .DIGEST_WRONG, "the file is not the one that was announced: its SHA-256 is another", .{});
    }
    enter(device, .DOWNLOADED);
    intake.requestEnd(device, self.request);
    advance(device);
}

fn endedEarly(device: *Device, result: download.Result) void {
    const self = device.update;
    const end = self.received - self.skip;
    if (result == .whole and self.state == .DOWNLOADING) {
        // Without a length, a connection that broke may look like the end of the file; at the same byte again,
        // it was the end.
        if (self.ended_at == end) return giveUp(
            device,
            .LENGTH_DIFFERS,
            "the server's file ends after {d} bytes and {d} were announced",
            .{ end, self.bytes },
        );
        self.ended_at = end;
    }
    const finding = download.ofEnd(result);
    if (!finding.passing) return giveUp(device, finding.code, "{s}", .{finding.words});
    if (self.received == 0) return tryAgain(device, finding.code, "{s}", .{finding.words});
    tryAgain(device, finding.code, "{s} after {d} of {d} bytes", .{ finding.words, self.received, self.bytes });
}

fn giveUp(device: *Device, code: Code, comptime detail: []const u8, args: anytype) void {
    stop(device);
    fail(device, code, detail, args);
}

/// As an object's fields.
pub fn describe(self: *const Update, answer: *Answer) void {
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
