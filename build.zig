//! Builds every form of the runtime: native addon, WebAssembly, bare-metal RISC-V, the ESP32-P4 library, and their
//! tests. `zig build` makes them all; `zig build --help` lists the steps.

const std = @import("std");

pub fn build(b: *std.Build) void {
    // The baseline processor, not this one: what is built here runs elsewhere, and chooses its kernels when it starts.
    const native = b.standardTargetOptions(.{ .default_target = .{ .cpu_model = .baseline } });
    const optimize = b.option(std.lang.Optimize, "optimize", "for tests: Debug checks everything") orelse .safe;

    const filters = b.option([]const []const u8, "test-filter", "run only tests whose name contains this") orelse &.{};

    const runtime: Runtime = .{ .b = b, .filters = filters };
    runtime.tests(native, optimize);
    @import("engines/native/build.zig").add(b, runtime, native);
    @import("engines/guests.zig").add(b, runtime);
    runtime.format();
    @import("sim/device/build.zig").add(b, runtime, native, optimize);
    @import("sim/native/build.zig").add(b, runtime, native);
    @import("firmware/test_host/build.zig").add(b, runtime, native);
    @import("firmware/main/setup/build.zig").add(b, native, optimize);
    @import("sim/cable/build.zig").add(b);
    @import("host/linalg/build.zig").add(b);
    @import("kernels/fuzz/build.zig").add(b, runtime, native);
}

const Runtime = struct {
    b: *std.Build,
    /// Of tests: parts of their names; none runs all.
    filters: []const []const u8,

    /// The runtime as a module for one target. On x86-64 the kernels of every instruction set are linked in and chosen
    /// when it starts.
    pub fn module(
        self: Runtime,
        target: std.Build.ResolvedTarget,
        optimize: std.lang.Optimize,
        root: []const u8,
    ) *std.Build.Module {
        const b = self.b;
        const has_objects = target.result.cpu.arch == .x86_64;
        const options = b.addOptions();
        options.addOption(bool, "x86_objects", has_objects);
        options.addOption([]const u8, "isa", "");
        const result = b.createModule(.{
            .root_source_file = b.path(root),
            .target = target,
            .optimize = optimize,
            .strip = optimize != .debug,
        });
        result.addOptions("build_options", options);
        if (has_objects) {
            for (isas) |isa| result.addObject(self.kernels(target, isa));
        }
        return result;
    }

    const Isa = struct { name: []const u8, features: []const std.Target.x86.Feature };
    pub const isas = [_]Isa{
        .{ .name = "avx2", .features = &.{ .avx2, .fma, .f16c, .bmi, .bmi2, .lzcnt, .popcnt, .movbe } },
        .{
            .name = "avx512vnni",
            .features = &.{
                .avx2,
                .fma,
                .f16c,
                .bmi,
                .bmi2,
                .lzcnt,
                .popcnt,
                .movbe,
                .sha,
                .avx512f,
                .avx512dq,
                .avx512bw,
                .avx512vl,
                .avx512vbmi,
                .avx512vnni,
            },
        },
    };

    /// The kernels compiled for one x86 instruction set. Always optimised and unchecked: their inputs were validated
    /// when the model was opened.
    pub fn kernels(self: Runtime, target: std.Build.ResolvedTarget, isa: Isa) *std.Build.Step.Compile {
        const b = self.b;
        var query: std.Target.Query = .{
            .cpu_arch = .x86_64,
            .os_tag = target.result.os.tag,
            .abi = target.result.abi,
            .cpu_model = .{ .explicit = &std.Target.x86.cpu.x86_64_v2 },
        };
        query.cpu_features_add = std.Target.x86.featureSet(isa.features);
        const options = b.addOptions();
        options.addOption(bool, "x86_objects", true);
        options.addOption([]const u8, "isa", isa.name);
        const root = b.createModule(.{
            .root_source_file = b.path("kernels/src/kernel_object.zig"),
            .target = b.resolveTargetQuery(query),
            .optimize = .fast,
            .strip = true,
            .pic = true,
        });
        root.addOptions("build_options", options);
        return b.addObject(.{ .name = b.fmt("kernels_{s}", .{isa.name}), .root_module = root });
    }

    /// The format as a table, into the source tree: it is kept there for those who have no compiler.
    fn format(self: Runtime) void {
        const b = self.b;
        const tool = b.addExecutable(.{
            .name = "format",
            .root_module = self.module(b.graph.host, .safe, "kernels/src/format_tool.zig"),
        });
        const run = b.addRunArtifact(tool);
        const update = b.addUpdateSourceFiles();
        update.addCopyFileToSource(run.addOutputFileArg("format.json"), "kernels/format.json");
        b.step("format", "write kernels/format.json").dependOn(&update.step);
    }

    fn tests(self: Runtime, target: std.Build.ResolvedTarget, optimize: std.lang.Optimize) void {
        const b = self.b;
        const all = b.step("test", "run the tests of the runtime and of the device core");
        const step = b.step("test-kernels", "run the runtime's own tests");
        all.dependOn(step);
        const root = self.module(target, optimize, "kernels/src/root.zig");
        root.addAnonymousImport("synapse.h", .{ .root_source_file = b.path("kernels/include/synapse.h") });
        root.addAnonymousImport("format.json", .{ .root_source_file = b.path("kernels/format.json") });
        const compile = b.addTest(.{ .root_module = root, .filters = self.filters });
        const run = b.addRunArtifact(compile);
        // Run every time, so that the summary counts the tests.
        run.has_side_effects = true;
        step.dependOn(&run.step);
    }
};
