//! Build step of the runtime and the device core as libraries for this machine, for the boards of test_host: the same
//! roots as the chip's libraries, so that the C between them and ESP-IDF's functions sees what it will see on a chip.

const std = @import("std");
const device = @import("../../sim/device/build.zig");

/// `runtime.module(target, optimize, root)` answers the runtime compiled for a target.
pub fn add(b: *std.Build, runtime: anytype, native: std.Build.ResolvedTarget) void {
    if (native.result.os.tag != .linux) return;
    const core: device.Core = .init(b);
    const step = b.step("test-host", "build the libraries that the boards of firmware/test_host are linked with");
    const libraries = [_]struct { []const u8, *std.Build.Module }{
        .{ "synapse", runtime.module(native, .fast, "kernels/src/static_library.zig") },
        .{ "synapse_device", core.module(native, "firmware/components/synapse/core/static_library.zig", .safe) },
    };
    for (libraries) |each| {
        const name, const root = each;
        root.pic = true;
        root.link_libc = true;
        const library = b.addLibrary(.{ .name = name, .linkage = .static, .root_module = root });
        library.bundle_compiler_rt = true;
        const path = b.fmt("lib/test_host/lib{s}.a", .{name});
        const install = b.addInstallFile(library.getEmittedBin(), path);
        step.dependOn(&install.step);
    }
    b.getInstallStep().dependOn(step);
}
