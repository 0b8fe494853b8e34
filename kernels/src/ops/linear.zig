const storage = @import("../storage.zig");
const Activation = @import("../math.zig").Activation;
const Tensor = @import("../tensor.zig").Tensor;
const Validator = @import("../validator.zig").Validator;
const Error = @import("../errors.zig").Error;
const runtime = @import("../run.zig");
const compute = @import("../compute/linear.zig");
const quantize = @import("../compute/quantize.zig");
const Layout = @import("../compute/panel.zig").Layout;
const Factor = @import("../scratch.zig").Factor;
const Piece = @import("../scratch.zig").Piece;
const ScratchLayout = @import("../scratch.zig").Layout;

pub const Params = struct {
    x: u32,
    w: u32,
    out: u32,
    bias: ?u32 = null,
    act: Activation = .none,
    gate: ?u32 = null,
    residual: ?u32 = null,
    scratch: ?u32 = null,
    /// The first rows of x are quantised in two digits: 14 bits instead of 8.
    fine_rows: ?u32 = null,
};

pub const keys = .{
    .x = .activation,
    .w = .weight,
    .out = .out,
    .bias = .vector,
    .gate = .operand,
    .residual = .operand,
    .scratch = .scratch,
    .fine_rows = .count,
};
pub const in_place = "residual";

/// `k_padded` is K filled up to whole blocks of the type, and to sixteen.
const Sizes = struct { rows: u64, fine_rows: u64, k_padded: u64, integers: bool, minima: bool };

/// The quantised input, and the low digits of its fine rows.
pub const scratch_pieces = [_]Piece{
    .{ .name = "x_int8", .when = "integers", .factors = &.{ rows_factor, .{ .of = "k_padded" } } },
    .{ .name = "x_scales", .when = "integers", .element_bytes = 4, .factors = &.{rows_factor} },
    .{ .name = "x_sums", .when = "minima", .element_bytes = 4, .factors = &.{ rows_factor, sums_factor } },
    .{ .name = "x_low", .when = "integers", .factors = &.{ fine_factor, .{ .of = "k_padded" } } },
    .{ .name = "x_low_sums", .when = "minima", .element_bytes = 4, .factors = &.{ fine_factor, sums_factor } },
};
const fine_factor: Factor = .{ .of = "fine_rows" };
const rows_factor: Factor = .{ .of = "rows" };
const sums_factor: Factor = .{ .of = "k_padded", .divisor = storage.sum_length };
const Scratch = ScratchLayout(Sizes, &scratch_pieces);

fn scratchOf(kind: storage.Type, rows: u64, fine_rows: u64, k: u32) Scratch {
    return .of(.{
        .rows = rows,
        .fine_rows = fine_rows,
        .k_padded = storage.kPadded(kind, k),
        .integers = storage.products(kind) == .integers,
        .minima = storage.hasMinimum(kind),
    });
}

/// Fine rows of `rows`: a run of a dynamic x may have fewer.
fn fineRows(p: *const Params, rows: u32) u32 {
    return @min(p.fine_rows orelse 0, rows);
}

pub fn validate(p: *const Params, v: *const Validator) Error!void {
    const x = try v.matrix("x", p.x);
    const w = try v.weight("w", p.w);
    if (x.cols != w.k) return v.fail("x has {d} columns, w sums over {d}", .{ x.cols, w.k });
    const out = try v.matrix("out", p.out);
    try v.same("out", out, x.rows, w.n, x.dynamic);
    try v.vector("bias", p.bias, w.n);
    if (p.gate) |gate| try v.broadcast("gate", gate, out);
    if (p.residual) |residual| try v.broadcast("residual", residual, out);
    if (p.fine_rows) |fine| {
        try v.since(1, "fine_rows");
        if (fine == 0 or fine > x.rows) return v.fail(
            "{d} fine rows of {d}, expected 1 to {d}",
            .{ fine, x.rows, x.rows },
        );
        if (storage.products(w.type) != .integers) return v.fail(
            "fine_rows with weights of type {t}, which multiply x as it is",
            .{w.type},
        );
    }
    try v.scratch(p.scratch, scratchOf(w.type, x.rows, fineRows(p, x.rows), w.k).end);
    try v.apart(p.out, &.{ p.x, p.gate });
    try v.inPlace(p.out, p.residual);
    if (p.scratch) |scratch| try v.apart(scratch, &.{ p.x, p.gate, p.residual, p.out });
}

