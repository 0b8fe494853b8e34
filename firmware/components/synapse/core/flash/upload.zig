//! A model on its way into a slot: taken piece by piece as it arrives, a sector at a time erased and written, its
//! prefix last. Until the whole file was read back, its digest was right, and so was its signature where one is needed,
//! the slot is no model.
const std = @import("std");
const flash = @import("flash.zig");
const pack_prefix = @import("pack_prefix.zig");
const pack_signature = @import("pack_signature.zig");
const PackSignature = pack_signature.PackSignature;
const slots_module = @import("slots.zig");
const Slots = slots_module.Slots;
const SlotIndex = slots_module.SlotIndex;
const Reason = slots_module.Reason;
const update_keys = @import("update_keys.zig");

pub const Error = slots_module.Error || pack_prefix.Error || update_keys.Error || error{
    /// The board has update keys, and no signature follows the pack.
    SignatureMissing,
    /// Another upload has not ended.
    UploadInProgress,
    /// No upload is under way, or the one there was has failed.
    NoUpload,
    /// The slot has fewer bytes than the file.
    FileTooLarge,
    /// The prefix names another length than the client did.
    LengthDiffers,
    /// More bytes came than were announced.
    TooManyBytes,
    /// The file is not whole yet.
    Incomplete,
    /// What was read back is not what the prefix's SHA-256 says.
    DigestWrong,
};

pub const Progress = enum { more, done };

