//! An open model: the decoded header of a file that stays where it is.

const std = @import("std");
const header = @import("header.zig");
const op_list = @import("op.zig");
const storage = @import("storage.zig");
const Prefix = @import("prefix.zig").Prefix;
const prefix_bytes = @import("prefix.zig").bytes;
const Tensor = @import("tensor.zig").Tensor;
const Validator = @import("validator.zig").Validator;
const Report = @import("errors.zig").Report;
const Error = @import("errors.zig").Error;

/// How much a model has to do, in multiply-accumulates (op.zig). Sums saturate, so that no file can make them small.
pub const Work = struct {
    /// The largest op, which nothing interrupts.
    op_max: u64 = 0,
    /// The longest run: of all entries at their most rows.
    run_max: u64 = 0,
    /// All self-test vectors.
    golden_total: u64 = 0,

    pub fn of(entries: []const header.Entry, goldens: []const header.Golden, tensors: []const Tensor) Work {
        var work: Work = .{};
        for (entries) |*entry| {
            for (entry.ops) |*record| {
                work.op_max = @max(work.op_max, op_list.workOf(&record.op, tensors, entry.rows_max));
            }
            work.run_max = @max(work.run_max, ofRun(entry, tensors, entry.rows_max));
        }
        for (goldens) |*golden| work.golden_total +|= ofRun(&entries[golden.entry], tensors, golden.rows);
        return work;
    }

    fn ofRun(entry: *const header.Entry, tensors: []const Tensor, rows: u32) u64 {
        var sum: u64 = 0;
        for (entry.ops) |*record| sum +|= op_list.workOf(&record.op, tensors, rows);
        return sum;
    }
};

pub const Model = struct {
    file: []align(64) const u8,
    name: []const u8,
    exact: bool,
    regions: header.Regions,
    tensors: []const Tensor,
    entries: []const header.Entry,
    goldens: []const header.Golden,
    meta: []const u8,
    sha256: *const [32]u8,
    /// Ops of all entries, which is how many profiles a session keeps.
    op_count: u32,
    /// Scratch that one thread needs for the most demanding op.
    thread_bytes: usize,
    work: Work,

    /// Bytes of memory that `open` needs for this file.
    pub fn requirements(file: []const u8, report: *Report) Error!usize {
        const prefix = try Prefix.parse(file, report);
        return memoryBytes(&try header.Layout.scan(file[0..prefix.file_bytes], &prefix, report));
    }

    fn memoryBytes(layout: *const header.Layout) usize {
        var bytes: usize = 0;
        inline for (.{
            .{ Model, 1 },
            .{ Tensor, layout.keys.tensors.count },
            .{ header.Entry, layout.keys.entries.count },
            .{ header.Port, layout.ports },
            .{ header.OpRecord, layout.ops },
            .{ header.Golden, layout.keys.golden.count },
        }) |part| {
            bytes = std.mem.alignForward(usize, bytes, 16) + @sizeOf(part[0]) * @as(usize, part[1]);
        }
        return bytes + 16;
    }

    pub fn open(given: []align(64) const u8, check_digest: bool, memory: []align(16) u8, report: *Report) Error!*Model {
        const prefix = try Prefix.parse(given, report);
        const file = given[0..prefix.file_bytes];
        const layout = try header.Layout.scan(file, &prefix, report);
        if (memory.len < memoryBytes(&layout)) return report.fail(
            .out_of_memory,
            0,
            "{d} bytes of memory given, {d} needed",
            .{ memory.len, memoryBytes(&layout) },
        );
        if (check_digest) try prefix.checkDigest(file, report);

        var arena: Arena = .{ .memory = memory };
        const model = &arena.take(Model, 1)[0];
        const tensors = arena.take(Tensor, layout.keys.tensors.count);
        const entries = arena.take(header.Entry, layout.keys.entries.count);
        const ports = arena.take(header.Port, layout.ports);
        const ops = arena.take(header.OpRecord, layout.ops);
        const goldens = arena.take(header.Golden, layout.keys.golden.count);

        const decoder: header.Decoder = .{
            .file = file,
            .end = prefix_bytes + prefix.header_bytes,
            .version_minor = prefix.version_minor,
            .blobs_offset = prefix.blobs_offset,
            .layout = &layout,
            .report = report,
        };
        const name = try decoder.name();
        _ = try decoder.generator();
        const exact = try decoder.exact();
        const regions = try decoder.regions();
        try decoder.tensors(regions, tensors);
        try decoder.entries(entries, ports, ops);
        try decoder.goldens(exact, entries, goldens);
        var thread_bytes: usize = 64;
        for (entries) |*entry| {
            thread_bytes = @max(thread_bytes, try validateEntry(entry, tensors, prefix.version_minor, report));
        }
        model.* = .{
            .file = file,
            .name = name,
            .exact = exact,
            .regions = regions,
            .tensors = tensors,
            .entries = entries,
            .goldens = goldens,
            .meta = layout.meta(file),
            .sha256 = prefix.sha256,
            .op_count = layout.ops,
            .thread_bytes = storage.roundUp(thread_bytes, 64),
            .work = .of(entries, goldens, tensors),
        };
        return model;
    }

    /// Checks every op and port of an entry and returns the scratch a thread needs for it.
    fn validateEntry(
        entry: *const header.Entry,
        tensors: []const Tensor,
        version_minor: u16,
        report: *Report,
    ) Error!usize {
        var validator: Validator = .{
            .tensors = tensors,
            .rows_max = entry.rows_max,
            .version_minor = version_minor,
            .at = 0,
            .op = "",
            .report = report,
        };
        var thread_bytes: usize = 0;
        for (entry.ops) |*record| {
            validator.at = record.at;
            validator.op = @tagName(record.op);
            switch (record.op) {
                inline else => |*params, tag| {
                    const implementation = op_list.implementation(tag);
                    try implementation.validate(params, &validator);
                    thread_bytes = @max(thread_bytes, implementation.threadBytes(params, &validator));
                },
            }
        }
        validator.at = prefix_bytes;
        validator.op = entry.name;
        for ([_][]const header.Port{ entry.inputs, entry.outputs }) |ports| {
            for (ports) |port| {
                const tensor = try validator.tensor(port.name, port.tensor);
                if (tensor.place == .constant or !tensor.isDense()) return validator.fail(
                    "port \"{s}\" must be a dense activation",
                    .{port.name},
                );
                if (port.kind == .image and
                    (tensor.type != .u8 or tensor.rank != 3 or tensor.shape[2] != 3 or tensor.dynamic))
                {
                    return validator.fail("image \"{s}\" must be u8 [H, W, 3]", .{port.name});
                }
            }
        }
        return thread_bytes;
    }

    pub fn findEntry(self: *const Model, name: []const u8) ?u32 {
        for (self.entries, 0..) |*entry, index| {
            if (std.mem.eql(u8, entry.name, name)) return @intCast(index);
        }
        return null;
    }
};

const Arena = struct {
    memory: []align(16) u8,
    used: usize = 0,

    /// The caller gave what `memoryBytes` said, so this cannot run out.
    fn take(self: *Arena, comptime T: type, count: u32) []T {
        const begin = std.mem.alignForward(usize, self.used, 16);
        const bytes = @sizeOf(T) * @as(usize, count);
        self.used = begin + bytes;
        const start: [*]T = @ptrCast(@alignCast(self.memory[begin..][0..bytes].ptr));
        return start[0..count];
    }
};
