//! Root of the static library: the C API and nothing else.

comptime {
    const root = @import("root.zig");
    root.c_api.exportAll();
    root.kernel_check.exportAll();
}
