//! Build steps of the device core (firmware/components/synapse/core): its tests, and the simulated board as a WASM
//! module. The root's `build.zig` calls `add` with its way of making the runtime's module.

const std = @import("std");
const guests = @import("../../engines/guests.zig");

const component = "firmware/components/synapse/";
/// Made by scripts/build-page.mjs, which has to run before.
const page_folder = component ++ "web/dist/";

/// `runtime.module(target, optimize, root)` answers the runtime compiled for a target.
pub fn add(b: *std.Build, runtime: anytype, native: std.Build.ResolvedTarget, optimize: std.lang.Optimize) void {
    const core: Core = .init(b);
    core.wasm(runtime);
    core.esp32p4();
    core.tests(runtime, native, optimize);
    core.fuzz(native);
}

pub const Core = struct {
    b: *std.Build,
    page_gz: std.Build.LazyPath,
    openapi: std.Build.LazyPath,
    openapi_gz: std.Build.LazyPath,

    pub fn init(b: *std.Build) Core {
        const gzip = tool(b, "gzip");
        const openapi = made(b, tool(b, "minify_json"), b.path(component ++ "web/openapi.json"), "openapi.json");
        return .{
            .b = b,
            .page_gz = made(b, gzip, b.path(page_folder ++ "index.html"), "index.html.gz"),
            .openapi = openapi,
            .openapi_gz = made(b, gzip, openapi, "openapi.json.gz"),
        };
    }

    fn tool(b: *std.Build, comptime name: []const u8) *std.Build.Step.Compile {
        const root = b.createModule(.{
            .root_source_file = b.path(component ++ "tools/" ++ name ++ ".zig"),
            .target = b.graph.host,
            .optimize = .safe,
        });
        return b.addExecutable(.{ .name = name, .root_module = root });
    }

    fn made(
        b: *std.Build,
        maker: *std.Build.Step.Compile,
        from: std.Build.LazyPath,
        name: []const u8,
    ) std.Build.LazyPath {
        const run = b.addRunArtifact(maker);
        run.addFileArg(from);
        return run.addOutputFileArg(name);
    }

    /// The device core as a module. It parses what strangers send, so its checks stay on in every build.
    pub fn module(
        core: Core,
        target: std.Build.ResolvedTarget,
        root: []const u8,
        optimize: std.lang.Optimize,
    ) *std.Build.Module {
        const b = core.b;
        const result = b.createModule(.{
            .root_source_file = b.path(root),
            .target = target,
            .optimize = optimize,
            .strip = optimize != .debug,
        });
        result.addAnonymousImport("page_html_gz", .{ .root_source_file = core.page_gz });
        result.addAnonymousImport(
            "page_policy",
            .{ .root_source_file = b.path(page_folder ++ "content-security-policy.txt") },
        );
        result.addAnonymousImport("openapi_json", .{ .root_source_file = core.openapi });
        result.addAnonymousImport("openapi_json_gz", .{ .root_source_file = core.openapi_gz });
        return result;
    }

    /// One simulated board around the core (board.zig), for the Node addon.
    pub fn board(core: Core, target: std.Build.ResolvedTarget) *std.Build.Module {
        return core.b.createModule(.{
            .root_source_file = core.b.path("sim/device/board.zig"),
            .target = target,
            .optimize = .safe,
            .strip = true,
            .imports = &.{.{
                .name = "synapse_device",
                .module = core.module(target, component ++ "core/abi.zig", .safe),
            }},
        });
    }

    /// The simulated board's parts over a module that holds the core, for that module's tests.
    fn parts(core: Core, tested: *std.Build.Module) *std.Build.Module {
        const result = core.b.createModule(.{
            .root_source_file = core.b.path("sim/device/parts.zig"),
            .target = tested.resolved_target,
            .optimize = tested.optimize,
            .strip = tested.strip,
            .imports = &.{.{ .name = "synapse_device", .module = tested }},
        });
        tested.addImport("sim_parts", result);
        return result;
    }

    /// The parts' own tests.
    fn partsTest(
        core: Core,
        runtime: anytype,
        target: std.Build.ResolvedTarget,
        optimize: std.lang.Optimize,
    ) *std.Build.Module {
        return core.b.createModule(.{
            .root_source_file = core.b.path("sim/device/all_test.zig"),
            .target = target,
            .optimize = optimize,
            .strip = optimize != .debug,
            .imports = &.{
                .{ .name = "synapse_device", .module = core.module(target, component ++ "core/abi.zig", optimize) },
                .{ .name = "synapse", .module = runtime.module(target, .fast, "kernels/src/root.zig") },
            },
        });
    }

    fn wasm(core: Core, runtime: anytype) void {
        const b = core.b;
        const features = std.Target.wasm.featureSet(&.{ .simd128, .bulk_memory });
        const target = b.resolveTargetQuery(.{
            .cpu_arch = .wasm32,
            .os_tag = .freestanding,
            .cpu_features_add = features,
        });
        const root = b.createModule(.{
            .root_source_file = b.path("sim/device/wasm.zig"),
            .target = target,
            .optimize = .safe,
            .strip = true,
            .single_threaded = true,
            .imports = &.{
                .{ .name = "synapse_device", .module = core.module(target, component ++ "core/abi.zig", .safe) },
                .{ .name = "synapse", .module = runtime.module(target, .fast, "kernels/src/root.zig") },
            },
        });
        const exe = b.addExecutable(.{ .name = "synapse-board", .root_module = root });
        exe.entry = .disabled;
        exe.rdynamic = true;
        exe.stack_size = 256 << 10;
        const install = b.addInstallFile(exe.getEmittedBin(), "synapse-board.wasm");
        b.getInstallStep().dependOn(&install.step);
        b.step("board-wasm", "build synapse-board.wasm, the simulated board").dependOn(&install.step);
    }

    /// Beside the runtime's library, which it calls. Checks stay on here too.
    fn esp32p4(core: Core) void {
        const root = core.module(guests.riscv(core.b), component ++ "core/static_library.zig", .safe);
        guests.addChipLibrary(core.b, root, "synapse_core", "esp32p4-device");
    }

    /// The core with coverage counters, for stress/fuzz.mjs; the runtime below it is not what is tried.
    fn fuzz(core: Core, target: std.Build.ResolvedTarget) void {
        if (target.result.cpu.arch != .x86_64 or target.result.os.tag != .linux) return;
        const b = core.b;
        const plain = b.resolveTargetQuery(.{
            .cpu_arch = .x86_64,
            .os_tag = .linux,
            .abi = target.result.abi,
            .cpu_model = .baseline,
        });
        const under_test = core.module(plain, component ++ "core/fuzz_root.zig", .safe);
        under_test.addAnonymousImport("test_model", .{ .root_source_file = b.path("sim/fixtures/lewm-test.syn") });
        const simulated = core.parts(under_test);
        // Its portable kernels alone: an object cannot hold those of other instruction sets.
        const options = b.addOptions();
        options.addOption(bool, "x86_objects", false);
        options.addOption([]const u8, "isa", "");
        const portable = b.createModule(.{
            .root_source_file = b.path("kernels/src/root.zig"),
            .target = plain,
            .optimize = .fast,
            .pic = true,
            .stack_check = false,
        });
        portable.addOptions("build_options", options);
        const root = b.createModule(.{ .root_source_file = b.path(
            component ++ "core/fuzz/target.zig",
        ), .target = plain, .optimize = .safe, .strip = true, .imports = &.{
            .{ .name = "core", .module = under_test },
            .{ .name = "synapse", .module = portable },
        } });
        for ([_]*std.Build.Module{ under_test, simulated, root }) |module_| {
            module_.pic = true;
            module_.fuzz = true;
            // libFuzzer's program has no function for Zig's stack probes.
            module_.stack_check = false;
        }
        const object = b.addObject(.{ .name = "fuzz_core", .root_module = root, .use_llvm = true });
        const install = b.addInstallFile(object.getEmittedBin(), "fuzz/fuzz_core.o");
        b.step("fuzz-core", "object of the device core's fuzz targets, for stress/fuzz.mjs").dependOn(&install.step);
    }

    fn tests(core: Core, runtime: anytype, target: std.Build.ResolvedTarget, optimize: std.lang.Optimize) void {
        const b = core.b;
        const root = core.module(target, component ++ "core/root_test.zig", optimize);
        root.addImport("synapse", runtime.module(target, .fast, "kernels/src/root.zig"));
        root.addAnonymousImport("test_model", .{ .root_source_file = b.path("sim/fixtures/lewm-test.syn") });
        _ = core.parts(root);
        const header = b.addTranslateC(.{
            .root_source_file = b.path(component ++ "include/synapse_device.h"),
            .target = target,
            .optimize = optimize,
            .link_libc = true,
        });
        root.addImport("synapse_device_h", header.createModule());
        root.addAnonymousImport(
            "synapse_device.h",
            .{ .root_source_file = b.path(component ++ "include/synapse_device.h") },
        );
        const step = b.step("test-device", "run the tests of the device core and of the simulated board's parts");
        for ([_]*std.Build.Module{ root, core.partsTest(runtime, target, optimize) }) |tested| {
            const run = b.addRunArtifact(b.addTest(.{ .root_module = tested, .filters = runtime.filters }));
            // Run every time, so that the summary counts the tests.
            run.has_side_effects = true;
            step.dependOn(&run.step);
        }
        if (b.top_level_steps.get("test")) |all| all.step.dependOn(step);
    }
};
