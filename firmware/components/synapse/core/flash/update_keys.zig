//! The keys whose holders may give the board models. A board with none takes any pack from its owner.
const std = @import("std");
const Sha256 = @import("../sha256.zig").Sha256;
const pack_signature = @import("pack_signature.zig");
const KeyId = pack_signature.KeyId;
const Signer = pack_signature.Signer;
const PackSignature = pack_signature.PackSignature;
const ports = @import("../port.zig");

pub const keys_max = 4;

pub const Error = error{ SignatureMalformed, SignatureKeyUnknown, SignatureWrong };

pub const UpdateKeys = struct {
    keys: []const ports.PublicKey = &.{},
    ids: [keys_max]KeyId = undefined,
    port: ?*const ports.Port = null,

    pub const none: UpdateKeys = .{};

    /// The configuration has been checked (abi.zig); its keys stay where they are.
    pub fn init(config: *const ports.Config, port: *const ports.Port) UpdateKeys {
        const given = config.update_keys orelse return none;
        var result: UpdateKeys = .{ .keys = given[0..config.update_key_count], .port = port };
        for (result.keys, result.ids[0..result.keys.len]) |*key, *id| {
            id.* = Sha256.digest(key)[0..id.len].*;
        }
        return result;
    }

    pub fn required(self: *const UpdateKeys) bool {
        return self.keys.len > 0;
    }

    pub fn known(self: *const UpdateKeys) []const KeyId {
        return self.ids[0..self.keys.len];
    }

    /// Whether a model may run that `signer` has signed, as far as the keys go.
    pub fn allow(self: *const UpdateKeys, signer: *const Signer) bool {
        for (self.known()) |*id| if (std.mem.eql(u8, id[0..signer.len], signer)) return true;
        return !self.required();
    }

    /// Whether one of the keys signed the pack of this digest. Takes as long as the port's check of one signature;
    /// on the worker.
    pub fn check(self: *const UpdateKeys, sha256: *const [32]u8, block: *const [pack_signature.bytes]u8) Error!void {
        const given = PackSignature.parse(block) orelse return error.SignatureMalformed;
        for (self.keys, self.known()) |*key, *id| if (std.mem.eql(u8, id, &given.key)) {
            const message = PackSignature.message(sha256);
            const port = self.port.?;
            const differs = port.verify.?(port.user, key, &message, message.len, &given.signature) != 0;
            if (differs) return error.SignatureWrong;
            return;
        };
        return error.SignatureKeyUnknown;
    }
};
