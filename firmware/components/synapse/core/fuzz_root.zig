//! What the fuzz targets see of the core.
pub const abi = @import("abi.zig");
pub const Body = @import("wire/body.zig").Body;
pub const Format = @import("wire/tokens.zig").Format;
pub const Problem = @import("wire/problem.zig").Problem;
pub const SimFlash = @import("flash/sim_flash.zig").SimFlash;
pub const Tokens = @import("wire/tokens.zig").Tokens;
pub const hosts = @import("test_host.zig");
pub const limits = @import("limits.zig");
