//! A tensor of an open model: where its elements are and how they are laid out.

const limits = @import("limits.zig");
const storage = @import("storage.zig");
const Element = @import("compute/operand.zig").Element;

/// How scales of rows are stored.
pub const Scales = enum(u8) {
    f32,
    f16,

    pub fn element(self: Scales) Element {
        return switch (self) {
            .f32 => .f32,
            .f16 => .f16,
        };
    }

    pub fn bytes(self: Scales) u32 {
        return switch (self) {
            .f32 => 4,
            .f16 => 2,
        };
    }
};

pub const Place = enum(u8) { constant, fast, slow, state };

pub const Tensor = struct {
    name: []const u8,
    type: storage.Type,
    /// Constants that have a scale for each row only.
    scales: Scales = .f32,
    place: Place,
    /// The first dimension is a maximum; a run has its own.
    dynamic: bool,
    rank: u8,
    shape: [limits.rank_max]u32,
    /// From the start of the file (constants) or of the region (activations).
    offset: u32,
    /// Constants: size in the file. Activations: from the first to the last byte.
    bytes: u32,
    /// Elements from one row to the next.
    stride: u32,

    /// The last dimension.
    pub fn cols(self: *const Tensor) u32 {
        return self.shape[self.rank - 1];
    }

    /// The product of all dimensions but the last, at most.
    pub fn rows(self: *const Tensor) u32 {
        var product: u32 = 1;
        for (self.shape[0 .. self.rank - 1]) |dimension| product *= dimension;
        return product;
    }

    /// The product of the dimensions between the first and the last: rows for each dynamic row.
    pub fn rowsPerDynamicRow(self: *const Tensor) u32 {
        return self.rows() / self.shape[0];
    }

    /// Rows in a run of `rows` dynamic rows.
    pub fn rowsIn(self: *const Tensor, dynamic_rows: u32) u32 {
        return if (self.dynamic) dynamic_rows * self.rowsPerDynamicRow() else self.rows();
    }

    /// Bytes of a constant in rows, as elementwise operands are, or 0 where there are none of its type.
    pub fn plainBytes(self: *const Tensor) u64 {
        const elements = @as(u64, self.rows()) * self.cols();
        return switch (self.type) {
            .f32 => elements * 4,
            .f16 => elements * 2,
            .i8 => if (self.rank == 2) self.scalesOffset() + @as(u64, self.rows()) * self.scales.bytes() else 0,
            else => 0,
        };
    }

    /// Where the scales of an int8 table begin: behind the numbers, at a multiple of four.
    pub fn scalesOffset(self: *const Tensor) u32 {
        return if (self.type == .i8) storage.roundUp(self.rows() * self.cols(), 4) else 0;
    }

    /// Bytes of a constant of two dimensions as the weight of a linear layer, in panels.
    pub fn panelsBytes(self: *const Tensor) u64 {
        return storage.linearBytes(self.type, self.scales.bytes(), self.shape[0], self.shape[1]);
    }

    pub fn isDense(self: *const Tensor) bool {
        return self.stride == self.cols();
    }

    /// What two activations have in common, all rows of a dynamic one counted. Columns of one wider tensor may lie
    /// between each other and share nothing; views with two different strides count as sharing where their ends cross,
    /// for it would take long to find out.
    pub fn sharing(a: *const Tensor, b: *const Tensor) Sharing {
        if (a.place != b.place or a.offset >= b.offset + b.bytes or b.offset >= a.offset + a.bytes) return .nothing;
        const same_rows = a.rows() == b.rows() and (a.stride == b.stride or a.rows() == 1);
        if (a.offset == b.offset and a.type == b.type and a.cols() == b.cols() and same_rows) return .everything;
        const x: Pieces = .of(a);
        const y: Pieces = .of(b);
        if (x.last > 0 and y.last > 0 and x.stride != y.stride) return .something;
        const stride = @max(x.stride, y.stride);
        const distance = y.begin - x.begin;
        // Piece i of x meets piece j of y when (i - j) * stride is more than distance - x.bytes and less than
        // distance + y.bytes.
        const difference = @max(@divFloor(distance - x.bytes, stride) + 1, -y.last);
        return if (difference <= x.last and difference * stride < distance + y.bytes) .something else .nothing;
    }
};

/// `everything`: the very same elements.
pub const Sharing = enum { nothing, something, everything };

/// An activation as pieces of equal length without gaps inside. A region has at most 2^30 bytes,
/// so that sums of two numbers fit.
const Pieces = struct {
    begin: i32,
    bytes: i32,
    stride: i32,
    /// Pieces but one.
    last: i32,

    fn of(tensor: *const Tensor) Pieces {
        const begin: i32 = @intCast(tensor.offset);
        if (tensor.isDense() or tensor.rows() == 1) return .{
            .begin = begin,
            .bytes = @intCast(tensor.bytes),
            .stride = 1,
            .last = 0,
        };
        const size = storage.activationBytes(tensor.type);
        return .{
            .begin = begin,
            .bytes = @intCast(tensor.cols() * size),
            .stride = @intCast(tensor.stride * size),
            .last = @intCast(tensor.rows() - 1),
        };
    }
};
