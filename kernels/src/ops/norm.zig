//! `layer_norm` and `rms_norm`.

const Tensor = @import("../tensor.zig").Tensor;
const Validator = @import("../validator.zig").Validator;
const Error = @import("../errors.zig").Error;
const runtime = @import("../run.zig");
const compute = @import("../compute/norm.zig");

pub const LayerNorm = Norm(.layer_norm);
pub const RmsNorm = Norm(.rms_norm);

fn Norm(comptime kind: enum { layer_norm, rms_norm }) type {
    return struct {
        pub const Params = if (kind == .layer_norm) struct {
            x: u32,
            out: u32,
            eps: f32,
            gamma: ?u32 = null,
            beta: ?u32 = null,
        } else struct {
            x: u32,
            out: u32,
            eps: f32,
            gamma: ?u32 = null,
        };

        pub const keys = if (kind == .layer_norm)
            .{ .x = .activation, .out = .out, .gamma = .vector, .beta = .vector }
        else
            .{ .x = .activation, .out = .out, .gamma = .vector };
        pub const in_place = "x";

        pub fn validate(p: *const Params, v: *const Validator) Error!void {
            const x = try v.matrix("x", p.x);
            try v.same("out", try v.matrix("out", p.out), x.rows, x.cols, x.dynamic);
            try v.vector("gamma", p.gamma, x.cols);
            if (kind == .layer_norm) try v.vector("beta", p.beta, x.cols);
            try v.inPlace(p.out, p.x);
            if (!(p.eps >= 0)) return v.fail("eps is negative", .{});
        }

        pub fn threadBytes(p: *const Params, v: *const Validator) usize {
            _ = .{ p, v };
            return 0;
        }

        pub fn work(p: *const Params, tensors: []const Tensor, rows: u32) u64 {
            return runtime.elementWork(&tensors[p.out], rows);
        }

        pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
            const args: compute.Args = .{
                .x = r.matrix(p.x),
                .out = r.matrix(p.out),
                .gamma = r.vector(p.gamma),
                .beta = if (kind == .layer_norm) r.vector(p.beta) else .{},
                .eps = p.eps,
            };
            r.parallel.run(
                if (kind == .layer_norm) r.kernels.layer_norm else r.kernels.rms_norm,
                &args,
                args.x.rows,
                32,
            );
            return .{ .activation_bytes = 2 * runtime.matrixBytes(args.x) };
        }
    };
}
