//! Build steps of the Node addons: the engine here, and with `install` and `nodeApi` those of others. `build.zig` calls `add` with its way of
//! making the runtime's module.

const std = @import("std");

/// `runtime.module(target, optimize, root)` answers the runtime compiled for a target.
pub fn add(b: *std.Build, runtime: anytype, native: std.Build.ResolvedTarget) void {
    const Engine = struct {
        b: *std.Build,
        runtime: @TypeOf(runtime),

        pub fn root(self: @This(), target: std.Build.ResolvedTarget) *std.Build.Module {
            return addonModule(self.b, target, "engines/native/addon.zig", &.{
                .{ .name = "synapse", .module = self.runtime.module(target, .fast, "kernels/src/root.zig") },
            });
        }
    };
    install(b, native, "synapse", Engine{ .b = b, .runtime = runtime });
}

/// Installs `name`.node for this machine, and when asked for, aarch64/`name`.node for 64-bit Arm Linux. `addon.root(target)` answers its root module.
pub fn install(b: *std.Build, native: std.Build.ResolvedTarget, name: []const u8, addon: anytype) void {
    const here = installFor(b, name, addon.root(native), b.fmt("{s}.node", .{name}));
    b.getInstallStep().dependOn(here);
    step(b, "addon", "build the addons for this machine: synapse.node, synapse-board.node").dependOn(here);

    const arm = addon.root(b.resolveTargetQuery(.{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .gnu }));
    const there = installFor(b, name, arm, b.fmt("aarch64/{s}.node", .{name}));
    step(b, "addon-aarch64", "build the addons for 64-bit Arm Linux, into aarch64/").dependOn(there);
}

fn installFor(b: *std.Build, name: []const u8, root: *std.Build.Module, path: []const u8) *std.Build.Step {
    const library = b.addLibrary(.{ .name = name, .linkage = .dynamic, .root_module = root });
    // Node gives the napi_* functions when it loads the addon.
    library.linker_allow_shlib_undefined = true;
    return &b.addInstallFile(library.getEmittedBin(), path).step;
}

/// The step of that name, which several addons share.
fn step(b: *std.Build, name: []const u8, description: []const u8) *std.Build.Step {
    return if (b.top_level_steps.get(name)) |known| &known.step else b.step(name, description);
}

pub fn addonModule(b: *std.Build, target: std.Build.ResolvedTarget, root: []const u8, imports: []const std.Build.Module.Import) *std.Build.Module {
    return b.createModule(.{
        .root_source_file = b.path(root),
        .target = target,
        .optimize = .fast,
        // Zig 0.17.1 crashes when it writes debug information for aarch64.
        .strip = true,
        .link_libc = true,
        .imports = imports,
    });
}

/// node_api.zig as a module, for addons elsewhere.
pub fn nodeApi(b: *std.Build, target: std.Build.ResolvedTarget) *std.Build.Module {
    return addonModule(b, target, "engines/native/node_api.zig", &.{});
}
