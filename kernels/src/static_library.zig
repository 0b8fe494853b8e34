//! Root of the static library: the C API and nothing else.

comptime {
    @import("root.zig").c_api.exportAll();
}
