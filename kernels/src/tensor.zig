//! A tensor of an open model: where its elements are and how they are laid out.

const storage = @import("storage.zig");
const limits = @import("limits.zig");

pub const Place = enum(u8) { constant, fast, slow, state };

pub const Tensor = struct {
    name: []const u8,
    type: storage.Type,
    place: Place,
    /// The first dimension is a maximum; a run has its own.
    dynamic: bool,
    rank: u8,
    shape: [4]u32,
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

    pub fn isDense(self: *const Tensor) bool {
        return self.stride == self.cols();
    }
};
