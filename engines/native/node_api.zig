//! What every Node addon here is made of: N-API as Zig functions, aligned memory that JavaScript may own, and threads
//! that help with one job. The addon of the simulated board (sim/native) uses it as a module of this name.

pub const napi = @import("napi.zig");
pub const memory = @import("memory.zig");
pub const Pool = @import("pool.zig").Pool;
