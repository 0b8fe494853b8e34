//! The CBOR header: first located and counted, so that the caller can give memory, then decoded into it.

const std = @import("std");
const cbor = @import("cbor.zig");
const decode = @import("decode.zig");
const limits = @import("limits.zig");
const storage = @import("storage.zig");
const Prefix = @import("prefix.zig");
const Tensor = @import("tensor.zig").Tensor;
const Op = @import("op.zig").Op;
const Report = @import("errors.zig").Report;
const Error = @import("errors.zig").Error;

pub const Kind = enum(u8) { tensor, image, tokens, latent, action };

pub const Port = struct { name: []const u8, tensor: u32, kind: Kind };

pub const OpRecord = struct {
    op: Op,
    /// Where the op begins in the file.
    at: u32,
};

pub const Entry = struct {
    name: []const u8,
    rows_max: u32,
    inputs: []const Port,
    outputs: []const Port,
    ops: []const OpRecord,
};

pub const Golden = struct {
    entry: u32,
    rows: u32,
    seed: u32,
    digest: *const [32]u8,
};

pub const Regions = struct { fast: u32, slow: u32, state: u32 };
const Numeric = enum { exact, reference };

const Key = enum { name, generator, numeric, regions, tensors, entries, golden, meta };

/// Where the parts of a header are and how many there are of each.
pub const Layout = struct {
    positions: [@typeInfo(Key).@"enum".field_names.len]?u32 = @splat(null),
    tensors: u32 = 0,
    entries: u32 = 0,
    ports: u32 = 0,
    ops: u32 = 0,
    goldens: u32 = 0,
    meta_end: u32 = 0,

    pub fn scan(file: []const u8, prefix: *const Prefix.Prefix, report: *Report) Error!Layout {
        var layout: Layout = .{};
        const end = Prefix.bytes + prefix.header_bytes;
        var reader: cbor.Reader = .init(file, Prefix.bytes, end, report);
        const keys = try reader.map(64);
        for (0..keys) |_| {
            const at = reader.position;
            const key = try decode.name(Key, &reader);
            if (layout.positions[@backingInt(key)] != null) return report.fail(.header, at, "byte {d}: key \"{t}\" stands twice", .{ at, key });
            layout.positions[@backingInt(key)] = @intCast(reader.position);
            switch (key) {
                .tensors => {
                    layout.tensors = try reader.array(limits.tensors_max);
                    for (0..layout.tensors) |_| try reader.skip();
                },
                .entries => try layout.scanEntries(&reader),
                .golden => {
                    layout.goldens = try reader.array(limits.goldens_max);
                    for (0..layout.goldens) |_| try reader.skip();
                },
                .meta => {
                    const value_at = reader.position;
                    _ = try reader.map(limits.header_bytes_max);
                    reader.position = value_at;
                    try reader.skip();
                    layout.meta_end = @intCast(reader.position);
                },
                else => try reader.skip(),
            }
        }
        if (reader.position != end) return report.fail(.header, reader.position, "byte {d}: the header goes on after its map", .{reader.position});
        return layout;
    }

    fn scanEntries(layout: *Layout, reader: *cbor.Reader) Error!void {
        layout.entries = try reader.array(limits.entries_max);
        for (0..layout.entries) |_| {
            const keys = try reader.map(64);
            for (0..keys) |_| {
                const key = try reader.text(limits.port_name_bytes_max);
                if (std.mem.eql(u8, key, "ops")) {
                    const count = try reader.array(limits.ops_max);
                    layout.ops = std.math.add(u32, layout.ops, count) catch unreachable;
                    for (0..count) |_| try reader.skip();
                } else if (std.mem.eql(u8, key, "inputs") or std.mem.eql(u8, key, "outputs")) {
                    const count = try reader.array(limits.ports_max);
                    layout.ports += count;
                    for (0..count) |_| try reader.skip();
                } else try reader.skip();
            }
        }
        if (layout.ops > limits.ops_max) {
            return reader.report.fail(.limit, Prefix.bytes, "{d} ops, at most {d}", .{ layout.ops, limits.ops_max });
        }
    }

    pub fn meta(layout: *const Layout, file: []const u8) []const u8 {
        return file[layout.positions[@backingInt(Key.meta)] orelse return "" .. layout.meta_end];
    }

    pub fn position(layout: *const Layout, key: Key, report: *Report) Error!u32 {
        return layout.positions[@backingInt(key)] orelse report.fail(.header, Prefix.bytes, "byte {d}: key \"{t}\" is missing", .{ Prefix.bytes, key });
    }
};

