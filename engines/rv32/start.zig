//! From reset to a running core: global pointer, stack with a guard page, FPU, zeroed .bss, trap vector.

extern const __guard_start: u8;

/// The reset vector of the machine jumps here. `norelax`, because the linker would otherwise express gp through gp.
export fn _start() linksection(".text.start") callconv(.naked) noreturn {
    asm volatile (
        \\ .option push
        \\ .option norelax
        \\ la gp, __global_pointer$
        \\ .option pop
        \\ la sp, __stack_top
        \\ la t0, synTrapEntry
        \\ csrw mtvec, t0
        \\ li t0, 0x2000
        \\ csrs mstatus, t0
        \\ csrw fcsr, zero
        \\ la t0, __bss_start
        \\ la t1, __bss_end
        \\ 1: bgeu t0, t1, 2f
        \\ sw zero, 0(t0)
        \\ addi t0, t0, 4
        \\ j 1b
        \\ 2: j synMain
    );
}

/// Whatever trapped is beyond repair: the cause goes to the host, on a stack of its own because the
/// other may be what overflowed.
export fn synTrapEntry() align(4) callconv(.naked) noreturn {
    asm volatile (
        \\ la sp, __trap_stack_top
        \\ csrr a0, mcause
        \\ csrr a1, mepc
        \\ csrr a2, mtval
        \\ j synTrap
    );
}

/// Takes every right from the page below the stack, in machine mode too (a locked, naturally aligned region of 4 KiB,
/// RISC-V privileged specification 3.7), so that an overflow is a trap instead of a changed variable.
pub fn guardStack() void {
    const address: usize = @intFromPtr(&__guard_start);
    const napot_4k = (address >> 2) | 0x1ff;
    const locked_napot: usize = 0x98;
    asm volatile (
        \\ csrw pmpaddr0, %[address]
        \\ csrw pmpcfg0, %[config]
        :
        : [address] "r" (napot_4k),
          [config] "r" (locked_napot),
        : .{ .memory = true });
}

/// Retired instructions since reset.
pub fn retiredInstructions() u64 {
    while (true) {
        const high = asm volatile ("csrr %[out], minstreth"
            : [out] "=r" (-> u32),
        );
        const low = asm volatile ("csrr %[out], minstret"
            : [out] "=r" (-> u32),
        );
        const again = asm volatile ("csrr %[out], minstreth"
            : [out] "=r" (-> u32),
        );
        if (high == again) return (@as(u64, high) << 32) | low;
    }
}
