//! Plain f32: weights of linear layers in panels, vectors in rows, and activations.

const Traits = @import("traits.zig").Traits;

pub const Block = extern struct { w: [16]f32 };

pub const traits: Traits = .{
    .activation_bytes = 4,
    .products = .floats,
    .panel = &.{.{ .columns = 1, .Fields = Block }},
    .as_stored = true,
};
