//! What the format says of a storage type, apart from the meaning of its bytes (docs/format.md, "Storage types"). Each
//! file beside this one declares its `traits`, and `expand` where a panel is not stored as the inner loop reads it.

/// Outputs that lie side by side in a panel.
pub const panel_width = 16;

pub const Traits = struct {
    /// The minor version of the format that it came with: older files have no constants of this type.
    version_minor: u16 = 0,
    /// Bytes of one element of an activation, or 0 where activations may not have this type.
    activation_bytes: u32 = 0,
    /// How products with a constant of this type are summed.
    products: Products = .none,
    /// K is filled up to a multiple of this.
    k_multiple: u32 = 1,
    /// What a panel consists of, one after the other.
    panel: []const Piece = &.{},
    /// One f32 scale for each output follows the panels.
    row_scales: bool = false,
    /// Weights along K that share one factor, or 0 when a whole row does.
    factor_length: u32 = 0,
    /// What shares a factor has a minimum too: it is taken away as often as the activations sum to.
    minimum: bool = false,
    /// A panel is what the inner loop reads, unless the machine wants another order.
    as_stored: bool = false,
};

/// None: there are no constants of this type. Integers: over activations quantised to int8.
pub const Products = enum { none, floats, integers };

/// Fields that stand in a panel once for every `columns` of K, a last part of so many counted whole.
pub const Piece = struct {
    columns: u32,
    /// An extern struct; each of its fields is `[16]` or `[rows][16]` of an element.
    Fields: type,

    pub fn bytes(comptime self: Piece, k: u64) u64 {
        return (k + self.columns - 1) / self.columns * @sizeOf(self.Fields);
    }
};
