//! Build steps of the Node addons: the engine here, and with `install` and `nodeApi` those of others. `build.zig` calls
//! `add` with its way of making the runtime's module.

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
    const engine: Engine = .{ .b = b, .runtime = runtime };
    install(b, native, "synapse", engine);
    prebuild(b, engine);
}

/// What npm serves without a compiler, by Node's names of platform and processor.
const prebuilds = [_]struct { []const u8, std.Target.Query }{
    .{ "linux-x64-gnu", .{ .cpu_arch = .x86_64, .os_tag = .linux, .abi = .gnu, .glibc_version = glibc } },
    .{ "linux-x64-musl", .{ .cpu_arch = .x86_64, .os_tag = .linux, .abi = .musl } },
    .{ "linux-arm64-gnu", .{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .gnu, .glibc_version = glibc } },
    .{ "linux-arm64-musl", .{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .musl } },
    .{ "darwin-x64", .{ .cpu_arch = .x86_64, .os_tag = .macos } },
    .{ "darwin-arm64", .{ .cpu_arch = .aarch64, .os_tag = .macos } },
    .{ "win32-x64", .{ .cpu_arch = .x86_64, .os_tag = .windows, .abi = .gnu } },
    .{ "win32-arm64", .{ .cpu_arch = .aarch64, .os_tag = .windows, .abi = .gnu } },
};

/// Node 20's own.
const glibc: std.SemanticVersion = .{ .major = 2, .minor = 28, .patch = 0 };

fn prebuild(b: *std.Build, engine: anytype) void {
    const all = b.step(
        "prebuilds",
        "build the engine's addon for every system that npm serves it for, into prebuilds/",
    );
    for (prebuilds) |each| {
        const name, var query = each;
        query.cpu_model = .baseline;
        const path = b.fmt("prebuilds/{s}/synapse.node", .{name});
        const file = installFor(b, "synapse", engine.root(b.resolveTargetQuery(query)), path);
        b.step(b.fmt("prebuild-{s}", .{name}), b.fmt("build {s}", .{path})).dependOn(file);
        all.dependOn(file);
    }
}

/// Installs `name`.node for this machine, and when asked for, aarch64/`name`.node for 64-bit Arm Linux.
/// `addon.root(target)` answers its root module.
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
    const target = root.resolved_target.?.result;
    if (target.os.tag == .windows) root.addObjectFile(nodeImports(b, target.cpu.arch));
    return &b.addInstallFile(library.getEmittedBin(), path).step;
}

/// Windows wants to know which program a function comes from: an import library of the list that Node publishes.
fn nodeImports(b: *std.Build, arch: std.Target.Cpu.Arch) std.Build.LazyPath {
    const machine = if (arch == .aarch64) "arm64" else "i386:x86-64";
    const dlltool = b.addSystemCommand(&.{ b.graph.zig_exe, "dlltool", "-m", machine, "-d" });
    dlltool.addFileArg(b.path("node_modules/node-api-headers/def/node_api.def"));
    dlltool.addArg("-l");
    return dlltool.addOutputFileArg("node.lib");
}

/// The step of that name, which several addons share.
fn step(b: *std.Build, name: []const u8, description: []const u8) *std.Build.Step {
    return if (b.top_level_steps.get(name)) |known| &known.step else b.step(name, description);
}

pub fn addonModule(
    b: *std.Build,
    target: std.Build.ResolvedTarget,
    root: []const u8,
    imports: []const std.Build.Module.Import,
) *std.Build.Module {
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
