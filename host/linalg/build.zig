//! Build step of the host's linear algebra.

const std = @import("std");

pub fn add(b: *std.Build) void {
    const target = b.resolveTargetQuery(.{
        .cpu_arch = .wasm32,
        .os_tag = .freestanding,
        .cpu_features_add = std.Target.wasm.featureSet(&.{ .simd128, .bulk_memory }),
    });
    const root = b.createModule(.{
        .root_source_file = b.path("host/linalg/linalg.zig"),
        .target = target,
        .optimize = .fast,
        .strip = true,
        .single_threaded = true,
    });
    const exe = b.addExecutable(.{ .name = "synapse-linalg", .root_module = root });
    exe.entry = .disabled;
    exe.rdynamic = true;
    const install = b.addInstallFile(exe.getEmittedBin(), "synapse-linalg.wasm");
    b.getInstallStep().dependOn(&install.step);
    b.step("linalg-wasm", "build synapse-linalg.wasm, the host's linear algebra").dependOn(&install.step);
}
