//! The CBOR header: first located and counted, so that the caller can give memory, then decoded into it.

const std = @import("std");
const cbor = @import("cbor.zig");
const decode = @import("decode.zig");
const limits = @import("limits.zig");
const storage = @import("storage.zig");
const Prefix = @import("prefix.zig");
const Scales = @import("tensor.zig").Scales;
const Tensor = @import("tensor.zig").Tensor;
const Place = @import("tensor.zig").Place;
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

pub const Region = enum { fast, slow, state };
pub const Regions = struct { fast: u32, slow: u32, state: u32 };
pub const Numeric = enum { exact, reference };

/// The header's own map. What its values mean is read later: a file that was damaged is refused for its digest.
const Keys = struct {
    name: decode.Place,
    generator: decode.Place,
    numeric: decode.Place,
    regions: decode.Place,
    tensors: decode.List(limits.tensors_max),
    entries: decode.List(limits.entries_max),
    golden: decode.List(limits.goldens_max) = .{},
    meta: Meta = .{},
};

/// A map of anything, which is well formed and passed over.
const Meta = struct {
    place: decode.Place = .{},

    pub fn read(reader: *cbor.Reader) Error!Meta {
        const begin = reader.position;
        _ = try reader.map(limits.header_bytes_max);
        reader.position = begin;
        return .{ .place = try .read(reader) };
    }
};

const TensorKeys = struct {
    name: decode.Text(limits.tensor_name_bytes_max) = .{},
    type: storage.Type,
    shape: Shape,
    offset: u32,
    bytes: ?u32 = null,
    scales: ?Scales = null,
    region: ?Region = null,
    stride: ?decode.Count(limits.dimension_max) = null,
    dynamic: ?bool = null,
};

const Shape = struct {
    rank: u8,
    dimensions: [limits.rank_max]u32 = @splat(1),

    pub fn read(reader: *cbor.Reader) Error!Shape {
        var shape: Shape = .{ .rank = @intCast(try reader.array(limits.rank_max)) };
        for (shape.dimensions[0..shape.rank]) |*dimension| dimension.* = try reader.unsigned(limits.dimension_max);
        return shape;
    }
};

const EntryKeys = struct {
    name: decode.Text(limits.port_name_bytes_max),
    rows_max: decode.Count(limits.dimension_max),
    inputs: decode.List(limits.ports_max),
    outputs: decode.List(limits.ports_max),
    ops: decode.List(limits.ops_max),
};

const PortKeys = struct {
    name: decode.Text(limits.port_name_bytes_max),
    tensor: decode.Count(limits.tensors_max),
    kind: Kind,
};

const GoldenKeys = struct {
    entry: decode.Text(limits.port_name_bytes_max),
    rows: decode.Count(limits.dimension_max),
    seed: u32,
    digest: Digest,
};

const Digest = struct {
    bytes: *const [32]u8,

    pub fn read(reader: *cbor.Reader) Error!Digest {
        return .{ .bytes = (try reader.bytes(32))[0..32] };
    }
};

/// Where the parts of a header are and how many there are of each.
pub const Layout = struct {
    keys: Keys,
    ports: u32 = 0,
    ops: u32 = 0,

    pub fn scan(file: []const u8, prefix: *const Prefix.Prefix, report: *Report) Error!Layout {
        const end = Prefix.bytes + prefix.header_bytes;
        var reader: cbor.Reader = .init(file, Prefix.bytes, end, report);
        var layout: Layout = .{ .keys = try decode.map(Keys, &reader) };
        if (reader.position != end) return report.fail(
            .header,
            reader.position,
            "byte {d}: the header goes on after its map",
            .{reader.position},
        );
        reader.position = layout.keys.entries.begin;
        for (0..layout.keys.entries.count) |_| {
            const entry = try decode.map(EntryKeys, &reader);
            layout.ports += entry.inputs.count + entry.outputs.count;
            layout.ops += entry.ops.count;
        }
        if (layout.ops > limits.ops_max) return report.fail(
            .limit,
            Prefix.bytes,
            "{d} ops, at most {d}",
            .{ layout.ops, limits.ops_max },
        );
        return layout;
    }

    pub fn meta(layout: *const Layout, file: []const u8) []const u8 {
        return file[layout.keys.meta.place.begin..layout.keys.meta.place.end];
    }
};