pub fn threadBytes(p: *const Params, v: *const Validator) usize {
    const w = &v.tensors[p.w];
    return Layout.of(w.type, storage.kPadded(w.type, w.shape[1])).end;
}

/// In multiply-accumulates, for a run of `rows` dynamic rows. Saturates.
pub fn work(p: *const Params, tensors: []const Tensor, rows: u32) u64 {
    const w = &tensors[p.w];
    const x_rows = tensors[p.x].rowsIn(rows);
    return runtime.product(x_rows + fineRows(p, x_rows), w.shape[0], storage.kWhole(w.type, w.shape[1]));
}

pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
    const w = &r.tensors[p.w];
    const k = w.shape[1];
    const x = r.matrix(p.x);
    const k_padded = storage.kPadded(w.type, k);
    const weights = r.pointer(p.w);
    const panels = storage.roundUp(w.shape[0], 16) / 16;
    const panel_bytes: usize = @intCast(storage.panelBytes(w.type, k));
    var args: compute.Args = .{
        .storage = w.type,
        .act = p.act,
        .fused = !r.exact,
        .k = k,
        .k_padded = k_padded,
        .w = @alignCast(weights),
        .panel_bytes = panel_bytes,
        .w_scales = .{ .data = weights + panels * panel_bytes, .element = w.scales.element() },
        .x = x,
        .x_int8 = undefined,
        .x_scales = undefined,
        .x_sums = undefined,
        .out = r.matrix(p.out),
        .bias = r.vector(p.bias),
        .gate = r.broadcast(p.gate),
        .residual = r.broadcast(p.residual),
    };
    if (storage.products(w.type) == .integers) {
        const scratch = r.pointer(p.scratch.?);
        const fine = fineRows(p, x.rows);
        const layout = scratchOf(w.type, x.rows, fine, k);
        const scales = layout.at([*]f32, scratch, "x_scales");
        const sums = layout.at([*]i32, scratch, "x_sums");
        const low = layout.at([*]u8, scratch, "x_low");
        const low_sums = layout.at([*]i32, scratch, "x_low_sums");
        const rows: quantize.Args = .{
            .x = x.data,
            .x_stride = x.stride,
            .k = k,
            .k_padded = k_padded,
            .out = scratch,
            .scales = scales,
            .sums = if (storage.hasMinimum(w.type)) sums else null,
            .fine_rows = fine,
            .low = low,
            .low_sums = if (storage.hasMinimum(w.type)) low_sums else null,
        };
        r.parallel.run(r.kernels.quantize_rows, &rows, x.rows, 16);
        args.x_int8 = scratch;
        args.x_scales = scales;
        args.x_sums = sums;
        args.fine_rows = fine;
        args.x_low = low;
        args.x_low_sums = low_sums;
    }
    // A hand-over to another thread costs about as much as some ten thousand multiply-adds.
    const macs_of_panel = @as(u64, x.rows) * k * 16;
    const chunk: u32 = @intCast(@max(1, @min(panels, 200_000 / @max(macs_of_panel, 1))));
    r.parallel.run(r.kernels.linear, &args, panels, chunk);
    return .{
        .macs = work(p, r.tensors, r.rows),
        .weight_bytes = w.bytes,
        .activation_bytes = runtime.matrixBytes(x) + runtime.matrixBytes(args.out),
    };
}
