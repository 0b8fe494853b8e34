//! Build steps of the guests, which run the runtime away from the host's own processor: WebAssembly with and without
//! SIMD, the emulated RISC-V core; and of the static library for the ESP32-P4. `build.zig` calls `add` with its way of
//! making the runtime's module.

const std = @import("std");

/// `runtime.module(target, optimize, root)` answers the runtime compiled for a target.
pub fn add(b: *std.Build, runtime: anytype) void {
    const features = std.Target.wasm.Feature;
    addWasm(b, runtime, "synapse", std.Target.wasm.featureSet(&[_]features{.simd128}));
    addWasm(b, runtime, "synapse-baseline", .empty);
    addRv32(b, runtime);
    addEsp32p4(b, runtime);
    addTests(b);
}

/// The largest file and its session must fit; more than this is refused rather than asked from the host.
const wasm_memory_bytes_max = 2 << 30;
const wasm_stack_bytes = 256 << 10;

/// Optimised for size: the inner loops are written in vectors already,
/// so that `.fast` gains no time and doubles the download.
fn addWasm(b: *std.Build, runtime: anytype, name: []const u8, features: std.Target.Cpu.Feature.Set) void {
    const target = b.resolveTargetQuery(.{
        .cpu_arch = .wasm32,
        .os_tag = .freestanding,
        .cpu_features_add = features,
    });
    const module = guestModule(b, runtime, target, .small, "engines/wasm/entry.zig");
    const exe = b.addExecutable(.{ .name = name, .root_module = module });
    exe.entry = .disabled;
    exe.rdynamic = true;
    exe.stack_size = wasm_stack_bytes;
    exe.max_memory = wasm_memory_bytes_max;
    install(b, exe, b.fmt("{s}.wasm", .{name}), name);
}

fn addRv32(b: *std.Build, runtime: anytype) void {
    const exe = b.addExecutable(.{
        .name = "synapse-rv32.elf",
        .root_module = guestModule(b, runtime, riscv(b), .fast, "engines/rv32/entry.zig"),
    });
    exe.setLinkerScript(b.path("engines/rv32/link.ld"));
    install(b, exe, "synapse-rv32.elf", "rv32");
}

/// A library in the place where the ESP-IDF component looks for it. ESP-IDF 6 refuses sections it does not know, so
/// there are no unwind tables; the compiler's helper functions come from the chip's libgcc
/// (docs/esp32p4-library.md lists them).
fn addEsp32p4(b: *std.Build, runtime: anytype) void {
    addChipLibrary(
        b,
        runtime.module(riscv(b), .fast, "kernels/src/static_library.zig"),
        "synapse_engine",
        "esp32p4",
    );
}

/// `lib/esp32p4/lib<name>.a` with one member, `<name>.o`, which ESP-IDF's linker fragments can name: the compiler alone
/// would call it after its cache. An ESP-IDF component called `synapse` makes a `libsynapse.a` itself.
pub fn addChipLibrary(
    b: *std.Build,
    module: *std.Build.Module,
    name: []const u8,
    step: []const u8,
) void {
    plain(module);
    const object = b.addObject(.{ .name = name, .root_module = module });
    object.link_function_sections = true;
    object.link_data_sections = true;
    object.bundle_compiler_rt = false;
    const tool = b.addExecutable(.{
        .name = "section_names",
        .root_module = b.createModule(.{
            .root_source_file = b.path("engines/chip/section_names.zig"),
            .target = b.graph.host,
            .optimize = .safe,
        }),
    });
    const rename = b.addRunArtifact(tool);
    rename.addFileArg(object.getEmittedBin());
    const member = rename.addOutputFileArg(b.fmt("{s}.o", .{name}));
    const archive = b.addSystemCommand(&.{ b.graph.zig_exe, "ar", "rcsD" });
    const library = archive.addOutputFileArg(b.fmt("lib{s}.a", .{name}));
    archive.addFileArg(member);
    installFile(b, library, b.fmt("lib/esp32p4/lib{s}.a", .{name}), step);
}

/// RV32IMAFC with single-precision arguments in registers (ilp32f), what every revision of the ESP32-P4 runs.
pub fn riscv(b: *std.Build) std.Build.ResolvedTarget {
    const Feature = std.Target.riscv.Feature;
    return b.resolveTargetQuery(.{
        .cpu_arch = .riscv32,
        .os_tag = .freestanding,
        .abi = .none,
        .cpu_model = .{ .explicit = &std.Target.riscv.cpu.generic_rv32 },
        .cpu_features_add = std.Target.riscv.featureSet(&[_]Feature{ .m, .a, .f, .c, .zicsr, .zifencei }),
    });
}

fn guestModule(
    b: *std.Build,
    runtime: anytype,
    target: std.Build.ResolvedTarget,
    optimize: std.lang.Optimize,
    root: []const u8,
) *std.Build.Module {
    const synapse = runtime.module(target, optimize, "kernels/src/root.zig");
    const guest = b.createModule(.{
        .root_source_file = b.path("engines/guest/guest.zig"),
        .target = target,
        .optimize = optimize,
        .imports = &.{.{ .name = "synapse", .module = synapse }},
    });
    const module = b.createModule(.{
        .root_source_file = b.path(root),
        .target = target,
        .optimize = optimize,
        .imports = &.{.{ .name = "guest", .module = guest }},
    });
    for ([_]*std.Build.Module{ synapse, guest, module }) |each| plain(each);
    return module;
}

pub fn plain(module: *std.Build.Module) void {
    module.strip = true;
    module.single_threaded = true;
    module.unwind_tables = .none;
    module.stack_protector = false;
}

pub fn install(b: *std.Build, artifact: *std.Build.Step.Compile, path: []const u8, name: []const u8) void {
    installFile(b, artifact.getEmittedBin(), path, name);
}

fn installFile(b: *std.Build, file: std.Build.LazyPath, path: []const u8, name: []const u8) void {
    const step = b.addInstallFile(file, path);
    b.getInstallStep().dependOn(&step.step);
    b.step(name, b.fmt("build {s}", .{path})).dependOn(&step.step);
}

/// The tests of what the guests share, run on the host.
fn addTests(b: *std.Build) void {
    const step = b.step("test-guests", "run the tests of what the guests share, and of what makes their libraries");
    for ([_][]const u8{ "engines/guest/guest.zig", "engines/chip/section_names.zig" }) |path| {
        const root = b.createModule(.{ .root_source_file = b.path(path), .target = b.graph.host, .optimize = .safe });
        const run = b.addRunArtifact(b.addTest(.{ .root_module = root }));
        // Run every time, so that the summary counts the tests.
        run.has_side_effects = true;
        step.dependOn(&run.step);
    }
    if (b.top_level_steps.get("test")) |all| all.step.dependOn(step);
}