pub const Upload = struct {
    slots: *Slots,
    slot: SlotIndex = 0,
    /// Of all that comes: the pack, and its signature if it has one.
    total_bytes: u32 = 0,
    /// Of the pack alone, once its prefix has come.
    file_bytes: u32 = 0,
    /// Bytes taken so far: where a client that lost its connection goes on.
    received: u32 = 0,
    /// Sectors erased so far, from the start of the area.
    erased: u32 = 0,
    phase: Phase = .idle,
    digest: pack_prefix.Digest = undefined,
    /// Of what was read back.
    computed: Error![32]u8 = error.Incomplete,
    /// What the update keys say of the signature.
    approved: Error!void = {},
    signature: [pack_signature.bytes]u8 = undefined,
    prefix: [pack_prefix.bytes]u8 = undefined,
    /// Contents of the sector that is being filled, and where it starts.
    page: [flash.sector_bytes]u8 = undefined,

    const Phase = enum { idle, prefix, body, checking };

    pub fn active(upload: *const Upload) bool {
        return upload.phase != .idle;
    }

    /// Whether it can be gone on with: not all has come.
    pub fn receiving(upload: *const Upload) bool {
        return upload.phase == .prefix or upload.phase == .body;
    }

    /// Whether a file of this length, signed or not, may come to the slot, apart from an upload that is under way.
    pub fn acceptable(upload: *const Upload, slot: SlotIndex, total_bytes: u64) Error!void {
        if (upload.slots.state.active == slot) return error.SlotActive;
        if (upload.slots.state.trial == slot) return error.SlotPending;
        if (total_bytes <= pack_prefix.bytes) return error.NotAPack;
        if (total_bytes > upload.slots.areas[slot].bytes + pack_signature.bytes) return error.FileTooLarge;
    }

    /// Refuses what cannot work before anything is erased. The slot is untouched until the whole prefix has come.
    pub fn begin(upload: *Upload, slot: SlotIndex, total_bytes: u64) Error!void {
        if (upload.active()) return error.UploadInProgress;
        try upload.acceptable(slot, total_bytes);
        upload.* = .{ .slots = upload.slots, .slot = slot, .total_bytes = @intCast(total_bytes), .phase = .prefix };
    }

    /// The next bytes of the file, any number of them. Each full sector is erased and written before this returns.
    /// After an error the upload has ended, and the slot is broken unless nothing was erased yet.
    pub fn write(upload: *Upload, bytes: []const u8) Error!void {
        if (!upload.receiving()) return error.NoUpload;
        if (bytes.len > upload.total_bytes - upload.received) return upload.fail(.interrupted, error.TooManyBytes);
        var rest = bytes;
        while (rest.len > 0) {
            if (upload.phase == .body and upload.received >= upload.file_bytes) {
                @memcpy(upload.signature[upload.received - upload.file_bytes ..][0..rest.len], rest);
                upload.received += @intCast(rest.len);
                return;
            }
            const place = upload.received % flash.sector_bytes;
            const end = if (upload.phase == .prefix) pack_prefix.bytes else upload.file_bytes;
            const n = @min(rest.len, flash.sector_bytes - place, end - upload.received);
            @memcpy(upload.page[place..][0..n], rest[0..n]);
            upload.received += @intCast(n);
            rest = rest[n..];
            if (upload.phase == .prefix) {
                if (upload.received == pack_prefix.bytes) try upload.take();
            } else if (upload.received % flash.sector_bytes == 0 or
                upload.received == upload.file_bytes) try upload.flush();
        }
    }

    /// The prefix is whole: the last moment at which nothing has happened to the slot.
    fn take(upload: *Upload) Error!void {
        upload.prefix = upload.page[0..pack_prefix.bytes].*;
        const prefix = pack_prefix.PackPrefix.parse(&upload.prefix) catch |err| return upload.fail(.none, err);
        const signed = upload.total_bytes == @as(u64, prefix.file_bytes) + pack_signature.bytes;
        if (!signed and prefix.file_bytes != upload.total_bytes) return upload.fail(.none, error.LengthDiffers);
        if (prefix.file_bytes > upload.area().bytes) return upload.fail(.none, error.FileTooLarge);
        if (!signed and upload.slots.keys.required()) return upload.fail(.none, error.SignatureMissing);
        // The slot's old model may have been activated since the upload began.
        upload.acceptable(upload.slot, upload.total_bytes) catch |err| return upload.fail(.none, err);
        upload.file_bytes = prefix.file_bytes;
        var next = upload.slots.state;
        next.slots[upload.slot] = .{ .state = .writing, .file_bytes = upload.file_bytes, .sha256 = prefix.sha256 };
        upload.slots.commit(next) catch |err| return upload.fail(.none, err);
        upload.phase = .body;
        // The old prefix goes first, so that what is left of the old file cannot be taken for one.
        upload.eraseTo(1) catch |err| return upload.fail(.flash, err);
    }

    /// Erases one more sector than was needed so far, so that the next write finds it ready. For idle moments; false
    /// when there is none left.
    pub fn eraseAhead(upload: *Upload) Error!bool {
        if (upload.phase != .body or upload.erased >= upload.sectorCount()) return false;
        upload.eraseTo(upload.erased + 1) catch |err| return upload.fail(.flash, err);
        return true;
    }

    fn eraseTo(upload: *Upload, count: u32) flash.Error!void {
        while (upload.erased < count) : (upload.erased += 1) try upload.area().eraseSector(upload.erased);
    }

    fn flush(upload: *Upload) Error!void {
        const sector = (upload.received - 1) / flash.sector_bytes;
        const filled = upload.received - sector * flash.sector_bytes;
        const start: u32 = if (sector == 0) pack_prefix.bytes else 0;
        if (filled <= start) return;
        const end = std.mem.alignForward(u32, filled, flash.unit_bytes);
        @memset(upload.page[filled..end], 0xff);
        upload.eraseTo(sector + 1) catch |err| return upload.fail(.flash, err);
        upload.area().write(
            sector * flash.sector_bytes + start,
            upload.page[start..end],
        ) catch |err| return upload.fail(.flash, err);
    }

    /// After the last byte: from here on what was written is read back.
    pub fn beginCheck(upload: *Upload) Error!void {
        if (!upload.receiving()) return error.NoUpload;
        if (upload.phase == .prefix or upload.received != upload.total_bytes) return error.Incomplete;
        upload.phase = .checking;
        upload.computed = error.Incomplete;
        upload.digest = .start(upload.area(), upload.prefix[0..32], upload.file_bytes);
    }

    /// Reads back at most `bytes_max`; `complete` follows when it says done. Writes nothing and touches nothing but the
    /// upload, so that a worker may do it while the event side leaves the upload alone.
    pub fn check(upload: *Upload, bytes_max: u32) Progress {
        const digest = (upload.digest.step(&upload.page, bytes_max) catch {
            upload.computed = error.FlashFailed;
            return .done;
        }) orelse return .more;
        upload.computed = digest;
        if (upload.slots.keys.required() and upload.isRight(&digest)) upload.approved = upload.slots.keys.check(
            &digest,
            &upload.signature,
        );
        return .done;
    }

    /// After the last `check`: makes the slot ready, or says why it is broken.
    pub fn complete(upload: *Upload) Error!void {
        if (upload.phase != .checking) return error.NoUpload;
        const digest = upload.computed catch |err| return upload.fail(.flash, err);
        if (!upload.isRight(&digest)) return upload.fail(.digest, error.DigestWrong);
        upload.approved catch |err| return upload.fail(.signature, err);
        upload.area().writeChecked(0, &upload.prefix) catch |err| return upload.fail(.flash, err);
        var next = upload.slots.state;
        next.slots[upload.slot].state = .ready;
        if (upload.slots.keys.required()) {
            const signature = PackSignature.parse(&upload.signature).?;
            next.slots[upload.slot].signer = signature.key[0..slots_module.signer_bytes].*;
        }
        upload.slots.commit(next) catch |err| return upload.fail(.flash, err);
        upload.phase = .idle;
    }

    /// All of the above, for callers that can wait: call until it says done.
    pub fn finish(upload: *Upload, bytes_max: u32) Error!Progress {
        if (upload.phase != .checking) try upload.beginCheck();
        if (upload.check(bytes_max) == .more) return .more;
        try upload.complete();
        return .done;
    }

    /// The client will not come back. The slot is broken if anything was written to it.
    pub fn cancel(upload: *Upload) void {
        upload.close(.interrupted);
    }

    fn isRight(upload: *const Upload, digest: *const [32]u8) bool {
        return std.mem.eql(u8, digest, upload.prefix[32..64]);
    }

    fn fail(upload: *Upload, reason: Reason, err: Error) Error {
        upload.close(reason);
        return err;
    }

    fn close(upload: *Upload, reason: Reason) void {
        const touched = upload.phase == .body or upload.phase == .checking;
        upload.phase = .idle;
        if (!touched) return;
        // A flash that does not take this either leaves WRITING in the record,
        // which the next boot reads as interrupted.
        upload.slots.giveUp(upload.slot, reason) catch {};
    }

    fn sectorCount(upload: *const Upload) u32 {
        return std.math.divCeil(u32, upload.file_bytes, flash.sector_bytes) catch unreachable;
    }

    fn area(upload: *const Upload) flash.Area {
        return upload.slots.areas[upload.slot];
    }
};
