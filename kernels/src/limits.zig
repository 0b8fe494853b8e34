//! Every bound of the file format, by name. A file that exceeds one is refused with `limit`, whatever its size.

/// What the prefix can say.
pub const file_bytes_max = (1 << 32) - 1;
pub const header_bytes_max = 4 << 20;
pub const cbor_depth_max = 16;
/// What a double holds exactly: hosts decode `meta` with numbers of 64-bit floats.
pub const cbor_integer_max = (1 << 53) - 1;
pub const tensors_max = 16_384;
pub const entries_max = 32;
pub const ports_max = 16;
pub const ops_max = 16_384;
pub const goldens_max = 16;
pub const rank_max = 4;
pub const dimension_max = 1 << 24;
pub const elements_max = (1 << 31) - 1;
pub const region_bytes_max = 1 << 30;
pub const port_name_bytes_max = 63;
pub const tensor_name_bytes_max = 127;
pub const channels_max = 4;
/// 127 * 128 * K must stay below 2^31, so that an int8 dot product over K cannot overflow int32.
pub const reduction_max = 1 << 17;
pub const attention_keys_max = 4_096;
pub const head_dim_max = 1_024;
pub const threads_max = 64;
