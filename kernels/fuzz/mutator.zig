//! Changes a `.syn` file so that it mostly stays one: integers, names, elements of arrays and pairs of maps of its CBOR
//! header are changed as such, and lengths are made to agree again. Seeds carry `pad` in `meta`; it takes up what an
//! edit adds or removes, so that blobs stay in place.

const std = @import("std");
const cbor = @import("cborEdit.zig");
const Document = cbor.Document;

extern fn LLVMFuzzerMutate(data: [*]u8, size: usize, size_max: usize) usize;

const prefix_bytes = 64;
var document: Document = .{};
var blobs: [1 << 20]u8 = undefined;

export fn LLVMFuzzerCustomMutator(data: [*]u8, size: usize, size_max: usize, seed: c_uint) usize {
    var prng: std.Random.SplitMix64 = .init(seed);
    const header_bytes = headerBytes(data[0..size]);
    const choice = prng.next() % 12;
    if (header_bytes == 0 or choice == 0) return plain(data, size, size_max, &prng);
    if (choice == 1) return mutateBlobs(data, size, header_bytes);
    if (!document.read(data[prefix_bytes..][0..header_bytes])) return plain(data, size, size_max, &prng);
    for (0..1 + prng.next() % 3) |_| {
        edit(&document, &prng);
        if (!document.reparse()) break;
    }
    document.settleLength(header_bytes);
    return assemble(data, size, size_max, header_bytes);
}

/// Length of the header, or 0 when the prefix does not describe this file.
fn headerBytes(file: []const u8) usize {
    if (file.len < prefix_bytes or file.len > blobs.len) return 0;
    const header = std.mem.readInt(u32, file[12..16], .little);
    return if (header <= file.len - prefix_bytes and header <= cbor.bytes_max) header else 0;
}

fn plain(data: [*]u8, size: usize, size_max: usize, prng: *std.Random.SplitMix64) usize {
    const result = LLVMFuzzerMutate(data, size, size_max);
    if (result >= prefix_bytes and prng.next() % 2 == 0) std.mem.writeInt(u32, data[16..20], @intCast(result), .little);
    return result;
}

fn mutateBlobs(data: [*]u8, size: usize, header_bytes: usize) usize {
    const begin = @min(size, std.mem.alignForward(usize, prefix_bytes + header_bytes, 64));
    if (begin == size) return size;
    const left = LLVMFuzzerMutate(data + begin, size - begin, size - begin);
    @memset(data[begin + left .. size], 0);
    return size;
}

fn assemble(data: [*]u8, size: usize, size_max: usize, header_bytes: usize) usize {
    const header = document.bytes();
    const old_begin = @min(size, std.mem.alignForward(usize, prefix_bytes + header_bytes, 64));
    const new_begin = std.mem.alignForward(usize, prefix_bytes + header.len, 64);
    const blob_bytes = size - old_begin;
    if (new_begin + blob_bytes > size_max) return size;
    @memcpy(blobs[0..blob_bytes], data[old_begin..size]);
    @memcpy(data[prefix_bytes..][0..header.len], header);
    @memset(data[prefix_bytes + header.len .. new_begin], 0);
    @memcpy(data[new_begin..][0..blob_bytes], blobs[0..blob_bytes]);
    const result = new_begin + blob_bytes;
    std.mem.writeInt(u32, data[12..16], @intCast(header.len), .little);
    std.mem.writeInt(u32, data[16..20], @intCast(result), .little);
    std.mem.writeInt(u32, data[20..24], @intCast(new_begin), .little);
    return result;
}

const interesting = [_]u64{
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    15,
    16,
    17,
    31,
    32,
    33,
    48,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    257,
    511,
    512,
    1024,
    1025,
    4096,
    4097,
    16_384,
    65_535,
    65_536,
    1 << 17,
    (1 << 17) + 1,
    1 << 24,
    (1 << 24) + 1,
    1 << 30,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    std.math.maxInt(u64),
};
const words = @import("synapse").format.words ++ [_][]const u8{
    "stride",
    "dynamic",
    "scratch",
    "gate",
    "residual",
    "bias",
    "gamma",
    "beta",
};
const floats = [_]u32{
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    1,
    0x7f80_0000,
    0x7fc0_0000,
    0x3727_c5ac,
};

fn edit(doc: *Document, prng: *std.Random.SplitMix64) void {
    switch (prng.next() % 10) {
        0, 1, 2 => if (doc.pick(.unsigned, prng)) |item| {
            const old = item.value;
            const value = switch (prng.next() % 6) {
                0 => interesting[prng.next() % interesting.len],
                1 => old +% 1,
                2 => old -% 1,
                3 => old *% 2,
                4 => old / 2,
                // Numbers that stand elsewhere are other tensors, sizes and offsets.
                else => doc.pick(.unsigned, prng).?.value,
            };
            doc.replaceHead(item, value);
        },
        3 => if (doc.pick(.text, prng)) |item| {
            const other = doc.pick(.text, prng).?;
            doc.replaceText(item, if (prng.next() % 2 == 0) words[prng.next() % words.len] else doc.content(other));
        },
        4 => if (doc.pick(.array, prng)) |item| doc.changeElements(item, 1, prng),
        5 => if (doc.pick(.map, prng)) |item| doc.changeElements(item, 2, prng),
        6 => if (doc.pick(.simple, prng)) |item| {
            const byte = doc.bytes()[item.begin];
            if (byte == 0xf4 or byte == 0xf5) return doc.replaceByte(item, byte ^ 1);
            doc.replaceFloat(item, floats[prng.next() % floats.len]);
        },
        7 => if (doc.pick(.unsigned, prng)) |item| doc.replaceEverywhere(item.value, near(item.value, prng)),
        8 => if (doc.pick(.text, prng)) |item| doc.resizeConstant(item, prng),
        else => if (doc.pick(.unsigned, prng)) |item| {
            // Multiples of 64 are what offsets and sizes are made of.
            doc.replaceHead(item, item.value +% (1 + prng.next() % 4) * 64);
        },
    }
}

/// A number of rows or columns that could stand in place of another.
fn near(value: u64, prng: *std.Random.SplitMix64) u64 {
    return switch (prng.next() % 4) {
        0 => value +% 1,
        1 => value -| 1,
        2 => value / 2,
        else => value *% 2,
    };
}
