//! Two model slots, of which one is active: a new model is written to the other, tried, and confirmed or given up, so
//! that a power cut at any moment leaves the old model or the new one. Every decision is a record written whole before
//! it counts (record_ring.zig).
//!
//! ```
//!            begin          digest right         activate            confirm
//! any slot ---------> WRITING ---------> READY ------------> on trial --------> active
//!  but the active        | cut, cancel,    ^                 |      | golden vectors fail
//!  one                   v wrong digest    '-- board resets -'      v
//!                     BROKEN <------------------------------------- BROKEN
//! ```
const flash = @import("flash.zig");
const pack_prefix = @import("pack_prefix.zig");
const states = @import("slot_state.zig");
const UpdateKeys = @import("update_keys.zig").UpdateKeys;
pub const Reason = states.Reason;
pub const SlotIndex = states.SlotIndex;
pub const SlotsState = states.SlotsState;
pub const slot_count = states.slot_count;
pub const signer_bytes = @sizeOf(states.Signer);

/// Boots in a row that may end before the board was healthy; at the next, it starts without a model.
pub const boots_max = 5;

pub const Error = error{
    /// The slot's model is active: it is never written over.
    SlotActive,
    /// The slot's model is on trial.
    SlotPending,
    /// The slot holds no whole model.
    SlotNotReady,
    FlashFailed,
};

/// What a client is told about a slot.
pub const Shown = enum { EMPTY, BROKEN, VALID, PENDING };

pub const Slots = struct {
    ring: states.Ring,
    areas: [slot_count]flash.Area,
    /// Whose models the board takes.
    keys: *const UpdateKeys,
    state: SlotsState,
    /// Too many boots ended early: run no model, keep the network and updates.
    safe_mode: bool,
    /// The record of this boot could not be written; the board runs what it has, and updates will fail.
    degraded: bool,

    /// Reads the state from whatever the flash holds and counts this boot. A trial that was not confirmed has failed;
    /// an upload that was not finished is broken. Without a record, as when models were flashed from outside, slots
    /// that begin like a pack count as ready.
    pub fn open(records: flash.Area, areas: [slot_count]flash.Area, keys: *const UpdateKeys) Slots {
        var payload: states.Ring.Payload = undefined;
        const ring: states.Ring = .open(records, &payload);
        const recorded: ?SlotsState = if (ring.sequence == 0) null else SlotsState.decode(&payload);
        var state = recorded orelse scan(areas);
        for (&state.slots) |*slot| {
            if (slot.state == .writing) slot.* = .{ .state = .broken, .reason = .interrupted };
        }
        state.settle(.{ areas[0].bytes, areas[1].bytes }, keys);
        if (state.trial) |slot| {
            state.slots[slot].reason = .returned;
            state.trial = null;
        }
        const safe_mode = state.boots >= boots_max;
        state.boots +|= 1;
        var slots: Slots = .{
            .ring = ring,
            .areas = areas,
            .keys = keys,
            .state = state,
            .safe_mode = safe_mode,
            .degraded = false,
        };
        // Also when nothing but the count changed: a record that was torn may read well now and badly at the next boot,
        // this one will not.
        slots.ring.append(&state.encode()) catch {
            slots.degraded = true;
        };
        return slots;
    }

    /// The slot to run: on trial, or active. None in safe mode.
    pub fn current(slots: *const Slots) ?SlotIndex {
        if (slots.state.trial) |slot| return slot;
        return if (slots.safe_mode) null else slots.state.active;
    }

    pub fn shown(slots: *const Slots, slot: SlotIndex) Shown {
        if (slots.state.trial == slot) return .PENDING;
        return switch (slots.state.slots[slot].state) {
            .empty => .EMPTY,
            .ready => .VALID,
            .writing, .broken => .BROKEN,
        };
    }

    /// Whether one of the board's update keys signed the slot's model.
    pub fn signed(slots: *const Slots, slot: SlotIndex) bool {
        return slots.keys.required() and slots.keys.allow(&slots.state.slots[slot].signer);
    }

    /// The board has run long enough to say that this boot was a good one.
    pub fn healthy(slots: *Slots) flash.Error!void {
        if (slots.state.boots == 0) return;
        var next = slots.state;
        next.boots = 0;
        try slots.commit(next);
    }

    /// What `activate` refuses without asking the flash.
    pub fn activatable(slots: *const Slots, slot: SlotIndex) Error!void {
        if (slots.state.active == slot and !slots.safe_mode) return error.SlotActive;
        // The slot's own trial may begin anew: that is another try after the flash did not take the record of its end.
        if (slots.state.trial) |trial| if (trial != slot) return error.SlotPending;
        if (!slots.state.isReady(slot)) return error.SlotNotReady;
    }

    /// Puts a slot's model on trial: the board is to switch to it now, check its golden vectors, and then `confirm` or
    /// `giveUp`. Until then a reset returns to the active one.
    pub fn activate(slots: *Slots, slot: SlotIndex) Error!void {
        try slots.activatable(slot);
        var next = slots.state;
        next.trial = slot;
        next.slots[slot].reason = .none;
        try slots.commit(next);
    }

    /// The model on trial is good: it is the active one from here.
    pub fn confirm(slots: *Slots) Error!void {
        var next = slots.state;
        next.active = slots.state.trial orelse return error.SlotNotReady;
        next.trial = null;
        next.boots = 0;
        try slots.commit(next);
        slots.safe_mode = false;
    }

    /// The model of `slot` cannot be run, on trial or not. The board is to switch to what `current` says then. This
    /// holds until the next boot even if the flash fails.
    pub fn giveUp(slots: *Slots, slot: SlotIndex, reason: Reason) flash.Error!void {
        var next = slots.state;
        next.slots[slot].state = .broken;
        next.slots[slot].reason = reason;
        next.settle(.{ slots.areas[0].bytes, slots.areas[1].bytes }, slots.keys);
        slots.state = next;
        try slots.commit(next);
    }

    /// The model on trial is whole, but is not to run: its slot is as before the trial. This holds until the next boot
    /// even if the flash fails.
    pub fn withdraw(slots: *Slots) flash.Error!void {
        var next = slots.state;
        next.trial = null;
        slots.state = next;
        try slots.commit(next);
    }

    /// Writes the next state; only then does it count.
    pub fn commit(slots: *Slots, next: SlotsState) flash.Error!void {
        try slots.ring.append(&next.encode());
        slots.state = next;
        slots.degraded = false;
    }

    fn scan(areas: [slot_count]flash.Area) SlotsState {
        var state: SlotsState = .{};
        for (areas, &state.slots, 0..) |area, *slot, i| {
            var bytes: [pack_prefix.bytes]u8 = undefined;
            area.read(0, &bytes) catch continue;
            const prefix = pack_prefix.PackPrefix.parse(&bytes) catch continue;
            if (prefix.file_bytes > area.bytes) continue;
            slot.* = .{ .state = .ready, .file_bytes = prefix.file_bytes, .sha256 = prefix.sha256 };
            if (state.active == null) state.active = @intCast(i);
        }
        return state;
    }
};
