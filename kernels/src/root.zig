//! The Synapse runtime: opens packed models and runs them. See `include/synapse.h` for the C API and
//! `docs/format.md` for the file.

pub const c_api = @import("c_api.zig");
pub const kernel_check = @import("kernel_check.zig");
pub const Model = @import("model.zig").Model;
pub const Session = @import("session.zig").Session;
pub const Report = @import("errors.zig").Report;
pub const Result = @import("errors.zig").Result;
pub const CError = @import("errors.zig").CError;
pub const dispatch = @import("dispatch.zig");
pub const limits = @import("limits.zig");
pub const format = @import("format.zig");

test {
    _ = @import("cbor.zig");
    _ = @import("decode.zig");
    _ = @import("vector.zig");
    _ = @import("math.zig");
    _ = @import("dispatch.zig");
    _ = @import("format.zig");
    _ = @import("storage.zig");
    _ = @import("storage/expanded.zig");
    _ = @import("c_api.zig");
    _ = @import("model_test.zig");
    _ = @import("ops_test.zig");
    _ = @import("session_test.zig");
    _ = @import("validator_test.zig");
    _ = kernel_check;
    _ = @import("kernels_test.zig");
    _ = @import("quantize_test.zig");
    _ = @import("header_test.zig");
}
