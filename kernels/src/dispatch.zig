//! Which kernel table this program uses. On x86-64 the choice is made once, from CPUID; every choice gives the same numbers.

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
        const basic = cpuid(1, 0);
        const extended = cpuid(7, 0);
        const os_saves_registers = basic.ecx >> 27 & 1 == 1;
        const state = if (os_saves_registers) xgetbv() else 0;
        const ymm = state & 0x06 == 0x06;
        const zmm = state & 0xe6 == 0xe6;
        const fma = basic.ecx >> 12 & 1 == 1;
        const f16c = basic.ecx >> 29 & 1 == 1;
        const bmi = extended.ebx >> 3 & 1 == 1 and extended.ebx >> 8 & 1 == 1;
        const avx2 = ymm and fma and f16c and bmi and extended.ebx >> 5 & 1 == 1;
        const f = extended.ebx >> 16 & 1;
        const dq = extended.ebx >> 17 & 1;
        const bw = extended.ebx >> 30 & 1;
        const vl = extended.ebx >> 31 & 1;
        const sha = extended.ebx >> 29 & 1;
        const vbmi = extended.ecx >> 1 & 1;
        const vnni = extended.ecx >> 11 & 1;
        return .{ .avx2 = avx2, .avx512vnni = avx2 and zmm and (f & dq & bw & vl & sha & vbmi & vnni) == 1 };
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
