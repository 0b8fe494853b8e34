//! The serial console of the ready application (firmware/main/setup) as a WASM module, for the simulated chip: the same
//! C that runs on a board. One instance, one cable. Texts and bytes come in the module's `input`, one after the other;
//! texts end with 0 there.
const std = @import("std");
const c = @import("cable");

const input_bytes_max = 4096;
var input_bytes: [input_bytes_max]u8 = undefined;
var names: [input_bytes_max]u8 = undefined;
var cable: c.cable_t = undefined;

const host = struct {
    extern "host" fn send(bytes: [*]const u8, count: usize) void;
    extern "host" fn join(ssid: [*]const u8, ssid_bytes: usize, password: [*]const u8, password_bytes: usize) void;
    extern "host" fn scan() void;
    extern "host" fn claim() void;
    extern "host" fn reset_settings() void;
    extern "host" fn help(text: [*]const u8, bytes: usize) void;
    extern "host" fn ask(
        number: u32,
        method: [*]const u8,
        method_bytes: usize,
        target: [*]const u8,
        target_bytes: usize,
    ) void;
};

fn textOf(text: [*c]const u8) [:0]const u8 {
    return std.mem.span(@as([*:0]const u8, @ptrCast(text)));
}

const heard = struct {
    fn send(_: ?*anyopaque, bytes: [*c]const u8, count: usize) callconv(.c) void {
        host.send(bytes, count);
    }

    fn join(_: ?*anyopaque, ssid: [*c]const u8, password: [*c]const u8) callconv(.c) void {
        host.join(ssid, textOf(ssid).len, password, textOf(password).len);
    }

    fn scan(_: ?*anyopaque) callconv(.c) void {
        host.scan();
    }

    fn claim(_: ?*anyopaque) callconv(.c) void {
        host.claim();
    }

    fn resetSettings(_: ?*anyopaque) callconv(.c) void {
        host.reset_settings();
    }

    fn help(_: ?*anyopaque, text: [*c]const u8) callconv(.c) void {
        host.help(text, textOf(text).len);
    }

    fn ask(_: ?*anyopaque, number: u32, method: [*c]const u8, target: [*c]const u8) callconv(.c) void {
        host.ask(number, method, textOf(method).len, target, textOf(target).len);
    }
};

/// Where the host writes what it gives; `input_bytes_max` of it.
export fn input() [*]u8 {
    return &input_bytes;
}

export fn input_size() usize {
    return input_bytes_max;
}

/// Input: firmware, version, chip, the device's name.
export fn begin(provisioned: u32) void {
    names = input_bytes;
    var given: [4][*:0]const u8 = undefined;
    var rest: []const u8 = &names;
    for (&given) |*text| {
        const bytes = std.mem.indexOfScalar(u8, rest, 0).?;
        text.* = rest[0..bytes :0].ptr;
        rest = rest[bytes + 1 ..];
    }
    const told: c.cable_host_t = .{
        .user = null,
        .send = heard.send,
        .join = heard.join,
        .scan = heard.scan,
        .claim = heard.claim,
        .reset_settings = heard.resetSettings,
        .help = heard.help,
        .ask = heard.ask,
        .firmware = given[0],
        .version = given[1],
        .chip = given[2],
        .device_name = given[3],
    };
    c.cable_begin(&cable, &told, provisioned != 0);
}

/// Input: bytes from the line.
export fn feed(count: usize) void {
    c.cable_feed(&cable, &input_bytes, count);
}

/// Input: the board's address.
export fn joined() void {
    c.improv_joined(&cable.improv, &input_bytes);
}

export fn join_failed() void {
    c.improv_failed(&cable.improv, c.IMPROV_ERROR_NO_CONNECTION);
}

/// Input: its name.
export fn network(rssi_dbm: i32, locked: u32) void {
    c.improv_network(&cable.improv, &input_bytes, rssi_dbm, locked != 0);
}

export fn networks_end() void {
    c.improv_networks_end(&cable.improv);
}

export fn answer_begin(number: u32, status: u32) void {
    c.cable_answer_begin(&cable, number, status);
}

/// Input: a piece of the body.
export fn answer_add(number: u32, count: usize) void {
    c.cable_answer_add(&cable, number, &input_bytes, count);
}

export fn answer_end(number: u32) void {
    c.cable_answer_end(&cable, number);
}
