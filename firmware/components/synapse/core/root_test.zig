//! Gathers the core's tests.
test {
    _ = @import("abi.zig");
    _ = @import("answer.zig");
    _ = @import("body.zig");
    _ = @import("cbor_tokens.zig");
    _ = @import("device.zig");
    _ = @import("exchange.zig");
    _ = @import("http.zig");
    _ = @import("json_tokens.zig");
    _ = @import("memory.zig");
    _ = @import("model.zig");
    _ = @import("port.zig");
    _ = @import("problem.zig");
    _ = @import("routes.zig");
}
