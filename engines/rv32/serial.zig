//! Frames over the 16550 UART: `magic u32, length u32, payload, CRC-32 of the payload u32`, little-endian, both ways.
//! Payloads are short: they carry commands and results, while files, inputs and outputs travel through the machine's
//! RAM, which the host has mapped.

const std = @import("std");
const board = @import("board.zig");

// One pointer a register: Zig 0.17.1 forgets `volatile` when a many-item pointer is indexed.
const data: *volatile u8 = @ptrFromInt(0x1000_0000);
const interrupt_enable: *volatile u8 = @ptrFromInt(0x1000_0001);
const fifo_control: *volatile u8 = @ptrFromInt(0x1000_0002);
const line_status: *volatile u8 = @ptrFromInt(0x1000_0005);
const line_status_data_ready: u8 = 1;
const line_status_transmit_empty: u8 = 0x20;

pub const magic: u32 = 0x514e_5953; // "SYNQ"
pub const payload_bytes_max = 256;

/// The host speaks at least once a minute. A machine that has heard nothing for this long has lost its host and ends.
const silence_s_max = 600;

pub const Error = error{ Silence, BadFrame };

pub fn init() void {
    // Receive buffer on, interrupt at 14 bytes: the emulator hands over as many bytes at once as are missing to that
    // level, and no frame is shorter than 16.
    fifo_control.* = 0xc1;
    interrupt_enable.* = 1;
}

fn dataReady() bool {
    return line_status.* & line_status_data_ready != 0;
}

/// Sleeps until a frame begins.
fn awaitFrame() Error!void {
    const deadline = board.now() + silence_s_max * board.timer_hz;
    while (!dataReady()) {
        if (board.now() >= deadline) return error.Silence;
        board.wait(deadline);
    }
}

/// The next byte of a frame that has begun. It is near, so this does not sleep.
fn readByte() Error!u8 {
    const deadline = board.now() + silence_s_max * board.timer_hz;
    while (!dataReady()) {
        if (board.now() >= deadline) return error.Silence;
    }
    return data.*;
}

fn readWord() Error!u32 {
    var bytes: [4]u8 = undefined;
    for (&bytes) |*byte| byte.* = try readByte();
    return std.mem.readInt(u32, &bytes, .little);
}

fn writeByte(byte: u8) void {
    while (line_status.* & line_status_transmit_empty == 0) {}
    data.* = byte;
}

fn writeWord(word: u32) void {
    var bytes: [4]u8 = undefined;
    std.mem.writeInt(u32, &bytes, word, .little);
    for (bytes) |byte| writeByte(byte);
}

/// Waits for a frame and answers its payload, a part of `buffer`.
pub fn receive(buffer: *[payload_bytes_max]u8) Error![]u8 {
    try awaitFrame();
    if (try readWord() != magic) return error.BadFrame;
    const length = try readWord();
    if (length > buffer.len) return error.BadFrame;
    const payload = buffer[0..length];
    for (payload) |*byte| byte.* = try readByte();
    if (try readWord() != std.hash.Crc32.hash(payload)) return error.BadFrame;
    return payload;
}

pub fn send(words: []const u32) void {
    const payload = std.mem.sliceAsBytes(words);
    writeWord(magic);
    writeWord(payload.len);
    for (payload) |byte| writeByte(byte);
    writeWord(std.hash.Crc32.hash(payload));
}
