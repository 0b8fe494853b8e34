//! What stands on a simulated board around the core: its flash, its bootloader's choice of firmware, its chip's
//! cryptography. The core's tests use them too.
pub const sim_flash = @import("sim_flash.zig");
pub const SimFlash = sim_flash.SimFlash;
pub const sim_ota = @import("sim_ota.zig");
pub const SimOta = sim_ota.SimOta;
pub const verify = @import("sim_verify.zig").verify;
pub const empty_image = @import("empty_image.zig");