/// Decodes a header into slices that the caller sized by its `Layout`. Positions were scanned, so structure is sound;
/// meaning is checked here.
pub const Decoder = struct {
    file: []const u8,
    end: usize,
    version_minor: u16,
    blobs_offset: u32,
    layout: *const Layout,
    report: *Report,

    fn readerAt(self: *const Decoder, position: u32) cbor.Reader {
        return .init(self.file, position, self.end, self.report);
    }

    pub fn name(self: *const Decoder) Error![]const u8 {
        return self.nonEmpty("name", self.layout.keys.name);
    }

    pub fn generator(self: *const Decoder) Error![]const u8 {
        return self.nonEmpty("generator", self.layout.keys.generator);
    }

    fn nonEmpty(self: *const Decoder, key: []const u8, place: decode.Place) Error![]const u8 {
        var reader = self.readerAt(place.begin);
        const found = try reader.text(limits.port_name_bytes_max);
        if (found.len == 0) return self.report.fail(
            .header,
            place.begin,
            "byte {d}: \"{s}\" is empty",
            .{ place.begin, key },
        );
        return found;
    }

    pub fn exact(self: *const Decoder) Error!bool {
        var reader = self.readerAt(self.layout.keys.numeric.begin);
        return try decode.name(Numeric, &reader) == .exact;
    }

    pub fn regions(self: *const Decoder) Error!Regions {
        const at = self.layout.keys.regions.begin;
        var reader = self.readerAt(at);
        const result = try decode.map(Regions, &reader);
        inline for (@typeInfo(Region).@"enum".field_names) |region| {
            const bytes = @field(result, region);
            if (bytes > limits.region_bytes_max) return self.report.fail(
                .limit,
                at,
                "byte {d}: region \"{s}\" of {d} bytes, at most {d}",
                .{ at, region, bytes, limits.region_bytes_max },
            );
        }
        return result;
    }

    pub fn tensors(self: *const Decoder, given: Regions, out: []Tensor) Error!void {
        var reader = self.readerAt(self.layout.keys.tensors.begin);
        for (out, 0..) |*tensor, index| tensor.* = try self.oneTensor(&reader, given, index);
    }

    fn oneTensor(self: *const Decoder, reader: *cbor.Reader, given: Regions, index: usize) Error!Tensor {
        const at = reader.position;
        const report = self.report;
        const keys = try decode.map(TensorKeys, reader);
        var tensor: Tensor = .{
            .name = keys.name.bytes,
            .type = keys.type,
            .scales = keys.scales orelse .f32,
            .place = .constant,
            .dynamic = keys.dynamic orelse false,
            .rank = keys.shape.rank,
            .shape = keys.shape.dimensions,
            .offset = keys.offset,
            .bytes = keys.bytes orelse 0,
            .stride = 0,
        };
        if (tensor.rank == 0) return report.fail(.tensor, at, "byte {d}: tensor {d} has no dimensions", .{ at, index });
        var elements: u64 = 1;
        for (tensor.shape[0..tensor.rank]) |dimension| {
            if (dimension == 0) return report.fail(
                .tensor,
                at,
                "byte {d}: tensor {d} has a dimension of 0",
                .{ at, index },
            );
            elements *= dimension;
            if (elements > limits.elements_max) return report.fail(
                .limit,
                at,
                "byte {d}: tensor {d} has more than {d} elements",
                .{ at, index, limits.elements_max },
            );
        }
        tensor.stride = if (keys.stride) |stride| stride.value else tensor.cols();
        const region = keys.region orelse {
            if (keys.bytes == null or keys.stride != null or keys.dynamic != null) return report.fail(
                .header,
                at,
                "byte {d}: constant {d} needs bytes, and neither stride nor dynamic",
                .{ at, index },
            );
            try self.checkScales(&tensor, keys.scales != null, at, index);
            try self.checkConstant(&tensor, at, index);
            return tensor;
        };
        if (keys.scales != null) return report.fail(
            .header,
            at,
            "byte {d}: activation {d} has a key \"scales\"",
            .{ at, index },
        );
        if (keys.bytes != null) return report.fail(
            .header,
            at,
            "byte {d}: activation {d} has bytes, which its shape gives",
            .{ at, index },
        );
        switch (region) {
            inline else => |each| {
                tensor.place = @field(Place, @tagName(each));
                try self.checkActivation(&tensor, keys.stride != null, @field(given, @tagName(each)), at, index);
            },
        }
        return tensor;
    }

    fn checkScales(self: *const Decoder, tensor: *const Tensor, has_scales: bool, at: usize, index: usize) Error!void {
        if (!has_scales or (self.version_minor >= 1 and storage.hasRowScales(tensor.type))) return;
        return self.report.fail(
            .header,
            at,
            "byte {d}: constant {d} of type {t} has a key \"scales\", as types with a scale a row may from 1.1 on",
            .{ at, index, tensor.type },
        );
    }

    fn checkConstant(self: *const Decoder, tensor: *const Tensor, at: usize, index: usize) Error!void {
        const report = self.report;
        if (storage.products(tensor.type) == .none) return report.fail(
            .tensor,
            at,
            "byte {d}: constant {d} has type {t}",
            .{ at, index, tensor.type },
        );
        if (storage.versionMinor(tensor.type) > self.version_minor) return report.fail(
            .tensor,
            at,
            "byte {d}: constant {d} has type {t}, which came with version 1.{d}",
            .{ at, index, tensor.type, storage.versionMinor(tensor.type) },
        );
        if (tensor.offset % 64 != 0 or tensor.offset < self.blobs_offset) {
            return report.fail(
                .tensor,
                at,
                "byte {d}: constant {d} begins at {d}, expected a multiple of 64 from {d}",
                .{ at, index, tensor.offset, self.blobs_offset },
            );
        }
        if (tensor.offset > self.file.len or tensor.bytes > self.file.len - tensor.offset) {
            return report.fail(
                .tensor,
                at,
                "byte {d}: constant {d} ends at {d}, the file at {d}",
                .{ at, index, @as(u64, tensor.offset) + tensor.bytes, self.file.len },
            );
        }
        const dense = if (tensor.type == .f32 or self.version_minor >= 1) tensor.plainBytes() else 0;
        var panels: u64 = 0;
        if (tensor.rank == 2) {
            if (self.version_minor < 1 and tensor.shape[1] % storage.kMultiple(tensor.type) != 0) {
                return report.fail(
                    .tensor,
                    at,
                    "byte {d}: constant {d} of type {t} sums over {d}, expected a multiple of {d} before version 1.1",
                    .{ at, index, tensor.type, tensor.shape[1], storage.kMultiple(tensor.type) },
                );
            }
            panels = tensor.panelsBytes();
        }
        if (tensor.bytes == 0 or (tensor.bytes != dense and tensor.bytes != panels)) {
            return report.fail(
                .tensor,
                at,
                "byte {d}: constant {d} has {d} bytes, expected {d} as a weight or {d} as a vector",
                .{ at, index, tensor.bytes, panels, dense },
            );
        }
    }

    fn checkActivation(
        self: *const Decoder,
        tensor: *Tensor,
        has_stride: bool,
        region_bytes: u32,
        at: usize,
        index: usize,
    ) Error!void {
        const report = self.report;
        if (storage.activationBytes(tensor.type) == 0) return report.fail(
            .tensor,
            at,
            "byte {d}: activation {d} has type {t}",
            .{ at, index, tensor.type },
        );
        if (tensor.offset % 4 != 0) return report.fail(
            .tensor,
            at,
            "byte {d}: activation {d} begins at {d}, expected a multiple of 4",
            .{ at, index, tensor.offset },
        );
        if (has_stride and (tensor.rank != 2 or tensor.stride < tensor.cols())) {
            return report.fail(
                .tensor,
                at,
                "byte {d}: activation {d} has a stride of {d}, expected two dimensions and at least {d}",
                .{ at, index, tensor.stride, tensor.cols() },
            );
        }
        if (tensor.dynamic and tensor.rank < 2) return report.fail(
            .tensor,
            at,
            "byte {d}: activation {d} is dynamic and has one dimension",
            .{ at, index },
        );
        const elements = @as(u64, tensor.rows() - 1) * tensor.stride + tensor.cols();
        const span = elements * storage.activationBytes(tensor.type);
        if (span > region_bytes or tensor.offset > region_bytes - span) {
            return report.fail(
                .tensor,
                at,
                "byte {d}: activation {d} ends at {d}, its region at {d}",
                .{ at, index, span + tensor.offset, region_bytes },
            );
        }
        tensor.bytes = @intCast(span);
    }

    /// Fills entries from the pools; validation of ops needs the tensors and comes after.
    pub fn entries(self: *const Decoder, out: []Entry, port_pool: []Port, op_pool: []OpRecord) Error!void {
        var reader = self.readerAt(self.layout.keys.entries.begin);
        var ports_left = port_pool;
        var ops_left = op_pool;
        for (out, 0..) |*entry, index| {
            const at = reader.position;
            const report = self.report;
            const keys = try decode.map(EntryKeys, &reader);
            entry.* = .{
                .name = keys.name.bytes,
                .rows_max = keys.rows_max.value,
                .inputs = try self.ports(keys.inputs, &ports_left),
                .outputs = try self.ports(keys.outputs, &ports_left),
                .ops = ops_left[0..keys.ops.count],
            };
            var ops_reader = self.readerAt(keys.ops.begin);
            for (ops_left[0..keys.ops.count]) |*slot| slot.* = try self.op(&ops_reader);
            ops_left = ops_left[keys.ops.count..];
            if (entry.name.len == 0 or entry.rows_max == 0) return report.fail(
                .header,
                at,
                "byte {d}: entry {d} has no name or rows_max 0",
                .{ at, index },
            );
            for (out[0..index]) |other| {
                if (std.mem.eql(u8, other.name, entry.name)) return report.fail(
                    .header,
                    at,
                    "byte {d}: two entries are called \"{s}\"",
                    .{ at, entry.name },
                );
            }
        }
    }

    fn ports(self: *const Decoder, list: decode.List(limits.ports_max), left: *[]Port) Error![]const Port {
        const taken = left.*[0..list.count];
        left.* = left.*[list.count..];
        var reader = self.readerAt(list.begin);
        for (taken) |*slot| {
            const at = reader.position;
            const keys = try decode.map(PortKeys, &reader);
            if (keys.name.bytes.len == 0) return self.report.fail(.header, at, "byte {d}: a port has no name", .{at});
            slot.* = .{ .name = keys.name.bytes, .tensor = keys.tensor.value, .kind = keys.kind };
        }
        return taken;
    }

    fn op(self: *const Decoder, reader: *cbor.Reader) Error!OpRecord {
        const at = reader.position;
        const keys = try reader.map(32);
        // The name decides which keys are allowed, so it comes first.
        const first = if (keys > 0) try reader.text(limits.port_name_bytes_max) else "";
        if (!std.mem.eql(u8, first, "op")) return self.report.fail(
            .header,
            at,
            "byte {d}: an op begins with the key \"op\"",
            .{at},
        );
        const name_at = reader.position;
        const text = try reader.text(limits.port_name_bytes_max);
        const info = @typeInfo(Op).@"union";
        inline for (info.field_names, info.field_types) |tag, Params| {
            if (std.mem.eql(u8, text, tag)) {
                return .{
                    .op = @unionInit(Op, tag, try decode.fields(Params, reader, keys - 1, at)),
                    .at = @intCast(at),
                };
            }
        }
        return self.report.fail(.op, name_at, "byte {d}: unknown op \"{s}\"", .{ name_at, text });
    }

    pub fn goldens(self: *const Decoder, exact_numbers: bool, known: []const Entry, out: []Golden) Error!void {
        if (out.len == 0) return;
        const list = self.layout.keys.golden;
        if (!exact_numbers) return self.report.fail(
            .header,
            list.begin,
            "byte {d}: self-test vectors in a model whose \"numeric\" is not \"exact\"",
            .{list.begin},
        );
        var reader = self.readerAt(list.begin);
        for (out) |*golden| {
            const at = reader.position;
            const keys = try decode.map(GoldenKeys, &reader);
            const entry: u32 = for (known, 0..) |each, i| {
                if (std.mem.eql(u8, each.name, keys.entry.bytes)) break @intCast(i);
            } else return self.report.fail(
                .header,
                at,
                "byte {d}: no entry is called \"{s}\"",
                .{ at, keys.entry.bytes },
            );
            golden.* = .{ .entry = entry, .rows = keys.rows.value, .seed = keys.seed, .digest = keys.digest.bytes };
            if (golden.seed == 0 or golden.rows == 0 or golden.rows > known[entry].rows_max) {
                return self.report.fail(
                    .header,
                    at,
                    "byte {d}: golden with seed {d} and {d} rows",
                    .{ at, golden.seed, golden.rows },
                );
            }
        }
    }
};
