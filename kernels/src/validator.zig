//! What ops ask about their operands when a model is opened. Every answer that an op's run relies
//! on is checked here, once.

const storage = @import("storage.zig");
const limits = @import("limits.zig");
const Tensor = @import("tensor.zig").Tensor;
const Report = @import("errors.zig").Report;
const Error = @import("errors.zig").Error;

/// An operand as a matrix: all dimensions but the last make rows.
pub const Matrix = struct { rows: u32, cols: u32, dynamic: bool, constant: bool };

pub const Weight = struct { type: storage.Type, n: u32, k: u32 };

pub const Validator = struct {
    tensors: []const Tensor,
    rows_max: u32,
    /// Of the file.
    version_minor: u16,
    /// Where the op's description begins in the file, for errors.
    at: u32,
    op: []const u8,
    report: *Report,

    pub fn fail(self: *const Validator, comptime format: []const u8, args: anytype) Error {
        return self.report.fail(.op, self.at, "byte {d}: {s}: " ++ format, .{ self.at, self.op } ++ args);
    }

    /// What came with a later minor version is no part of a file of an earlier one.
    pub fn since(self: *const Validator, minor: u16, what: []const u8) Error!void {
        if (self.version_minor < minor) return self.fail(
            "{s} in a file of version 1.{d}, expected at least 1.{d}",
            .{ what, self.version_minor, minor },
        );
    }

    pub fn tensor(self: *const Validator, what: []const u8, index: u32) Error!*const Tensor {
        if (index >= self.tensors.len) return self.fail("{s} is tensor {d} of {d}", .{ what, index, self.tensors.len });
        const found = &self.tensors[index];
        if (found.dynamic and (found.rank < 2 or found.shape[0] != self.rows_max)) {
            return self.fail(
                "{s} is dynamic and begins with {d}, expected rows_max {d}",
                .{ what, found.shape[0], self.rows_max },
            );
        }
        return found;
    }

    fn matrixOf(found: *const Tensor) Matrix {
        return .{
            .rows = found.rows(),
            .cols = found.cols(),
            .dynamic = found.dynamic,
            .constant = found.place == .constant,
        };
    }

    /// An f32 activation.
    pub fn matrix(self: *const Validator, what: []const u8, index: u32) Error!Matrix {
        const found = try self.tensor(what, index);
        if (found.place == .constant or found.type != .f32) return self.fail("{s} must be an f32 activation", .{what});
        return matrixOf(found);
    }

    /// An f32 activation or a constant in rows.
    pub fn matrixOrConstant(self: *const Validator, what: []const u8, index: u32) Error!Matrix {
        const found = try self.tensor(what, index);
        if (found.place != .constant and found.type != .f32) return self.fail("{s} must be f32", .{what});
        if (found.place == .constant) try self.rowMajor(what, found);
        return matrixOf(found);
    }

    /// An operand that is combined with `like` element by element: the same rows, or one row for all.
    pub fn broadcast(self: *const Validator, what: []const u8, index: u32, like: Matrix) Error!void {
        const operand = try self.matrixOrConstant(what, index);
        if (operand.cols != like.cols) return self.fail(
            "{s} has {d} columns, expected {d}",
            .{ what, operand.cols, like.cols },
        );
        const one = operand.rows == 1 and !operand.dynamic;
        const equal = operand.rows == like.rows and operand.dynamic == like.dynamic;
        const covers = operand.constant and operand.rows >= like.rows;
        if (!one and !equal and !covers) return self.fail(
            "{s} has {d} rows, expected 1 or {d}",
            .{ what, operand.rows, like.rows },
        );
    }

    pub fn same(
        self: *const Validator,
        what: []const u8,
        operand: Matrix,
        rows: u32,
        cols: u32,
        dynamic: bool,
    ) Error!void {
        if (operand.rows != rows or operand.cols != cols or operand.dynamic != dynamic) {
            return self.fail("{s} is {d} x {d}, expected {d} x {d}", .{ what, operand.rows, operand.cols, rows, cols });
        }
    }

    /// A constant of two dimensions may be a weight in panels, which is no matrix to read row by row.
    fn rowMajor(self: *const Validator, what: []const u8, found: *const Tensor) Error!void {
        const dense = found.plainBytes();
        if (dense == 0 or (found.type != .f32 and self.version_minor < 1)) return self.fail(
            "{s} must be f32, or from version 1.1 on f16 or an i8 table, and is {t}",
            .{ what, found.type },
        );
        if (found.bytes != dense) return self.fail(
            "{s} is stored in panels of {d} bytes, expected {d} bytes in rows",
            .{ what, found.bytes, dense },
        );
    }

    /// A constant of `length` elements in one row, f32 or f16.
    pub fn vector(self: *const Validator, what: []const u8, index: ?u32, length: u32) Error!void {
        const found = try self.tensor(what, index orelse return);
        if (found.place != .constant or (found.type != .f32 and found.type != .f16)) {
            return self.fail("{s} must be a constant of f32 or f16", .{what});
        }
        try self.rowMajor(what, found);
        if (found.rows() != 1 or found.cols() != length) return self.fail(
            "{s} has {d} x {d} elements, expected {d}",
            .{ what, found.rows(), found.cols(), length },
        );
    }

    /// A constant that holds panels of a linear weight; its size was checked against its type when it was read.
    pub fn weight(self: *const Validator, what: []const u8, index: u32) Error!Weight {
        const found = try self.tensor(what, index);
        if (found.place != .constant or found.rank != 2) return self.fail(
            "{s} must be a constant of two dimensions",
            .{what},
        );
        const n = found.shape[0];
        const k = found.shape[1];
        if (found.bytes != found.panelsBytes()) {
            return self.fail(
                "{s} has {d} bytes, a linear weight {d} x {d} of {t} has {d}",
                .{ what, found.bytes, n, k, found.type, found.panelsBytes() },
            );
        }
        if (k > limits.reduction_max) return self.fail(
            "{s} sums over {d}, at most {d}",
            .{ what, k, limits.reduction_max },
        );
        return .{ .type = found.type, .n = n, .k = k };
    }

    /// The op writes `written` while it still reads or writes `others`: what they hold would depend on the order of
    /// rows and threads.
    pub fn apart(self: *const Validator, written: u32, others: []const ?u32) Error!void {
        for (others) |other| {
            const index = other orelse continue;
            if (self.tensors[written].sharing(&self.tensors[index]) != .nothing) return self.fail(
                "tensor {d}, which it writes, shares bytes with its tensor {d}",
                .{ written, index },
            );
        }
    }

    /// `out` takes over all elements of an operand, or none.
    pub fn inPlace(self: *const Validator, out: u32, operand: ?u32) Error!void {
        const index = operand orelse return;
        if (self.tensors[out].sharing(&self.tensors[index]) == .something) return self.fail(
            "tensor {d}, which it writes, is neither all of its tensor {d} nor apart from it",
            .{ out, index },
        );
    }

    /// The op's scratch must have at least `bytes`.
    pub fn scratch(self: *const Validator, index: ?u32, bytes: u64) Error!void {
        if (bytes == 0 and index == null) return;
        const found = try self.tensor(
            "scratch",
            index orelse return self.fail("needs scratch of {d} bytes and has none", .{bytes}),
        );
        if (found.place == .constant or found.type != .u8 or found.dynamic or !found.isDense()) return self.fail(
            "scratch must be a dense u8 activation of fixed size",
            .{},
        );
        if (found.bytes < bytes) return self.fail("scratch has {d} bytes, needs {d}", .{ found.bytes, bytes });
        if (found.offset % 64 != 0) return self.fail(
            "scratch begins at {d}, expected a multiple of 64",
            .{found.offset},
        );
    }
};
