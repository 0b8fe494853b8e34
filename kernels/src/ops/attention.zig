const limits = @import("../limits.zig");
const storage = @import("../storage.zig");
const Tensor = @import("../tensor.zig").Tensor;
const Validator = @import("../validator.zig").Validator;
const Error = @import("../errors.zig").Error;
const runtime = @import("../run.zig");
const f32_compute = @import("../compute/attention_f32.zig");
const i8_compute = @import("../compute/attention_i8.zig");
const Factor = @import("../scratch.zig").Factor;
const Piece = @import("../scratch.zig").Piece;
const ScratchLayout = @import("../scratch.zig").Layout;

pub const Compute = enum(u8) { f32, i8, i8_diffused };

pub const Params = struct {
    q: u32,
    k: u32,
    v: u32,
    out: u32,
    heads: u32,
    kv_heads: u32,
    scale: f32,
    causal: bool,
    compute: Compute,
    scratch: ?u32 = null,
};

pub const keys = .{
    .q = .activation,
    .k = .activation,
    .v = .activation,
    .out = .out,
    .heads = .count,
    .kv_heads = .count,
    .scratch = .scratch,
};
pub const in_place = null;

const Sizes = struct { rows: u64, keys: u64, heads: u64, kv_heads: u64, dim: u64, int8: bool };

/// q, k and v as int8, each with its scales. Panels are those of linear layers: of keys for the scores,
/// of columns of v for the sums.
pub const scratch_pieces = [_]Piece{
    int8("q_int8", &.{ .{ .of = "rows" }, .{ .of = "heads" }, dim_padded }),
    scales("q_scales", &.{ .{ .of = "rows" }, .{ .of = "heads" } }),
    int8("k_panels", &.{ .{ .of = "kv_heads" }, keys_padded, dim_padded }),
    scales("k_scales", &.{ .{ .of = "kv_heads" }, keys_padded }),
    int8("v_panels", &.{ .{ .of = "kv_heads" }, dim_padded, keys_padded }),
    scales("v_scales", &.{ .{ .of = "kv_heads" }, dim_padded }),
};
const dim_padded: Factor = .{ .of = "dim", .multiple = 16 };
const keys_padded: Factor = .{ .of = "keys", .multiple = 16 };

fn int8(name: []const u8, factors: []const Factor) Piece {
    return .{ .name = name, .when = "int8", .factors = factors };
}

fn scales(name: []const u8, factors: []const Factor) Piece {
    return .{ .name = name, .when = "int8", .element_bytes = 4, .factors = factors };
}

const Scratch = ScratchLayout(Sizes, &scratch_pieces);

pub fn validate(p: *const Params, v: *const Validator) Error!void {
    const q = try v.matrix("q", p.q);
    const k = try v.matrix("k", p.k);
    const values = try v.matrix("v", p.v);
    const out = try v.matrix("out", p.out);
    if (p.heads == 0 or p.kv_heads == 0 or p.heads % p.kv_heads != 0) return v.fail(
        "{d} heads cannot share {d} key/value heads",
        .{ p.heads, p.kv_heads },
    );
    if (q.cols % p.heads != 0) return v.fail("q has {d} columns, not a multiple of {d} heads", .{ q.cols, p.heads });
    const dim = q.cols / p.heads;
    if (dim > limits.head_dim_max) return v.fail("heads of {d}, at most {d}", .{ dim, limits.head_dim_max });
    if (k.cols != p.kv_heads * dim) return v.fail("k has {d} columns, expected {d}", .{ k.cols, p.kv_heads * dim });
    if (k.rows > limits.attention_keys_max) return v.fail(
        "{d} keys, at most {d}",
        .{ k.rows, limits.attention_keys_max },
    );
    try v.same("v", values, k.rows, k.cols, k.dynamic);
    try v.same("out", out, q.rows, q.cols, q.dynamic);
    if (p.causal and (q.rows != k.rows or q.dynamic != k.dynamic)) return v.fail(
        "causal with {d} rows and {d} keys, expected the same",
        .{ q.rows, k.rows },
    );
    if (p.compute == .i8_diffused) try v.since(1, "compute i8_diffused");
    try v.scratch(p.scratch, scratchOf(p, q.rows, k.rows, dim).end);
    try v.apart(p.out, &.{ p.q, p.k, p.v });
    if (p.scratch) |scratch| try v.apart(scratch, &.{ p.q, p.k, p.v, p.out });
}

