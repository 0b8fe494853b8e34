//! gzip INPUT OUTPUT: compresses the page when the core is built, so that no compressed file is kept in the tree.
const std = @import("std");
const flate = std.compress.flate;

const input_bytes_max = 4 << 20;

pub fn main(init: std.process.Init) !void {
    const allocator = init.arena.allocator();
    const args = try init.minimal.args.toSlice(allocator);
    if (args.len != 3) return error.Usage;
    const folder: std.Io.Dir = .cwd();
    const input = try folder.readFileAlloc(init.io, args[1], allocator, .limited(input_bytes_max));
    var output: std.Io.Writer.Allocating = try .initCapacity(allocator, input.len + 1024);
    const window = try allocator.alloc(u8, flate.max_window_len);
    var compress: flate.Compress = try .init(&output.writer, window, .gzip, .best);
    try compress.writer.writeAll(input);
    try compress.finish();
    try folder.writeFile(init.io, .{ .sub_path = args[2], .data = output.written() });
}
