const limits = @import("../limits.zig");
const Tensor = @import("../tensor.zig").Tensor;
const Validator = @import("../validator.zig").Validator;
const Error = @import("../errors.zig").Error;
const runtime = @import("../run.zig");
const compute = @import("../compute/patchify.zig");
const Channels = @import("channels.zig").Channels;

pub const Params = struct {
    x: u32,
    out: u32,
    patch: u32,
    scale: Channels,
    shift: Channels,
};

pub const keys = .{ .x = .activation, .out = .out, .patch = .count };
pub const in_place = null;

pub fn validate(p: *const Params, v: *const Validator) Error!void {
    const image = try v.tensor("x", p.x);
    if (image.place == .constant or image.type != .u8 or image.rank != 3 or image.dynamic) return v.fail(
        "x must be a u8 activation [H, W, C]",
        .{},
    );
    const height = image.shape[0];
    const width = image.shape[1];
    const channels = image.shape[2];
    if (channels > limits.channels_max) return v.fail("{d} channels, at most {d}", .{ channels, limits.channels_max });
    if (p.scale.count != channels or p.shift.count != channels) return v.fail(
        "scale and shift have {d} and {d} numbers, expected {d}",
        .{ p.scale.count, p.shift.count, channels },
    );
    if (p.patch == 0 or height % p.patch != 0 or width % p.patch != 0) return v.fail(
        "an image of {d} x {d} is not made of patches of {d}",
        .{ width, height, p.patch },
    );
    // patch is at most the height, so these products stay below the element limit.
    try v.same(
        "out",
        try v.matrix("out", p.out),
        (height / p.patch) * (width / p.patch),
        channels * p.patch * p.patch,
        false,
    );
    try v.apart(p.out, &.{p.x});
}

pub fn threadBytes(p: *const Params, v: *const Validator) usize {
    _ = .{ p, v };
    return 0;
}

pub fn work(p: *const Params, tensors: []const Tensor, rows: u32) u64 {
    return runtime.elementWork(&tensors[p.out], rows);
}

pub fn run(p: *const Params, r: *const runtime.Run) runtime.Cost {
    const image = &r.tensors[p.x];
    const out = r.matrix(p.out);
    const args: compute.Args = .{
        .image = r.pointer(p.x),
        .width = image.shape[1],
        .channels = image.shape[2],
        .patch = p.patch,
        .patches_across = image.shape[1] / p.patch,
        .out = out.data,
        .out_stride = out.stride,
        .scale = p.scale.values,
        .shift = p.shift.values,
    };
    r.parallel.run(r.kernels.patchify, &args, out.rows, 32);
    return .{ .activation_bytes = @as(u64, image.bytes) + runtime.matrixBytes(out) };
}
