//! What the fuzz targets see of the core.
pub const abi = @import("abi.zig");
pub const Body = @import("body.zig").Body;
pub const Format = @import("tokens.zig").Format;
pub const Problem = @import("problem.zig").Problem;
pub const SimFlash = @import("flash/sim_flash.zig").SimFlash;
pub const Tokens = @import("tokens.zig").Tokens;
pub const hosts = @import("test_host.zig");
pub const limits = @import("limits.zig");
