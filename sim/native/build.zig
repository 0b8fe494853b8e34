//! Build step of the simulated board's Node addon: device core and runtime in one. `build.zig` calls `add` with its way
//! of making the runtime's module.

const std = @import("std");
const addons = @import("../../engines/native/build.zig");
const device = @import("../device/build.zig");

/// `runtime.module(target, optimize, root)` answers the runtime compiled for a target.
pub fn add(b: *std.Build, runtime: anytype, native: std.Build.ResolvedTarget) void {
    const Board = struct {
        b: *std.Build,
        core: device.Core,
        runtime: @TypeOf(runtime),

        pub fn root(self: @This(), target: std.Build.ResolvedTarget) *std.Build.Module {
            return addons.addonModule(self.b, target, "sim/native/addon.zig", &.{
                .{ .name = "node_api", .module = addons.nodeApi(self.b, target) },
                .{ .name = "synapse", .module = self.runtime.module(target, .fast, "kernels/src/root.zig") },
                .{ .name = "board", .module = self.core.board(target) },
            });
        }
    };
    addons.install(b, native, "synapse-board", Board{ .b = b, .core = .init(b), .runtime = runtime });
}
