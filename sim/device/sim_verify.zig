//! The port's `verify` of simulated boards. A board asks its chip's cryptography instead (this needs 128-bit products,
//! which the chip's compiler has none of).
const std = @import("std");
const ports = @import("synapse_device").ports;
const Ecdsa = std.crypto.sign.ecdsa.EcdsaP256Sha256;

pub fn verify(
    _: ?*anyopaque,
    key: *const ports.PublicKey,
    message: [*]const u8,
    bytes: usize,
    signature: *const [64]u8,
) callconv(.c) i32 {
    const public_key = Ecdsa.PublicKey.fromSec1(key) catch return 1;
    Ecdsa.Signature.fromBytes(signature.*).verify(message[0..bytes], public_key) catch return 1;
    return 0;
}
