//! Root of an object file that holds the kernels for one x86 instruction set, under a name of its own.

const build_options = @import("build_options");
const kernel_table = @import("kernel_table.zig");

comptime {
    @export(&kernel_table.table, .{ .name = "syn_kernels_" ++ build_options.isa });
}
