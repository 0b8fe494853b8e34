//! minify_json INPUT OUTPUT: the same document without white space, so that what people read in the tree costs less
//! flash.
const std = @import("std");

const input_bytes_max = 4 << 20;

pub fn main(init: std.process.Init) !void {
    const allocator = init.arena.allocator();
    const args = try init.minimal.args.toSlice(allocator);
    if (args.len != 3) return error.Usage;
    const folder: std.Io.Dir = .cwd();
    const input = try folder.readFileAlloc(init.io, args[1], allocator, .limited(input_bytes_max));
    const document = try std.json.parseFromSlice(std.json.Value, allocator, input, .{});
    const text = try std.json.Stringify.valueAlloc(allocator, document.value, .{});
    try folder.writeFile(init.io, .{ .sub_path = args[2], .data = text });
}
