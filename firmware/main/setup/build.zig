//! Build step of the tests of what the ready application says before it is in a network; all of it is portable C.

const std = @import("std");

const folder = "firmware/main/setup/";
const names = [_][]const u8{ "improv", "cable", "portal", "captive_dns" };

pub fn add(b: *std.Build, target: std.Build.ResolvedTarget, optimize: std.lang.Optimize) void {
    const root = b.createModule(.{
        .root_source_file = b.path(folder ++ "setup_test.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
    });
    for (names) |name| {
        root.addCSourceFile(.{
            .file = b.path(b.fmt("{s}{s}.c", .{ folder, name })),
            .flags = &.{ "-std=gnu17", "-Wall", "-Wextra", "-Werror" },
        });
        const header = b.addTranslateC(.{
            .root_source_file = b.path(b.fmt("{s}{s}.h", .{ folder, name })),
            .target = target,
            .optimize = optimize,
            .link_libc = true,
        });
        root.addImport(name, header.createModule());
    }
    const run = b.addRunArtifact(b.addTest(.{ .root_module = root }));
    run.has_side_effects = true;
    b.step("test-setup", "run the tests of the ready application's setup").dependOn(&run.step);
    if (b.top_level_steps.get("test")) |all| all.step.dependOn(&run.step);
}
