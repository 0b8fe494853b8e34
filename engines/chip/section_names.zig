//! section_names INPUT OUTPUT: an object file of a chip whose sections have names that every tool takes. The compiler
//! names a section after its function, generic ones with everything they were made from, spaces and braces too; GNU's
//! map files, ESP-IDF's linker fragments and its size report take letters, digits, `.`, `_`, `-`, `$` and `+`.
//! `.text..Lcompute.linear.part` becomes `.text.compute_linear_part`, so that a fragment can name it; the compiler's
//! running number of a generic function's instance is dropped, because it is another one after every change.

const std = @import("std");

const input_bytes_max = 64 << 20;
const Elf = struct { header: *align(1) std.elf.Elf32_Ehdr, sections: []align(1) std.elf.Elf32_Shdr };

pub fn main(init: std.process.Init) !void {
    const allocator = init.arena.allocator();
    const args = try init.minimal.args.toSlice(allocator);
    if (args.len != 3) return error.Usage;
    const folder: std.Io.Dir = .cwd();
    const input = try folder.readFileAlloc(init.io, args[1], allocator, .limited(input_bytes_max));
    try folder.writeFile(init.io, .{ .sub_path = args[2], .data = try renamed(allocator, input) });
}

/// The object with its names' table and its sections' headers written anew at its end.
fn renamed(allocator: std.mem.Allocator, object: []u8) ![]const u8 {
    const elf = try open(object);
    const names_index = elf.header.e_shstrndx;
    const old_names = object[elf.sections[names_index].sh_offset..][0..elf.sections[names_index].sh_size];

    // Symbols keep their offsets into the table when it holds their names too, as LLVM's does.
    var names: std.ArrayList(u8) = .empty;
    try names.appendSlice(allocator, old_names);
    const sections = try allocator.alloc(std.elf.Elf32_Shdr, elf.sections.len);
    @memcpy(sections, elf.sections);
    for (sections) |*section| {
        const old = std.mem.sliceTo(old_names[section.sh_name..], 0);
        section.sh_name = @intCast(names.items.len);
        try appendName(&names, allocator, old);
        try names.append(allocator, 0);
    }

    // The two lie behind everything else, and what lay there is cut off.
    var end: usize = @sizeOf(std.elf.Elf32_Ehdr);
    for (sections, 0..) |section, i| {
        if (i != names_index and section.sh_type != std.elf.SHT_NOBITS)
            end = @max(end, section.sh_offset + section.sh_size);
    }
    var result: std.ArrayList(u8) = .empty;
    try result.appendSlice(allocator, object[0..end]);
    sections[names_index].sh_offset = @intCast(end);
    sections[names_index].sh_size = @intCast(names.items.len);
    try result.appendSlice(allocator, names.items);
    try result.appendNTimes(allocator, 0, std.mem.alignForward(usize, result.items.len, 4) - result.items.len);
    const table_at = result.items.len;
    try result.appendSlice(allocator, std.mem.sliceAsBytes(sections));
    const header: *align(1) std.elf.Elf32_Ehdr = @ptrCast(result.items[0..@sizeOf(std.elf.Elf32_Ehdr)]);
    header.e_shoff = @intCast(table_at);
    return result.items;
}

fn open(object: []u8) !Elf {
    if (object.len < @sizeOf(std.elf.Elf32_Ehdr)) return error.NotAnObject;
    const header: *align(1) std.elf.Elf32_Ehdr = @ptrCast(object[0..@sizeOf(std.elf.Elf32_Ehdr)]);
    if (!std.mem.eql(u8, header.e_ident[0..4], std.elf.MAGIC)) return error.NotAnObject;
    if (header.e_ident[4] != std.elf.ELFCLASS32 or header.e_ident[5] != std.elf.ELFDATA2LSB) return error.NotOfAChip;
    if (header.e_shentsize != @sizeOf(std.elf.Elf32_Shdr)) return error.NotAnObject;
    const bytes = object[header.e_shoff..][0 .. @as(usize, header.e_shnum) * @sizeOf(std.elf.Elf32_Shdr)];
    return .{ .header = header, .sections = @ptrCast(bytes) };
}

/// `.rela.text..Lcrypto.sha2.Sha2x32(.{ 1, 2 },256).round` becomes `.rela.text.crypto_sha2_Sha2x32_1_2_256_round`.
fn appendName(names: *std.ArrayList(u8), allocator: std.mem.Allocator, name: []const u8) !void {
    const local = "..L";
    const split = std.mem.indexOf(u8, name, local) orelse return names.appendSlice(allocator, name);
    try names.appendSlice(allocator, name[0 .. split + 1]);
    var gap = false;
    const end = std.mem.indexOf(u8, name, "__func_") orelse name.len;
    for (name[split + local.len .. end]) |letter| {
        if (!std.ascii.isAlphanumeric(letter) and letter != '_') {
            gap = true;
            continue;
        }
        if (gap and names.items[names.items.len - 1] != '.') try names.append(allocator, '_');
        gap = false;
        try names.append(allocator, letter);
    }
}

test "names of generic functions become words, and others stay" {
    var names: std.ArrayList(u8) = .empty;
    defer names.deinit(std.testing.allocator);
    for ([_][2][]const u8{
        .{ ".text.syn_model_open", ".text.syn_model_open" },
        .{ ".riscv.attributes", ".riscv.attributes" },
        .{ ".text..Lcompute.linear.part", ".text.compute_linear_part" },
        .{ ".rela.text..Lsha2.Sha2x32(.{ 17, 31 },256).round", ".rela.text.sha2_Sha2x32_17_31_256_round" },
        .{ ".text..Lcompute.linear.integerPanel__func_18", ".text.compute_linear_integerPanel" },
        .{ ".rodata..L__anon_12", ".rodata.__anon_12" },
    }) |case| {
        names.clearRetainingCapacity();
        try appendName(&names, std.testing.allocator, case[0]);
        try std.testing.expectEqualStrings(case[1], names.items);
    }
}
