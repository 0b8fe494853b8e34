//! Cuts an RGB image into square patches and normalises them, in the order of a convolution's weight: (channel, y, x).

pub const Args = extern struct {
    image: [*]const u8,
    width: u32,
    channels: u32,
    patch: u32,
    patches_across: u32,
    out: [*]f32,
    out_stride: u32,
    scale: [4]f32,
    shift: [4]f32,
};

/// One part is one patch.
pub fn part(context: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void {
    _ = scratch;
    const args: *const Args = @ptrCast(@alignCast(context));
    for (begin..end) |index| {
        const top = index / args.patches_across * args.patch;
        const left = index % args.patches_across * args.patch;
        const out = args.out + index * args.out_stride;
        for (0..args.channels) |c| {
            const scale = args.scale[c];
            const shift = args.shift[c];
            for (0..args.patch) |y| {
                const source = args.image + ((top + y) * args.width + left) * args.channels + c;
                const target = out + (c * args.patch + y) * args.patch;
                for (0..args.patch) |x| target[x] = @as(f32, @floatFromInt(source[x * args.channels])) * scale + shift;
            }
        }
    }
}
