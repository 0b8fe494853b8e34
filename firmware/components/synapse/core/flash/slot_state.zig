//! What is recorded about the model slots: one payload of the record ring.
const std = @import("std");
const RecordRing = @import("record_ring.zig").RecordRing;
const UpdateKeys = @import("update_keys.zig").UpdateKeys;

pub const slot_count = 2;
pub const SlotIndex = u1;

/// "SYNS"
pub const Ring = RecordRing(0x534e5953, 128);

pub const State = enum(u8) {
    /// Nothing usable was ever there.
    empty = 0,
    /// An upload is being written; at boot this means that it was interrupted.
    writing = 1,
    /// A whole file whose digest was right when it was read back.
    ready = 2,
    /// What is there must not be run; `reason` says why.
    broken = 3,
};

pub const Reason = enum(u8) {
    none = 0,
    /// The upload ended early, or power did.
    interrupted = 1,
    /// The contents are not what their SHA-256 says.
    digest = 2,
    /// The flash did not hold what was written.
    flash = 3,
    /// The runtime does not open it, or it does not fit the board's memory.
    refused = 4,
    /// Its golden vectors came out differently.
    golden = 5,
    /// The board reset while it was on trial; the file itself is whole.
    returned = 6,
    /// It is not signed by one of the board's update keys.
    signature = 7,
};

pub const Signer = @import("pack_signature.zig").Signer;
pub const nobody: Signer = @splat(0);

pub const SlotState = struct {
    state: State = .empty,
    reason: Reason = .none,
    /// Whose signature was checked when it came. The board may have other keys since.
    signer: Signer = nobody,
    file_bytes: u32 = 0,
    /// Of the file's prefix.
    sha256: [32]u8 = @splat(0),
};

pub const SlotsState = struct {
    /// The slot whose model the board runs.
    active: ?SlotIndex = null,
    /// The slot whose model is PENDING.
    trial: ?SlotIndex = null,
    /// Boots since the board last said that it is healthy.
    boots: u8 = 0,
    slots: [slot_count]SlotState = @splat(.{}),

    const layout_version = 1;
    const none = 0xff;
    const slot_bytes = 40;
    const signers_offset = 8 + slot_count * slot_bytes;

    pub fn encode(state: *const SlotsState) Ring.Payload {
        var payload: Ring.Payload = @splat(0);
        payload[0] = layout_version;
        payload[1] = if (state.active) |slot| slot else none;
        payload[2] = if (state.trial) |slot| slot else none;
        payload[3] = state.boots;
        for (&state.slots, 0..) |*slot, i| {
            const out = payload[8 + i * slot_bytes ..][0..slot_bytes];
            out[0] = @backingInt(slot.state);
            out[1] = @backingInt(slot.reason);
            std.mem.writeInt(u32, out[4..8], slot.file_bytes, .little);
            out[8..40].* = slot.sha256;
            payload[signers_offset + i * slot.signer.len ..][0..slot.signer.len].* = slot.signer;
        }
        return payload;
    }

    /// Null when the payload is not one of this layout. What it says may still contradict itself:
    /// `settle` sees to that.
    pub fn decode(payload: *const Ring.Payload) ?SlotsState {
        if (payload[0] != layout_version) return null;
        var state: SlotsState = .{ .boots = payload[3] };
        state.active = slotOf(payload[1]) catch return null;
        state.trial = slotOf(payload[2]) catch return null;
        for (&state.slots, 0..) |*slot, i| {
            const in = payload[8 + i * slot_bytes ..][0..slot_bytes];
            slot.* = .{
                .state = std.enums.fromInt(State, in[0]) orelse return null,
                .reason = std.enums.fromInt(Reason, in[1]) orelse return null,
                .signer = payload[signers_offset + i * @sizeOf(Signer) ..][0..@sizeOf(Signer)].*,
                .file_bytes = std.mem.readInt(u32, in[4..8], .little),
                .sha256 = in[8..40].*,
            };
        }
        return state;
    }

    fn slotOf(byte: u8) error{Invalid}!?SlotIndex {
        if (byte == none) return null;
        if (byte >= slot_count) return error.Invalid;
        return @intCast(byte);
    }

    /// Only whole files within their area are active or on trial. In place of an active one that is neither comes the
    /// other slot's, if `keys` let it.
    pub fn settle(state: *SlotsState, area_bytes: [slot_count]u32, keys: *const UpdateKeys) void {
        for (&state.slots, area_bytes) |*slot, bytes| {
            if (slot.state == .ready and slot.file_bytes > bytes) slot.* = .{ .state = .broken, .reason = .refused };
        }
        if (state.trial) |slot| if (!state.isReady(slot) or state.active == slot) {
            state.trial = null;
        };
        if (state.active) |slot| if (!state.isReady(slot)) {
            const other = slot ^ 1;
            state.active = if (state.isReady(other) and keys.allow(&state.slots[other].signer)) other else null;
            if (state.trial == state.active) state.trial = null;
        };
    }

    pub fn isReady(state: *const SlotsState, slot: SlotIndex) bool {
        return state.slots[slot].state == .ready;
    }
};

test "a state survives its record" {
    var state: SlotsState = .{ .active = 1, .boots = 3 };
    state.slots[1] = .{
        .state = .ready,
        .reason = .returned,
        .signer = "key id 1".*,
        .file_bytes = 123_456,
        .sha256 = @splat(7),
    };
    try std.testing.expectEqualDeep(state, SlotsState.decode(&state.encode()).?);
}

test "no payload makes a slot active that is not whole" {
    const seed = std.testing.random_seed;
    errdefer std.debug.print("seed: 0x{x}\n", .{seed});
    var source: std.Random.DefaultPrng = .init(seed);
    const random = source.random();
    var decoded: u32 = 0;
    for (0..20_000) |_| {
        var payload: Ring.Payload = undefined;
        random.bytes(&payload);
        // Small numbers, so that most payloads pass the first look.
        payload[0] = 1;
        payload[1] = if (random.boolean()) 0xff else payload[1] % 3;
        payload[2] = if (random.boolean()) 0xff else payload[2] % 2;
        for (0..slot_count) |i| {
            payload[8 + i * 40] %= 4;
            payload[9 + i * 40] %= 8;
            payload[8 + i * 40 + 7] = 0;
        }
        var state = SlotsState.decode(&payload) orelse continue;
        decoded += 1;
        state.settle(.{ 1 << 23, 1 << 22 }, &.none);
        if (state.active) |slot| try std.testing.expect(state.isReady(slot));
        if (state.trial) |slot| try std.testing.expect(state.isReady(slot) and state.active != slot);
        try std.testing.expect(!state.isReady(1) or state.slots[1].file_bytes <= 1 << 22);
    }
    try std.testing.expect(decoded > 10_000);
}
