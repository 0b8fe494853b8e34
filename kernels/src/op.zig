//! The list of ops. A new kind of layer is a file in `ops/` and a line here; its parameters are read from the header by
//! their field names.

pub const Op = union(enum) {
    patchify: patchify.Params,
    linear: linear.Params,
    layer_norm: norm.LayerNorm.Params,
    rms_norm: norm.RmsNorm.Params,
    modulate: elementwise.Modulate.Params,
    add: elementwise.Add.Params,
    mul: elementwise.Mul.Params,
    act: elementwise.Act.Params,
    copy: elementwise.Copy.Params,
    attention: attention.Params,
};

const Tensor = @import("tensor.zig").Tensor;
const patchify = @import("ops/patchify.zig");
const linear = @import("ops/linear.zig");
const norm = @import("ops/norm.zig");
const elementwise = @import("ops/elementwise.zig");
const attention = @import("ops/attention.zig");

/// The functions `validate`, `threadBytes`, `work` and `run` of an op.
pub fn implementation(comptime tag: @typeInfo(Op).@"union".tag_type.?) type {
    return switch (tag) {
        .patchify => patchify,
        .linear => linear,
        .layer_norm => norm.LayerNorm,
        .rms_norm => norm.RmsNorm,
        .modulate => elementwise.Modulate,
        .add => elementwise.Add,
        .mul => elementwise.Mul,
        .act => elementwise.Act,
        .copy => elementwise.Copy,
        .attention => attention,
    };
}

/// What an op costs in a run of `rows` dynamic rows, in multiply-accumulates; elements of other kinds of work count as
/// some. It saturates.
pub fn workOf(op: *const Op, tensors: []const Tensor, rows: u32) u64 {
    return switch (op.*) {
        inline else => |*params, tag| implementation(tag).work(params, tensors, rows),
    };
}

/// The tensor that names an op in profiles: its weight where it has one, else its output.
pub fn namingTensor(op: *const Op) u32 {
    return switch (op.*) {
        .linear => |p| p.w,
        inline else => |p| p.out,
    };
}
