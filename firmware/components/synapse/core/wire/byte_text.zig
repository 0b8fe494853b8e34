//! Sizes as people read them, with the exact number beside: `17.8 MiB (18707712 bytes)`.
const std = @import("std");

/// For `{f}` in a format.
pub const Size = struct {
    bytes: u64,

    pub fn format(self: Size, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        if (self.bytes < 1 << 10) return writer.print("{d} bytes", .{self.bytes});
        const unit: u64, const name = if (self.bytes < 1 << 20)
            .{ 1 << 10, "KiB" }
        else if (self.bytes < 1 << 30) .{ 1 << 20, "MiB" } else .{ 1 << 30, "GiB" };
        const whole = self.bytes / unit;
        // Three digits, rounded half up, as the host's tools write them.
        const scale: u64 = if (whole < 10) 100 else if (whole < 100) 10 else 1;
        const scaled = whole * scale + (self.bytes % unit * scale + unit / 2) / unit;
        switch (scale) {
            100 => try writer.print("{d}.{d:0>2} {s}", .{ scaled / 100, scaled % 100, name }),
            10 => try writer.print("{d}.{d} {s}", .{ scaled / 10, scaled % 10, name }),
            else => try writer.print("{d} {s}", .{ scaled, name }),
        }
        try writer.print(" ({d} bytes)", .{self.bytes});
    }
};

pub fn size(bytes: u64) Size {
    return .{ .bytes = bytes };
}

test "sizes are in the unit that people read, and exact" {
    const cases = [_]struct { u64, []const u8 }{
        .{ 0, "0 bytes" },
        .{ 1023, "1023 bytes" },
        .{ 1024, "1.00 KiB (1024 bytes)" },
        .{ 9043968, "8.63 MiB (9043968 bytes)" },
        .{ 18707712, "17.8 MiB (18707712 bytes)" },
        .{ 524288, "512 KiB (524288 bytes)" },
        .{ std.math.maxInt(u64), "17179869184 GiB (18446744073709551615 bytes)" },
    };
    for (cases) |case| {
        var buffer: [80]u8 = undefined;
        try std.testing.expectEqualStrings(case[1], try std.fmt.bufPrint(&buffer, "{f}", .{size(case[0])}));
    }
}
