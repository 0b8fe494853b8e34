//! `add`, `mul`, `modulate`, `act`, `copy`.

const Activation = @import("../math.zig").Activation;
const Tensor = @import("../tensor.zig").Tensor;
const Validator = @import("../validator.zig").Validator;
const Error = @import("../errors.zig").Error;
const runtime = @import("../run.zig");
const compute = @import("../compute/elementwise.zig");

pub const Add = Binary(.add);
pub const Mul = Binary(.mul);

fn Binary(comptime kind: compute.Kind) type {
    return struct {
        pub const Params = struct { a: u32, b: u32, out: u32 };
        pub const keys = .{ .a = .activation, .b = .operand, .out = .out };
        pub const in_place = "a";

        pub fn validate(p: *const Params, v: *const Validator) Error!void {
            const a = try v.matrix("a", p.a);
            try v.broadcast("b", p.b, a);
            try v.same("out", try v.matrix("out", p.out), a.rows, a.cols, a.dynamic);
            try v.inPlace(p.out, p.a);
            try v.apart(p.out, &.{p.b});
        }

        pub const threadBytes = none(Params);
        pub const work = outWork(Params);

        pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
            return elementwise(
                r,
                .{
                    .kind = kind,
                    .act = .none,
                    .x = r.rowsOf(p.a),
                    .out = r.matrix(p.out),
                    .b = r.broadcast(p.b),
                    .c = .{},
                },
            );
        }
    };
}

pub const Modulate = struct {
    pub const Params = struct { x: u32, shift: u32, scale: u32, out: u32 };
    pub const keys = .{ .x = .activation, .shift = .operand, .scale = .operand, .out = .out };
    pub const in_place = "x";

    pub fn validate(p: *const Params, v: *const Validator) Error!void {
        const x = try v.matrix("x", p.x);
        try v.broadcast("shift", p.shift, x);
        try v.broadcast("scale", p.scale, x);
        try v.same("out", try v.matrix("out", p.out), x.rows, x.cols, x.dynamic);
        try v.inPlace(p.out, p.x);
        try v.apart(p.out, &.{ p.shift, p.scale });
    }

    pub const threadBytes = none(Params);
    pub const work = outWork(Params);

    pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
        return elementwise(
            r,
            .{
                .kind = .modulate,
                .act = .none,
                .x = r.rowsOf(p.x),
                .out = r.matrix(p.out),
                .b = r.broadcast(p.shift),
                .c = r.broadcast(p.scale),
            },
        );
    }
};

pub const Act = struct {
    pub const Params = struct { x: u32, out: u32, act: Activation };
    pub const keys = .{ .x = .activation, .out = .out };
    pub const in_place = "x";

    pub fn validate(p: *const Params, v: *const Validator) Error!void {
        const x = try v.matrix("x", p.x);
        try v.same("out", try v.matrix("out", p.out), x.rows, x.cols, x.dynamic);
        try v.inPlace(p.out, p.x);
    }

    pub const threadBytes = none(Params);
    pub const work = outWork(Params);

    pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
        return elementwise(
            r,
            .{ .kind = .act, .act = p.act, .x = r.rowsOf(p.x), .out = r.matrix(p.out), .b = .{}, .c = .{} },
        );
    }
};

pub const Copy = struct {
    pub const Params = struct { x: u32, out: u32 };
    pub const keys = .{ .x = .operand, .out = .out };
    pub const in_place = null;

    pub fn validate(p: *const Params, v: *const Validator) Error!void {
        const out = try v.matrix("out", p.out);
        const x = try v.matrixOrConstant("x", p.x);
        // A constant has no rows of its own in a run: out decides.
        try v.same(
            "x",
            .{
                .rows = x.rows,
                .cols = x.cols,
                .dynamic = if (x.constant) out.dynamic else x.dynamic,
                .constant = x.constant,
            },
            out.rows,
            out.cols,
            out.dynamic,
        );
        try v.apart(p.out, &.{p.x});
    }

    pub const threadBytes = none(Params);
    pub const work = outWork(Params);

    pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
        return elementwise(
            r,
            .{ .kind = .copy, .act = .none, .x = r.rowsOf(p.x), .out = r.matrix(p.out), .b = .{}, .c = .{} },
        );
    }
};

fn none(comptime Params: type) fn (*const Params, *const Validator) usize {
    return struct {
        fn threadBytes(p: *const Params, v: *const Validator) usize {
            _ = .{ p, v };
            return 0;
        }
    }.threadBytes;
}

fn outWork(comptime Params: type) fn (*const Params, []const Tensor, u32) u64 {
    return struct {
        fn work(p: *const Params, tensors: []const Tensor, rows: u32) u64 {
            return runtime.elementWork(&tensors[p.out], rows);
        }
    }.work;
}

fn elementwise(r: *const runtime.Run, args: compute.Args) runtime.Cost {
    r.parallel.run(r.kernels.elementwise, &args, args.out.rows, 64);
    const operands: u64 = 2 + @as(u64, @intFromBool(args.b.present())) + @intFromBool(args.c.present());
    return .{ .activation_bytes = operands * runtime.matrixBytes(args.out) };
}
