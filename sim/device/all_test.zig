//! Gathers the tests of the simulated board.

comptime {
    // The core calls the runtime through its C API; here both are one program.
    @import("synapse").c_api.exportAll();
    @import("synapse").kernel_check.exportAll();
}

test {
    _ = @import("sim_flash.zig");
    _ = @import("sim_ota.zig");
}
