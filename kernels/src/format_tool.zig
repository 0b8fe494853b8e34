//! format OUTPUT: writes the format as a table (format.zig).

const std = @import("std");
const format = @import("format.zig");

pub fn main(init: std.process.Init) !void {
    const allocator = init.arena.allocator();
    const args = try init.minimal.args.toSlice(allocator);
    if (args.len != 2) return error.Usage;
    var out: std.Io.Writer.Allocating = .init(allocator);
    try format.write(&out.writer);
    const folder: std.Io.Dir = .cwd();
    try folder.writeFile(init.io, .{ .sub_path = args[1], .data = out.written() });
}
