//! Build step of the simulated chip's serial console: the ready application's portable C (firmware/main/setup).

const std = @import("std");

const setup = "firmware/main/setup/";

pub fn add(b: *std.Build) void {
    const target = b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .wasi });
    const header = b.addTranslateC(.{
        .root_source_file = b.path(setup ++ "cable.h"),
        .target = target,
        .optimize = .small,
        .link_libc = true,
    });
    const root = b.createModule(.{
        .root_source_file = b.path("sim/cable/cable.zig"),
        .target = target,
        .optimize = .small,
        .strip = true,
        .single_threaded = true,
        .link_libc = true,
        .imports = &.{.{ .name = "cable", .module = header.createModule() }},
    });
    root.addCSourceFiles(.{
        .files = &.{ setup ++ "cable.c", setup ++ "improv.c" },
        .flags = &.{ "-std=gnu17", "-Wall", "-Wextra", "-Werror" },
    });
    const exe = b.addExecutable(.{ .name = "synapse-cable", .root_module = root });
    exe.entry = .disabled;
    exe.rdynamic = true;
    exe.wasi_exec_model = .reactor;
    const install = b.addInstallFile(exe.getEmittedBin(), "synapse-cable.wasm");
    b.getInstallStep().dependOn(&install.step);
    b.step("cable-wasm", "build synapse-cable.wasm, the simulated chip's serial console").dependOn(&install.step);
}
