//! Objects for `stress/fuzz.mjs`: the fuzz target with coverage counters and every check on. `generic` has the portable
//! kernels inside, `x86` calls those of this processor as they are shipped.

const std = @import("std");

pub fn add(b: *std.Build, runtime: anytype, target: std.Build.ResolvedTarget) void {
    if (target.result.cpu.arch != .x86_64 or target.result.os.tag != .linux) return;
    const step = b.step("fuzz-objects", "objects of the fuzz target, for stress/fuzz.mjs");
    inline for (.{ .{ "generic", false }, .{ "x86", true } }) |variant| {
        const options = b.addOptions();
        options.addOption(bool, "x86_objects", variant[1]);
        options.addOption([]const u8, "isa", "");
        const synapse = module(b, target, "kernels/src/root.zig");
        synapse.addOptions("build_options", options);
        const root = module(b, target, "kernels/fuzz/target.zig");
        root.addImport("synapse", synapse);
        const object = b.addObject(.{ .name = "fuzz_" ++ variant[0], .root_module = root, .use_llvm = true });
        install(b, step, object);
    }
    inline for (@TypeOf(runtime).isas) |isa| install(b, step, runtime.kernels(target, isa));
}

fn module(b: *std.Build, target: std.Build.ResolvedTarget, root: []const u8) *std.Build.Module {
    return b.createModule(.{
        .root_source_file = b.path(root),
        .target = b.resolveTargetQuery(.{
            .cpu_arch = .x86_64,
            .os_tag = .linux,
            .abi = target.result.abi,
            .cpu_model = .baseline,
        }),
        .optimize = .safe,
        .pic = true,
        // libFuzzer's program has no function for Zig's stack probes.
        .stack_check = false,
        .fuzz = true,
    });
}

fn install(b: *std.Build, step: *std.Build.Step, object: *std.Build.Step.Compile) void {
    const file = b.addInstallFile(object.getEmittedBin(), b.fmt("fuzz/{s}.o", .{object.name}));
    step.dependOn(&file.step);
}
