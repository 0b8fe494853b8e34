//! What follows a signed pack (docs/format.md): whose signature it is, and the signature itself.
const std = @import("std");

pub const bytes = 96;
pub const magic = "\x89SIG\r\n\x1a\n";
const algorithm_ecdsa_p256_sha256 = 1;

pub const key_id_bytes = 16;
pub const KeyId = [key_id_bytes]u8;
/// Which key signed a model, as records keep it: the first bytes of its id.
pub const Signer = [8]u8;

/// What is signed: that this is a pack's digest, and the digest.
pub const message_head = "synapse-model-signature-v1\x00";
pub const Message = [message_head.len + 32]u8;

pub const PackSignature = struct {
    key: KeyId,
    /// r and s, big-endian.
    signature: [64]u8,

    /// Null for anything but a signature of the one kind there is.
    pub fn parse(block: *const [bytes]u8) ?PackSignature {
        if (!std.mem.eql(u8, block[0..8], magic)) return null;
        if (std.mem.readInt(u32, block[8..12], .little) != algorithm_ecdsa_p256_sha256) return null;
        if (!std.mem.allEqual(u8, block[12..16], 0)) return null;
        return .{ .key = block[16..32].*, .signature = block[32..96].* };
    }

    pub fn message(sha256: *const [32]u8) Message {
        return message_head.* ++ sha256.*;
    }
};
