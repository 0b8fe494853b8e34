//! Which kernel table this program uses. On x86-64 the choice is made once, from CPUID;
//! every choice gives the same numbers.

const builtin = @import("builtin");
const build_options = @import("build_options");
const kernel_table = @import("kernel_table.zig");
const Table = kernel_table.Table;

const has_choice = builtin.cpu.arch == .x86_64 and build_options.x86_objects;

const choices = if (has_choice) struct {
    extern const syn_kernels_avx512vnni: Table;
    extern const syn_kernels_avx2: Table;
} else struct {};

var chosen: ?*const Table = null;

pub inline fn table() *const Table {
    if (!has_choice) return &kernel_table.table;
    // Two threads may both find nothing chosen; they choose the same.
    if (@atomicLoad(?*const Table, &chosen, .monotonic)) |known| return known;
    const choice = choose();
    @atomicStore(?*const Table, &chosen, choice, .monotonic);
    return choice;
}

/// Every table this machine can run, the definition first: for tests that compare them.
pub fn runnable(out: *[3]*const Table) []const *const Table {
    out[0] = &kernel_table.table;
    var count: usize = 1;
    if (has_choice) {
        const features = Features.read();
        if (features.avx2) {
            out[count] = &choices.syn_kernels_avx2;
            count += 1;
        }
        if (features.avx512vnni) {
            out[count] = &choices.syn_kernels_avx512vnni;
            count += 1;
        }
    }
    return out[0..count];
}

fn choose() *const Table {
    const features = Features.read();
    if (features.avx512vnni) return &choices.syn_kernels_avx512vnni;
    if (features.avx2) return &choices.syn_kernels_avx2;
    return &kernel_table.table;
}

const Features = struct {
    avx2: bool,
    avx512vnni: bool,

    fn read() Features {
        // A leaf beyond the last answers what another leaf means.
        const extended: Leaf = if (cpuid(0, 0).eax >= 7) cpuid(7, 0) else .{ .eax = 0, .ebx = 0, .ecx = 0, .edx = 0 };
        const basic = cpuid(1, 0);
        const os_saves_registers = basic.ecx >> 27 & 1 == 1;
        return of(basic, extended, cpuid(0x8000_0001, 0), if (os_saves_registers) xgetbv() else 0);
    }

    /// Every instruction that `build.zig` lets the kernels use must be there: a virtual machine may hide single ones,
    /// and some of those that are missing do not trap but compute something else.
    fn of(basic: Leaf, extended: Leaf, amd: Leaf, saved_registers: u32) Features {
        const ymm = has(saved_registers, &.{ 1, 2 });
        const zmm = has(saved_registers, &.{ 1, 2, 5, 6, 7 });
        // sse3, ssse3, fma, cx16, sse4.1, sse4.2, movbe, popcnt, avx, f16c; bmi, avx2, bmi2; lzcnt.
        const avx2 = ymm and has(
            basic.ecx,
            &.{ 0, 9, 12, 13, 19, 20, 22, 23, 28, 29 },
        ) and has(extended.ebx, &.{ 3, 5, 8 }) and has(amd.ecx, &.{5});
        // f, dq, sha, bw, vl; vbmi, vnni.
        const avx512vnni = avx2 and zmm and has(
            extended.ebx,
            &.{ 16, 17, 29, 30, 31 },
        ) and has(extended.ecx, &.{ 1, 11 });
        return .{ .avx2 = avx2, .avx512vnni = avx512vnni };
    }

    fn has(word: u32, bits: []const u5) bool {
        for (bits) |bit| if (word >> bit & 1 == 0) return false;
        return true;
    }
};

const Leaf = struct { eax: u32, ebx: u32, ecx: u32, edx: u32 };

fn cpuid(leaf: u32, subleaf: u32) Leaf {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    var edx: u32 = undefined;
    asm volatile ("cpuid"
        : [eax] "={eax}" (eax),
          [ebx] "={ebx}" (ebx),
          [ecx] "={ecx}" (ecx),
          [edx] "={edx}" (edx),
        : [leaf] "{eax}" (leaf),
          [subleaf] "{ecx}" (subleaf),
    );
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };
}

fn xgetbv() u32 {
    return asm volatile ("xgetbv"
        : [low] "={eax}" (-> u32),
        : [register] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
}

test "kernels are chosen only where all of their instructions are" {
    const expectEqual = @import("std").testing.expectEqual;
    const all: Leaf = .{ .eax = 0xffff_ffff, .ebx = 0xffff_ffff, .ecx = 0xffff_ffff, .edx = 0xffff_ffff };
    try expectEqual(Features{ .avx2 = true, .avx512vnni = true }, Features.of(all, all, all, 0xff));
    // A system that does not save the wide registers, one that saves the half of them.
    try expectEqual(Features{ .avx2 = false, .avx512vnni = false }, Features.of(all, all, all, 0x03));
    try expectEqual(Features{ .avx2 = true, .avx512vnni = false }, Features.of(all, all, all, 0x07));
    // movbe, popcnt, lzcnt.
    inline for (.{ .{ 1 << 22, 0 }, .{ 1 << 23, 0 }, .{ 0, 1 << 5 } }) |hidden| {
        var basic = all;
        basic.ecx ^= hidden[0];
        var amd = all;
        amd.ecx ^= hidden[1];
        try expectEqual(Features{ .avx2 = false, .avx512vnni = false }, Features.of(basic, all, amd, 0xff));
    }
    var extended = all;
    extended.ecx ^= 1 << 11;
    try expectEqual(Features{ .avx2 = true, .avx512vnni = false }, Features.of(all, extended, all, 0xff));
}
