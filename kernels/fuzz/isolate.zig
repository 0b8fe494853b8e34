//! Runs an entry op by op and holds each op to its operands: with every other byte of the regions, the blobs and the
//! thread's scratch changed, it must write the same result, and it may write nothing but `out` and its scratch. Regions
//! end at guard pages; this finds what stays inside them.

const std = @import("std");
const synapse = @import("synapse");
const Model = synapse.Model;
const Session = synapse.Session;
const Tensor = std.meta.Elem(@FieldType(Model, "tensors"));
const Entry = std.meta.Elem(@FieldType(Model, "entries"));

/// Fast, slow, state and blobs together, at most.
const bytes_max = 128 << 10;

const operand: u8 = 1;
const out: u8 = 2;
const scratch: u8 = 4;

var marks: [bytes_max]u8 = undefined;
var before: [bytes_max]u8 = undefined;
var first: [bytes_max]u8 = undefined;

pub fn runEntry(session: *Session, index: u32, rows: u32, thread: []u8) void {
    const model = session.model;
    const memory = Memory.of(session);
    if (memory.length() > bytes_max) return;
    // The model lies in memory of the target, and only its caller reads it at the same time.
    const entry: *Entry = @constCast(&model.entries[index]);
    const all = entry.ops;
    defer entry.ops = all;
    for (0..all.len) |i| {
        entry.ops = all[i..][0..1];
        @memset(&marks, 0);
        switch (all[i].op) {
            inline else => |*params| markOperands(model, params, rows, memory),
        }
        const length = memory.copy(&before, .from);
        @memset(thread, 0x00);
        session.run(index, rows);
        _ = memory.copy(&first, .from);
        for (marks[0..length], before[0..length], first[0..length]) |mark, old, new| {
            if (mark & (out | scratch) == 0 and old != new) @panic("an op wrote outside its output and scratch");
        }
        for (marks[0..length], before[0..length]) |mark, *byte| {
            if (mark & (operand | out) == 0) byte.* ^= 0xff;
        }
        _ = memory.copy(&before, .to);
        @memset(thread, 0xff);
        session.run(index, rows);
        const second = before[0..memory.copy(&before, .from)];
        for (marks[0..length], first[0..length], second) |mark, a, b| {
            if (mark & out != 0 and a != b) @panic("an op's output depends on more than its operands");
        }
        _ = memory.copy(&first, .to);
    }
}

/// The three regions of a session and the blobs of its file, one after the other.
const Memory = struct {
    parts: [4][]u8,
    blobs_offset: u32,

    fn of(session: *Session) Memory {
        const sizes = session.model.regions;
        const file = session.model.file;
        const blobs_offset = std.mem.readInt(u32, file[20..24], .little);
        // The file is a copy of the target's own, which may be written.
        const blobs: []u8 = @constCast(file[blobs_offset..]);
        return .{
            .parts = .{
                session.fast[0..sizes.fast],
                session.slow[0..sizes.slow],
                session.state[0..sizes.state],
                blobs,
            },
            .blobs_offset = blobs_offset,
        };
    }

    fn length(self: Memory) usize {
        return self.begin(4);
    }

    fn copy(self: Memory, buffer: *[bytes_max]u8, direction: enum { from, to }) usize {
        var at: usize = 0;
        for (self.parts) |part| {
            switch (direction) {
                .from => @memcpy(buffer[at..][0..part.len], part),
                .to => @memcpy(part, buffer[at..][0..part.len]),
            }
            at += part.len;
        }
        return at;
    }

    /// Where part `index` begins.
    fn begin(self: Memory, index: usize) usize {
        var sum: usize = 0;
        for (self.parts[0..index]) |part| sum += part.len;
        return sum;
    }

    fn offsetOf(self: Memory, tensor: *const Tensor) usize {
        return switch (tensor.place) {
            .fast => tensor.offset,
            .slow => self.begin(1) + tensor.offset,
            .state => self.begin(2) + tensor.offset,
            .constant => self.begin(3) + tensor.offset - self.blobs_offset,
        };
    }
};

fn markOperands(model: *const Model, params: anytype, rows: u32, memory: Memory) void {
    const info = @typeInfo(std.meta.Child(@TypeOf(params))).@"struct";
    inline for (info.field_names, info.field_types) |name, Field| {
        // Other numbers of an op count heads and pixels.
        const is_count = comptime std.mem.eql(u8, name, "heads") or std.mem.eql(u8, name, "kv_heads") or
            std.mem.eql(u8, name, "patch");
        if ((Field == u32 or Field == ?u32) and !is_count) {
            const is_scratch = comptime std.mem.eql(u8, name, "scratch");
            const kind = if (comptime std.mem.eql(u8, name, "out")) out else if (is_scratch) scratch else operand;
            if (@as(?u32, @field(params, name))) |tensor| markTensor(&model.tensors[tensor], rows, memory, kind);
        }
    }
}

fn markTensor(tensor: *const Tensor, rows: u32, memory: Memory, kind: u8) void {
    const begin = memory.offsetOf(tensor);
    if (tensor.place == .constant) {
        for (marks[begin..][0..tensor.bytes]) |*byte| byte.* |= kind;
        return;
    }
    const size: usize = if (tensor.type == .u8) 1 else 4;
    const count: usize = if (tensor.dynamic) tensor.rows() / tensor.shape[0] * rows else tensor.rows();
    for (0..count) |row| {
        for (marks[begin + row * tensor.stride * size ..][0 .. tensor.cols() * size]) |*byte| byte.* |= kind;
    }
}
