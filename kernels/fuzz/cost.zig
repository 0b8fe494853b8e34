//! How much work running a model once is, in multiply-accumulates or what takes as long: an upper bound,
//! from shapes alone.

const std = @import("std");
const Model = @import("synapse").Model;

pub fn ofModel(model: *const Model) u64 {
    var total: u64 = 0;
    for (model.entries) |*entry| {
        // Sixteen units for an op that does nothing: thousands of them take time too.
        for (entry.ops) |*record| total +|= 16 +| ofOp(model, &record.op);
        for (entry.inputs) |port| total +|= model.tensors[port.tensor].bytes;
        for (entry.outputs) |port| total +|= model.tensors[port.tensor].bytes;
    }
    // Self-tests run an entry again.
    return total *| (1 + model.goldens.len);
}

fn ofOp(model: *const Model, op: anytype) u64 {
    switch (op.*) {
        .linear => |p| {
            const w = &model.tensors[p.w];
            const n = std.mem.alignForward(u64, w.shape[0], 16);
            // One row more: expanding the weights costs about a row.
            return n *| w.shape[1] *| (1 + @as(u64, model.tensors[p.x].rows()));
        },
        .attention => |p| {
            const q = &model.tensors[p.q];
            const keys = std.mem.alignForward(u64, model.tensors[p.k].rows(), 16);
            const dim = std.mem.alignForward(u64, q.cols() / p.heads, 16);
            return 2 *| (1 + @as(u64, q.rows())) *| keys *| dim *| p.heads +| keys *| dim *| p.heads *| (q.rows() / 64);
        },
        .patchify => |p| return model.tensors[p.x].bytes,
        // Activations such as gelu cost some ten operations an element.
        inline else => |p| return 10 *| @as(u64, model.tensors[p.out].rows()) *| (16 + model.tensors[p.out].cols()),
    }
}
