//! One run-time instance of a model: regions, state and profile. Opening and running never allocate.

const std = @import("std");
const header = @import("header.zig");
const op_list = @import("op.zig");
const dispatch = @import("dispatch.zig");
const Model = @import("model.zig").Model;
const Tensor = @import("tensor.zig").Tensor;
const Run = @import("run.zig").Run;
const Cost = @import("run.zig").Cost;
const ParallelFor = @import("parallel.zig").ParallelFor;
const Result = @import("errors.zig").Result;
const Table = @import("kernel_table.zig").Table;

/// `syn_ticks`
pub const Ticks = *const fn (user: ?*anyopaque) callconv(.c) u64;

pub const Profile = struct {
    runs: u32 = 0,
    ticks: u64 = 0,
    macs: u64 = 0,
    weight_bytes: u64 = 0,
    activation_bytes: u64 = 0,
};

pub const Regions = struct {
    session: []align(64) u8,
    fast: []align(64) u8,
    slow: []align(64) u8,
    state: []align(64) u8,
    thread: []align(64) u8,
};

pub const Session = struct {
    model: *const Model,
    fast: [*]align(64) u8,
    slow: [*]align(64) u8,
    state: [*]align(64) u8,
    thread: [*]align(64) u8,
    threads: u32,
    parallel_for: ?ParallelFor,
    ticks: ?Ticks,
    user: ?*anyopaque,
    kernels: *const Table,
    /// One for each op of each entry, in order.
    profiles: []Profile,
    under_way: ?UnderWay = null,

    /// A run between its first op and its last.
    const UnderWay = struct {
        entry: u32,
        rows: u32,
        next_op: u32 = 0,
        /// What its outputs have to be.
        golden: ?*const header.Golden = null,
    };

    pub fn bytes(model: *const Model) usize {
        return std.mem.alignForward(usize, @sizeOf(Session), 16) + @sizeOf(Profile) * @as(usize, model.op_count);
    }

    /// Regions are at least as large as required; the C API has checked that.
    pub fn open(
        model: *const Model,
        regions: Regions,
        threads: u32,
        parallel_for: ?ParallelFor,
        ticks: ?Ticks,
        user: ?*anyopaque,
    ) *Session {
        const self: *Session = @ptrCast(regions.session.ptr);
        const profiles: [*]Profile = @ptrCast(@alignCast(
            regions.session.ptr + std.mem.alignForward(usize, @sizeOf(Session), 16),
        ));
        self.* = .{
            .model = model,
            .fast = regions.fast.ptr,
            .slow = regions.slow.ptr,
            .state = regions.state.ptr,
            .thread = regions.thread.ptr,
            .threads = threads,
            .parallel_for = parallel_for,
            .ticks = ticks,
            .user = user,
            .kernels = dispatch.table(),
            .profiles = profiles[0..model.op_count],
        };
        @memset(self.profiles, .{});
        // A pack may read what it never wrote; it must not find another program's memory there.
        @memset(self.fast[0..model.regions.fast], 0);
        @memset(self.slow[0..model.regions.slow], 0);
        self.reset();
        return self;
    }

    /// Ends the run under way, too.
    pub fn reset(self: *Session) void {
        self.under_way = null;
        @memset(self.state[0..self.model.regions.state], 0);
    }

    pub fn pointer(self: *const Session, tensor: *const Tensor) [*]u8 {
        return switch (tensor.place) {
            .fast => self.fast + tensor.offset,
            .slow => self.slow + tensor.offset,
            .state => self.state + tensor.offset,
            // Ports are activations: open refuses others.
            .constant => unreachable,
        };
    }

    pub fn run(self: *Session, entry_index: u32, rows: u32) void {
        self.begin(entry_index, rows);
        std.debug.assert(self.advance(std.math.maxInt(u32)) == .ok);
    }

    /// Runs a self-test vector and compares the digest of its outputs.
    pub fn selfTest(self: *Session, golden: *const header.Golden) bool {
        self.beginSelfTest(golden);
        return self.advance(std.math.maxInt(u32)) == .ok;
    }

    /// Begins a run, in place of one under way.
    pub fn begin(self: *Session, entry_index: u32, rows: u32) void {
        self.under_way = .{ .entry = entry_index, .rows = rows };
    }

    /// Runs at most `ops_max` ops of the run under way. Not inlined: every op's code is in it.
    pub noinline fn advance(self: *Session, ops_max: u32) Result {
        const at = if (self.under_way) |*at| at else return .cancelled;
        const model = self.model;
        const ops = model.entries[at.entry].ops;
        const context: Run = .{
            .tensors = model.tensors,
            .bases = .{ .constant = model.file.ptr, .fast = self.fast, .slow = self.slow, .state = self.state },
            .rows = at.rows,
            .exact = model.exact,
            .kernels = self.kernels,
            .parallel = .{
                .function = self.parallel_for,
                .user = self.user,
                .threads = self.threads,
                .scratch = self.thread,
                .scratch_bytes = model.thread_bytes,
            },
        };
        const first = at.next_op;
        const end = first + @min(ops_max, @as(u32, @intCast(ops.len)) - first);
        for (ops[first..end], self.profilesOf(at.entry)[first..end]) |*record, *profile| {
            const started = self.now();
            const cost: Cost = switch (record.op) {
                inline else => |*params, tag| op_list.implementation(tag).run(params, &context),
            };
            profile.runs +|= 1;
            profile.ticks +|= self.now() -% started;
            profile.macs +|= cost.macs;
            profile.weight_bytes +|= cost.weight_bytes;
            profile.activation_bytes +|= cost.activation_bytes;
        }
        at.next_op = end;
        if (end < ops.len) return .more;
        const golden = at.golden;
        self.under_way = null;
        return if (golden == null or self.outputsAre(golden.?)) .ok else .golden;
    }

    fn now(self: *const Session) u64 {
        return if (self.ticks) |ticks| ticks(self.user) else 0;
    }

    pub fn profilesOf(self: *const Session, entry_index: u32) []Profile {
        var first: usize = 0;
        for (self.model.entries[0..entry_index]) |*entry| first += entry.ops.len;
        return self.profiles[first..][0..self.model.entries[entry_index].ops.len];
    }

    /// Bytes of a port in a run of `rows` rows.
    pub fn portBytes(self: *const Session, port: *const header.Port, rows: u32) usize {
        const tensor = &self.model.tensors[port.tensor];
        const all: usize = tensor.bytes;
        return if (tensor.dynamic) all / tensor.shape[0] * rows else all;
    }

    /// Begins the run of a self-test vector, at whose end the digest of the outputs is compared.
    pub fn beginSelfTest(self: *Session, golden: *const header.Golden) void {
        self.reset();
        const entry = &self.model.entries[golden.entry];
        var state = golden.seed;
        for (entry.inputs) |*port| {
            const tensor = &self.model.tensors[port.tensor];
            const data = self.pointer(tensor);
            const size = self.portBytes(port, golden.rows);
            switch (tensor.type) {
                .u8 => for (data[0..size]) |*byte| {
                    byte.* = @intCast(xorshift(&state) >> 24);
                },
                .f32 => for (@as([*]f32, @ptrCast(@alignCast(data)))[0 .. size / 4]) |*value| {
                    value.* = @as(f32, @floatFromInt(xorshift(&state) >> 8)) * 0x1p-23 - 1;
                },
                else => {
                    for (0..size / 4) |_| _ = xorshift(&state);
                    @memset(data[0..size], 0);
                },
            }
        }
        self.under_way = .{ .entry = golden.entry, .rows = golden.rows, .golden = golden };
    }

    fn outputsAre(self: *const Session, golden: *const header.Golden) bool {
        const entry = &self.model.entries[golden.entry];
        var hash = std.crypto.hash.sha2.Sha256.init(.{});
        for (entry.outputs) |*port| {
            hash.update(self.pointer(&self.model.tensors[port.tensor])[0..self.portBytes(port, golden.rows)]);
        }
        return std.mem.eql(u8, &hash.finalResult(), golden.digest);
    }
};

fn xorshift(state: *u32) u32 {
    var s = state.*;
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    state.* = s;
    return s;
}
