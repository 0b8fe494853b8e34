//! One token of a body, whatever it was written in.

pub const Error = error{ Malformed, Truncated, TooDeep, NumberTooLong };

pub const Token = union(enum) {
    object_begin,
    object_end,
    array_begin,
    array_end,
    /// Keys and strings. The bytes lie in the body and may be overwritten by their reader.
    text: []u8,
    /// CBOR only.
    bytes: []u8,
    /// As sent. JSON: whole and below 2^53 in magnitude.
    number: f64,
    /// JSON: any other number, already rounded to the nearest f32, once; so it may look whole.
    /// Infinite when beyond the range.
    decimal: f32,
    boolean: bool,
    null,
    end,
};