fn scratchOf(p: *const Params, rows: u64, key_rows: u64, dim: u64) Scratch {
    return .of(.{
        .rows = rows,
        .keys = key_rows,
        .heads = p.heads,
        .kv_heads = p.kv_heads,
        .dim = dim,
        .int8 = p.compute != .f32,
    });
}

pub fn threadBytes(p: *const Params, v: *const Validator) usize {
    const key_rows: usize = v.tensors[p.k].rows();
    const dim: usize = v.tensors[p.q].cols() / p.heads;
    return switch (p.compute) {
        .f32 => f32_compute.threadBytes(key_rows, dim),
        .i8, .i8_diffused => i8_compute.threadBytes(key_rows, dim),
    };
}

fn macs(p: *const Params, tensors: []const Tensor, rows: u32) u64 {
    return runtime.product(2 * @as(u64, tensors[p.q].rowsIn(rows)), tensors[p.k].rowsIn(rows), tensors[p.q].cols());
}

/// In multiply-accumulates, the softmax of every score included, for a run of `rows` dynamic rows. Saturates.
pub fn work(p: *const Params, tensors: []const Tensor, rows: u32) u64 {
    const scores = runtime.product(
        tensors[p.q].rowsIn(rows),
        tensors[p.k].rowsIn(rows),
        @as(u64, p.heads) * runtime.element_work,
    );
    return macs(p, tensors, rows) +| scores;
}

pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
    const q = r.matrix(p.q);
    const k = r.matrix(p.k);
    const v = r.matrix(p.v);
    const out = r.matrix(p.out);
    const dim = q.cols / p.heads;
    switch (p.compute) {
        .f32 => {
            const args: f32_compute.Args = .{
                .q = q,
                .k = k,
                .v = v,
                .out = out,
                .heads = p.heads,
                .heads_per_kv = p.heads / p.kv_heads,
                .dim = dim,
                .scale = p.scale,
                .causal = p.causal,
                .fused = !r.exact,
            };
            const blocks = (q.rows + f32_compute.rows_per_part - 1) / f32_compute.rows_per_part;
            r.parallel.run(r.kernels.attention_f32, &args, p.heads * blocks, 1);
        },
        .i8, .i8_diffused => {
            const scratch = r.pointer(p.scratch.?);
            const layout = scratchOf(p, q.rows, k.rows, dim);
            const args: i8_compute.Args = .{
                .q = q,
                .k = k,
                .v = v,
                .out = out,
                .heads = p.heads,
                .kv_heads = p.kv_heads,
                .dim = dim,
                .dim_padded = storage.roundUp(dim, 16),
                .keys_padded = storage.roundUp(k.rows, 16),
                .scale = p.scale,
                .causal = p.causal,
                .diffused = p.compute == .i8_diffused,
                .q_int8 = layout.at([*]u8, scratch, "q_int8"),
                .q_scales = layout.at([*]f32, scratch, "q_scales"),
                .k_panels = layout.at([*]align(64) i8, scratch, "k_panels"),
                .k_scales = layout.at([*]f32, scratch, "k_scales"),
                .v_panels = layout.at([*]align(64) i8, scratch, "v_panels"),
                .v_scales = layout.at([*]f32, scratch, "v_scales"),
            };
            r.parallel.run(r.kernels.attention_quantize, &args, p.heads + 2 * p.kv_heads, 1);
            const blocks = (q.rows + i8_compute.rows_per_part - 1) / i8_compute.rows_per_part;
            r.parallel.run(r.kernels.attention_i8, &args, p.heads * blocks, 1);
        },
    }
    return .{
        .macs = macs(p, r.tensors, r.rows),
        .activation_bytes = 2 * (runtime.matrixBytes(q) + runtime.matrixBytes(k)),
    };
}
