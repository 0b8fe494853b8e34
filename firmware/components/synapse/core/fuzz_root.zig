//! What the fuzz targets see of the core.
pub const abi = @import("abi.zig");
// These are what the simulated parts take from the core.
pub const app_image = abi.app_image;
pub const flash = abi.flash;
pub const ports = abi.ports;
pub const Body = @import("wire/body.zig").Body;
pub const Format = @import("wire/tokens.zig").Format;
pub const Problem = @import("wire/problem.zig").Problem;
pub const SimFlash = @import("sim_parts").SimFlash;
pub const Tokens = @import("wire/tokens.zig").Tokens;
pub const hosts = @import("test_host.zig");
pub const limits = @import("limits.zig");
pub const updates = @import("updates/updates.zig");
