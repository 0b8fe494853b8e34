//! The computing part of every op, as one table of functions. On x86 this file is compiled once for each instruction
//! set, and the runtime chooses a table when it starts; elsewhere there is one table, known at compile time.

const machine = @import("isa/machine.zig");

/// Does parts `begin` to `end` of an op. `args` points to the op's own argument struct; `scratch` is one thread's.
pub const Part = *const fn (args: *const anyopaque, begin: u32, end: u32, scratch: [*]align(64) u8) callconv(.c) void;

pub const Table = extern struct {
    isa: [*:0]const u8,
    sha256: *const fn (
        first: [*]const u8,
        first_bytes: usize,
        second: [*]const u8,
        second_bytes: usize,
        out: *[32]u8,
    ) callconv(.c) void,
    patchify: Part,
    quantize_rows: Part,
    linear: Part,
    layer_norm: Part,
    rms_norm: Part,
    elementwise: Part,
    attention_quantize: Part,
    attention_i8: Part,
    attention_f32: Part,
};

pub const table: Table = .{
    .isa = machine.name,
    .sha256 = &@import("sha256.zig").digest,
    .patchify = &@import("compute/patchify.zig").part,
    .quantize_rows = &@import("compute/quantize.zig").part,
    .linear = &@import("compute/linear.zig").part,
    .layer_norm = &@import("compute/norm.zig").layerNormPart,
    .rms_norm = &@import("compute/norm.zig").rmsNormPart,
    .elementwise = &@import("compute/elementwise.zig").part,
    .attention_quantize = &@import("compute/attention_i8.zig").quantizePart,
    .attention_i8 = &@import("compute/attention_i8.zig").part,
    .attention_f32 = &@import("compute/attention_f32.zig").part,
};
