//! What a whole number in the description of an op means. Each op declares it for every one of its `Params`, for those
//! who write files.

pub const Key = enum {
    /// No tensor, but how many there are of something.
    count,
    /// An activation that is read.
    activation,
    /// An activation or an f32 constant in rows that is read.
    operand,
    /// A constant in panels.
    weight,
    /// An f32 constant of one row.
    vector,
    /// An activation that is written.
    out,
    /// Bytes that the op may use as it likes.
    scratch,
};