/// Decodes a header into slices that the caller sized by its `Layout`. Positions were scanned, so structure is sound; meaning is checked here.
pub const Decoder = struct {
    file: []const u8,
    end: usize,
    blobs_offset: u32,
    layout: *const Layout,
    report: *Report,

    fn readerAt(self: *const Decoder, key: Key) Error!cbor.Reader {
        return .init(self.file, try self.layout.position(key, self.report), self.end, self.report);
    }

    pub fn name(self: *const Decoder, key: Key) Error![]const u8 {
        var reader = try self.readerAt(key);
        const at = reader.position;
        const text = try reader.text(limits.port_name_bytes_max);
        if (text.len == 0) return self.report.fail(.header, at, "byte {d}: \"{t}\" is empty", .{ at, key });
        return text;
    }

    pub fn exact(self: *const Decoder) Error!bool {
        var reader = try self.readerAt(.numeric);
        return try decode.name(Numeric, &reader) == .exact;
    }

    pub fn regions(self: *const Decoder) Error!Regions {
        var reader = try self.readerAt(.regions);
        const at = reader.position;
        const result = try decode.fields(Regions, &reader, try reader.map(8), at);
        inline for (.{ "fast", "slow", "state" }) |region| {
            const bytes = @field(result, region);
            if (bytes > limits.region_bytes_max) return self.report.fail(.limit, at, "byte {d}: region \"{s}\" of {d} bytes, at most {d}", .{ at, region, bytes, limits.region_bytes_max });
        }
        return result;
    }

    pub fn tensors(self: *const Decoder, given: Regions, out: []Tensor) Error!void {
        var reader = try self.readerAt(.tensors);
        _ = try reader.array(limits.tensors_max);
        for (out, 0..) |*tensor, index| tensor.* = try self.oneTensor(&reader, given, index);
    }

    fn oneTensor(self: *const Decoder, reader: *cbor.Reader, given: Regions, index: usize) Error!Tensor {
        const at = reader.position;
        const report = self.report;
        const Seen = packed struct { name: bool = false, type: bool = false, shape: bool = false, offset: bool = false, bytes: bool = false, region: bool = false, stride: bool = false, dynamic: bool = false };
        var seen: Seen = .{};
        var tensor: Tensor = .{ .name = "", .type = .f32, .place = .constant, .dynamic = false, .rank = 0, .shape = @splat(1), .offset = 0, .bytes = 0, .stride = 0 };
        const keys = try reader.map(8);
        for (0..keys) |_| {
            const key_at = reader.position;
            const key = try reader.text(limits.port_name_bytes_max);
            const known = inline for (@typeInfo(Seen).@"struct".field_names) |field| {
                if (std.mem.eql(u8, key, field)) {
                    if (@field(seen, field)) return report.fail(.header, key_at, "byte {d}: key \"{s}\" stands twice", .{ key_at, field });
                    @field(seen, field) = true;
                    switch (comptime std.meta.stringToEnum(enum { name, type, shape, offset, bytes, region, stride, dynamic }, field).?) {
                        .name => tensor.name = try reader.text(limits.tensor_name_bytes_max),
                        .type => tensor.type = try decode.name(storage.Type, reader),
                        .shape => {
                            tensor.rank = @intCast(try reader.array(4));
                            for (tensor.shape[0..tensor.rank]) |*dimension| dimension.* = try reader.unsigned(limits.dimension_max);
                        },
                        .offset => tensor.offset = try reader.unsigned(std.math.maxInt(u32)),
                        .bytes => tensor.bytes = try reader.unsigned(std.math.maxInt(u32)),
                        .region => tensor.place = switch (try decode.name(enum { fast, slow, state }, reader)) {
                            .fast => .fast,
                            .slow => .slow,
                            .state => .state,
                        },
                        .stride => tensor.stride = try reader.unsigned(limits.dimension_max),
                        .dynamic => tensor.dynamic = try reader.boolean(),
                    }
                    break true;
                }
            } else false;
            if (!known) return report.fail(.header, key_at, "byte {d}: unknown key \"{s}\" of tensor {d}", .{ key_at, key, index });
        }
        if (!seen.type or !seen.shape or !seen.offset) return report.fail(.header, at, "byte {d}: tensor {d} needs type, shape and offset", .{ at, index });
        if (tensor.rank == 0) return report.fail(.tensor, at, "byte {d}: tensor {d} has no dimensions", .{ at, index });
        var elements: u64 = 1;
        for (tensor.shape[0..tensor.rank]) |dimension| {
            if (dimension == 0) return report.fail(.tensor, at, "byte {d}: tensor {d} has a dimension of 0", .{ at, index });
            elements *= dimension;
            if (elements > limits.elements_max) return report.fail(.limit, at, "byte {d}: tensor {d} has more than {d} elements", .{ at, index, limits.elements_max });
        }
        if (!seen.stride) tensor.stride = tensor.cols();
        if (tensor.place == .constant) {
            if (!seen.bytes or seen.stride or seen.dynamic) return report.fail(.header, at, "byte {d}: constant {d} needs bytes, and neither stride nor dynamic", .{ at, index });
            try self.checkConstant(&tensor, elements, at, index);
        } else {
            if (seen.bytes) return report.fail(.header, at, "byte {d}: activation {d} has bytes, which its shape gives", .{ at, index });
            const region_bytes = switch (tensor.place) {
                .fast => given.fast,
                .slow => given.slow,
                .state => given.state,
                .constant => unreachable,
            };
            try self.checkActivation(&tensor, seen.stride, region_bytes, at, index);
        }
        return tensor;
    }

    fn checkConstant(self: *const Decoder, tensor: *const Tensor, elements: u64, at: usize, index: usize) Error!void {
        const report = self.report;
        if (!tensor.type.isConstant()) return report.fail(.tensor, at, "byte {d}: constant {d} has type {t}", .{ at, index, tensor.type });
        if (tensor.offset % 64 != 0 or tensor.offset < self.blobs_offset) {
            return report.fail(.tensor, at, "byte {d}: constant {d} begins at {d}, expected a multiple of 64 from {d}", .{ at, index, tensor.offset, self.blobs_offset });
        }
        if (tensor.offset > self.file.len or tensor.bytes > self.file.len - tensor.offset) {
            return report.fail(.tensor, at, "byte {d}: constant {d} ends at {d}, the file at {d}", .{ at, index, @as(u64, tensor.offset) + tensor.bytes, self.file.len });
        }
        const dense: u64 = if (tensor.type == .f32) elements * 4 else 0;
        var panels: u64 = 0;
        if (tensor.rank == 2) {
            if (tensor.shape[1] % tensor.type.reductionMultiple() != 0) {
                return report.fail(.tensor, at, "byte {d}: constant {d} of type {t} sums over {d}, expected a multiple of {d}", .{ at, index, tensor.type, tensor.shape[1], tensor.type.reductionMultiple() });
            }
            panels = storage.linearBytes(tensor.type, tensor.shape[0], tensor.shape[1]);
        }
        if (tensor.bytes == 0 or (tensor.bytes != dense and tensor.bytes != panels)) {
            return report.fail(.tensor, at, "byte {d}: constant {d} has {d} bytes, expected {d} as a weight or {d} as a vector", .{ at, index, tensor.bytes, panels, dense });
        }
    }

    fn checkActivation(self: *const Decoder, tensor: *Tensor, has_stride: bool, region_bytes: u32, at: usize, index: usize) Error!void {
        const report = self.report;
        if (!tensor.type.isActivation()) return report.fail(.tensor, at, "byte {d}: activation {d} has type {t}", .{ at, index, tensor.type });
        if (tensor.offset % 4 != 0) return report.fail(.tensor, at, "byte {d}: activation {d} begins at {d}, expected a multiple of 4", .{ at, index, tensor.offset });
        if (has_stride and (tensor.rank != 2 or tensor.stride < tensor.cols())) {
            return report.fail(.tensor, at, "byte {d}: activation {d} has a stride of {d}, expected two dimensions and at least {d}", .{ at, index, tensor.stride, tensor.cols() });
        }
        if (tensor.dynamic and tensor.rank < 2) return report.fail(.tensor, at, "byte {d}: activation {d} is dynamic and has one dimension", .{ at, index });
        const span = (@as(u64, tensor.rows() - 1) * tensor.stride + tensor.cols()) * tensor.type.activationBytes();
        if (span > region_bytes or tensor.offset > region_bytes - span) {
            return report.fail(.tensor, at, "byte {d}: activation {d} ends at {d}, its region at {d}", .{ at, index, span + tensor.offset, region_bytes });
        }
        tensor.bytes = @intCast(span);
    }

    /// Fills entries from the pools; validation of ops needs the tensors and comes after.
    pub fn entries(self: *const Decoder, out: []Entry, port_pool: []Port, op_pool: []OpRecord) Error!void {
        var reader = try self.readerAt(.entries);
        _ = try reader.array(limits.entries_max);
        var ports_used: usize = 0;
        var ops_used: usize = 0;
        for (out, 0..) |*entry, index| {
            const at = reader.position;
            const report = self.report;
            var seen: [5]bool = @splat(false);
            entry.* = .{ .name = "", .rows_max = 0, .inputs = &.{}, .outputs = &.{}, .ops = &.{} };
            const keys = try reader.map(8);
            for (0..keys) |_| {
                const key_at = reader.position;
                const key = try decode.name(enum { name, rows_max, inputs, outputs, ops }, &reader);
                if (seen[@backingInt(key)]) return report.fail(.header, key_at, "byte {d}: key \"{t}\" stands twice", .{ key_at, key });
                seen[@backingInt(key)] = true;
                switch (key) {
                    .name => entry.name = try reader.text(limits.port_name_bytes_max),
                    .rows_max => entry.rows_max = try reader.unsigned(limits.dimension_max),
                    .inputs, .outputs => {
                        const count = try reader.array(limits.ports_max);
                        const ports = port_pool[ports_used..][0..count];
                        ports_used += count;
                        for (ports) |*slot| slot.* = try self.port(&reader);
                        if (key == .inputs) entry.inputs = ports else entry.outputs = ports;
                    },
                    .ops => {
                        const count = try reader.array(limits.ops_max);
                        const ops = op_pool[ops_used..][0..count];
                        ops_used += count;
                        for (ops) |*slot| slot.* = try self.op(&reader);
                        entry.ops = ops;
                    },
                }
            }
            if (!std.mem.allEqual(bool, &seen, true)) return report.fail(.header, at, "byte {d}: entry {d} needs name, rows_max, inputs, outputs and ops", .{ at, index });
            if (entry.name.len == 0 or entry.rows_max == 0) return report.fail(.header, at, "byte {d}: entry {d} has no name or rows_max 0", .{ at, index });
            for (out[0..index]) |other| {
                if (std.mem.eql(u8, other.name, entry.name)) return report.fail(.header, at, "byte {d}: two entries are called \"{s}\"", .{ at, entry.name });
            }
        }
    }

    fn port(self: *const Decoder, reader: *cbor.Reader) Error!Port {
        const at = reader.position;
        var result: Port = .{ .name = "", .tensor = 0, .kind = .tensor };
        var seen: [3]bool = @splat(false);
        const keys = try reader.map(8);
        for (0..keys) |_| {
            const key_at = reader.position;
            const key = try decode.name(enum { name, tensor, kind }, reader);
            if (seen[@backingInt(key)]) return self.report.fail(.header, key_at, "byte {d}: key \"{t}\" stands twice", .{ key_at, key });
            seen[@backingInt(key)] = true;
            switch (key) {
                .name => result.name = try reader.text(limits.port_name_bytes_max),
                .tensor => result.tensor = try reader.unsigned(limits.tensors_max),
                .kind => result.kind = try decode.name(Kind, reader),
            }
        }
        if (!std.mem.allEqual(bool, &seen, true) or result.name.len == 0) return self.report.fail(.header, at, "byte {d}: a port needs name, tensor and kind", .{at});
        return result;
    }

    fn op(self: *const Decoder, reader: *cbor.Reader) Error!OpRecord {
        const at = reader.position;
        const keys = try reader.map(32);
        // The name decides which keys are allowed, so it comes first.
        const first = if (keys > 0) try reader.text(limits.port_name_bytes_max) else "";
        if (!std.mem.eql(u8, first, "op")) return self.report.fail(.header, at, "byte {d}: an op begins with the key \"op\"", .{at});
        const name_at = reader.position;
        const text = try reader.text(limits.port_name_bytes_max);
        const info = @typeInfo(Op).@"union";
        inline for (info.field_names, info.field_types) |tag, Params| {
            if (std.mem.eql(u8, text, tag)) {
                return .{ .op = @unionInit(Op, tag, try decode.fields(Params, reader, keys - 1, at)), .at = @intCast(at) };
            }
        }
        return self.report.fail(.op, name_at, "byte {d}: unknown op \"{s}\"", .{ name_at, text });
    }

    pub fn goldens(self: *const Decoder, exact_numbers: bool, known: []const Entry, out: []Golden) Error!void {
        if (out.len == 0) return;
        var reader = try self.readerAt(.golden);
        if (!exact_numbers) return self.report.fail(.header, reader.position, "byte {d}: self-test vectors in a model whose \"numeric\" is not \"exact\"", .{reader.position});
        _ = try reader.array(limits.goldens_max);
        for (out) |*golden| {
            const at = reader.position;
            var seen: [4]bool = @splat(false);
            golden.* = .{ .entry = 0, .rows = 0, .seed = 0, .digest = undefined };
            const keys = try reader.map(8);
            for (0..keys) |_| {
                const key_at = reader.position;
                const key = try decode.name(enum { entry, rows, seed, digest }, &reader);
                if (seen[@backingInt(key)]) return self.report.fail(.header, key_at, "byte {d}: key \"{t}\" stands twice", .{ key_at, key });
                seen[@backingInt(key)] = true;
                switch (key) {
                    .entry => {
                        const text = try reader.text(limits.port_name_bytes_max);
                        golden.entry = for (known, 0..) |entry, i| {
                            if (std.mem.eql(u8, entry.name, text)) break @intCast(i);
                        } else return self.report.fail(.header, key_at, "byte {d}: no entry is called \"{s}\"", .{ key_at, text });
                    },
                    .rows => golden.rows = try reader.unsigned(limits.dimension_max),
                    .seed => golden.seed = try reader.unsigned(std.math.maxInt(u32)),
                    .digest => golden.digest = (try reader.bytes(32))[0..32],
                }
            }
            if (!std.mem.allEqual(bool, &seen, true)) return self.report.fail(.header, at, "byte {d}: a golden needs entry, rows, seed and digest", .{at});
            if (golden.seed == 0 or golden.rows == 0 or golden.rows > known[golden.entry].rows_max) {
                return self.report.fail(.header, at, "byte {d}: golden with seed {d} and {d} rows", .{ at, golden.seed, golden.rows });
            }
        }
    }
};
