//! A matrix of f32 somewhere in memory: rows `stride` elements apart. A stride of 0 repeats one row.

pub const View = extern struct {
    data: [*]f32,
    rows: u32,
    cols: u32,
    stride: u32,

    pub inline fn row(self: *const View, index: usize) [*]f32 {
        return self.data + index * self.stride;
    }
};
