//! The devices of the `virt` machine that are used: sifive_test to leave, CLINT for the time, PLIC so that waiting for
//! the UART costs nothing.

const uart_interrupt = 10;
const finisher: *volatile u32 = @ptrFromInt(0x10_0000);
const clint_time_low: *volatile u32 = @ptrFromInt(0x0200_bff8);
const clint_time_high: *volatile u32 = @ptrFromInt(0x0200_bffc);
const clint_compare_low: *volatile u32 = @ptrFromInt(0x0200_4000);
const clint_compare_high: *volatile u32 = @ptrFromInt(0x0200_4004);
const plic_uart_priority: *volatile u32 = @ptrFromInt(0x0c00_0000 + 4 * uart_interrupt);
const plic_enable: *volatile u32 = @ptrFromInt(0x0c00_2000);
const plic_threshold: *volatile u32 = @ptrFromInt(0x0c20_0000);
const plic_claim: *volatile u32 = @ptrFromInt(0x0c20_0004);

pub const timer_hz = 10_000_000;

/// Ends the machine; the emulator's exit status is 0 for `code` 0 and `code` otherwise.
pub fn exit(code: u16) noreturn {
    finisher.* = if (code == 0) 0x5555 else 0x3333 | (@as(u32, code) << 16);
    while (true) {}
}

/// Lets the UART's and the timer's interrupts end a `wfi`. Interrupts stay disabled globally, so no handler ever runs.
pub fn init() void {
    plic_uart_priority.* = 1;
    plic_enable.* = 1 << uart_interrupt;
    plic_threshold.* = 0;
    asm volatile ("csrs mie, %[bits]"
        :
        : [bits] "r" (@as(usize, (1 << 11) | (1 << 7))),
    );
}

pub fn now() u64 {
    while (true) {
        const high = clint_time_high.*;
        const low = clint_time_low.*;
        if (high == clint_time_high.*) return (@as(u64, high) << 32) | low;
    }
}

/// Sleeps until the UART has something or `deadline` (in timer ticks) has come.
pub fn wait(deadline: u64) void {
    clint_compare_high.* = 0xffff_ffff;
    clint_compare_low.* = @truncate(deadline);
    clint_compare_high.* = @truncate(deadline >> 32);
    asm volatile ("wfi" ::: .{ .memory = true });
    const claimed = plic_claim.*;
    if (claimed != 0) plic_claim.* = claimed;
}
