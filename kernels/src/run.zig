//! What an op's run works with: where tensors are, how many rows there are, which kernels and threads to use.

const Tensor = @import("tensor.zig").Tensor;
const Table = @import("kernel_table.zig").Table;
const Parallel = @import("parallel.zig").Parallel;
const Operand = @import("compute/operand.zig").Operand;
const View = @import("compute/view.zig").View;

pub const Bases = struct {
    constant: [*]const u8,
    fast: [*]u8,
    slow: [*]u8,
    state: [*]u8,
};

pub const Run = struct {
    tensors: []const Tensor,
    bases: Bases,
    /// Rows of dynamic tensors in this run.
    rows: u32,
    exact: bool,
    kernels: *const Table,
    parallel: Parallel,

    pub fn pointer(self: *const Run, index: u32) [*]u8 {
        const tensor = &self.tensors[index];
        return switch (tensor.place) {
            // Constants are only ever read; one pointer type for operands keeps kernels simple.
            .constant => @constCast(self.bases.constant + tensor.offset),
            .fast => self.bases.fast + tensor.offset,
            .slow => self.bases.slow + tensor.offset,
            .state => self.bases.state + tensor.offset,
        };
    }

    pub fn matrix(self: *const Run, index: u32) View {
        const tensor = &self.tensors[index];
        return .{
            .data = @ptrCast(@alignCast(self.pointer(index))),
            .rows = tensor.rowsIn(self.rows),
            .cols = tensor.cols(),
            .stride = tensor.stride,
        };
    }

    /// An operand combined with every row: one row repeats.
    pub fn broadcast(self: *const Run, index: ?u32) Operand {
        var operand = self.rowsOf(index orelse return .{});
        const tensor = &self.tensors[index.?];
        if (tensor.rows() == 1 and !tensor.dynamic) operand.stride = 0;
        return operand;
    }

    pub fn vector(self: *const Run, index: ?u32) Operand {
        return self.broadcast(index);
    }

    /// An operand row by row.
    pub fn rowsOf(self: *const Run, index: u32) Operand {
        const tensor = &self.tensors[index];
        const data = self.pointer(index);
        return .{
            .data = data,
            .scales = data + tensor.scalesOffset(),
            .stride = tensor.stride,
            .element = switch (tensor.type) {
                .f16 => .f16,
                .i8 => .i8,
                else => .f32,
            },
            .scale_element = tensor.scales.element(),
        };
    }
};

/// What an op costs, for profiles.
pub const Cost = struct {
    macs: u64 = 0,
    weight_bytes: u64 = 0,
    activation_bytes: u64 = 0,
};

/// What an element of an op counts that multiplies no matrices, in multiply-accumulates: an element costs a few
/// operations, of an activation some dozens.
pub const element_work = 8;

/// Saturates; not inlined, for the size of builds without a multiplication of 64 bits.
pub noinline fn product(a: u64, b: u64, c: u64) u64 {
    return a *| b *| c;
}

/// The work of an op that goes over the elements of `out` once. Saturates.
pub fn elementWork(out: *const Tensor, rows: u32) u64 {
    return product(out.rowsIn(rows), out.cols(), element_work);
}

pub fn matrixBytes(view: View) u64 {
    return @as(u64, view.rows) * view.cols * 4;
}
