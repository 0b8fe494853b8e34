//! Which files open: every bound is met exactly by a file that does, and passed by one that is refused in words.

const std = @import("std");
const limits = @import("limits.zig");
const storage = @import("storage.zig");
const pack = @import("testing/pack.zig");
const Model = @import("model.zig").Model;
const Report = @import("errors.zig").Report;
const Result = @import("errors.zig").Result;

const testing = std.testing;

const Space = struct {
    var file: [64 << 10]u8 align(64) = undefined;
    var memory: [64 << 10]u8 align(16) = undefined;
};

const constants: [32 << 10]u8 = @splat(0);

fn opens(file: []align(64) const u8) !void {
    var report: Report = .{};
    _ = Model.open(file, true, &Space.memory, &report) catch {
        std.debug.print("refused: {s}\n", .{std.mem.sliceTo(&report.message, 0)});
        return error.TestUnexpectedResult;
    };
}

fn refused(file: []align(64) const u8, code: Result, words: []const u8) !void {
    var report: Report = .{};
    if (Model.open(file, true, &Space.memory, &report)) |_| return error.TestUnexpectedResult else |_| {}
    try testing.expectEqual(code, report.code);
    if (std.mem.find(u8, &report.message, words) != null) return;
    std.debug.print("said \"{s}\", expected \"{s}\"\n", .{ std.mem.sliceTo(&report.message, 0), words });
    return error.TestUnexpectedResult;
}

fn write(header: pack.Header, blob_bytes: usize) []align(64) const u8 {
    return pack.write(&Space.file, header, constants[0..blob_bytes]);
}

/// One f32 activation in `fast`, of a region that holds it exactly.
fn withActivation(tensor: pack.Tensor, fast: u32) []align(64) const u8 {
    return write(.{ .regions = .{ .fast = fast }, .tensors = &.{tensor} }, 0);
}

test "an activation ends where its region ends, or before" {
    // Two rows of three, four elements apart: 7 elements from the first to the last.
    const tensor: pack.Tensor = .{ .shape = &.{ 2, 3 }, .region = "fast", .stride = 4, .offset = 4 };
    try opens(withActivation(tensor, 32));
    for ([_]u32{ 31, 28, 4, 0 }) |fast| try refused(withActivation(tensor, fast), .tensor, "ends at 32, its region at");
    var at_end = tensor;
    at_end.offset = 1 << 31;
    try refused(withActivation(at_end, 32), .tensor, "its region at 32");
    for ([_][]const u8{ "slow", "state" }) |region| {
        var elsewhere = tensor;
        elsewhere.region = region;
        try refused(withActivation(elsewhere, 32), .tensor, "its region at 0");
    }
}

test "rows of an activation lie apart by their length at least" {
    try opens(withActivation(.{ .shape = &.{ 2, 3 }, .region = "fast", .stride = 3 }, 64));
    try refused(
        withActivation(.{ .shape = &.{ 2, 3 }, .region = "fast", .stride = 2 }, 64),
        .tensor,
        "expected two dimensions and at least 3",
    );
    try refused(
        withActivation(.{ .shape = &.{6}, .region = "fast", .stride = 6 }, 64),
        .tensor,
        "expected two dimensions",
    );
    try refused(
        withActivation(.{ .shape = &.{ 1, 2, 3 }, .region = "fast", .stride = 3 }, 64),
        .tensor,
        "expected two dimensions",
    );
}

test "an activation begins at a multiple of 4, and is dynamic in rows only" {
    try opens(withActivation(.{ .shape = &.{ 2, 3 }, .region = "fast", .offset = 8 }, 64));
    for ([_]u32{ 1, 2, 3, 6 }) |offset| {
        try refused(
            withActivation(.{ .shape = &.{ 2, 3 }, .region = "fast", .offset = offset }, 64),
            .tensor,
            "expected a multiple of 4",
        );
    }
    try refused(
        withActivation(.{ .shape = &.{3}, .region = "fast", .dynamic = true }, 64),
        .tensor,
        "has one dimension",
    );
    try refused(withActivation(.{ .shape = &.{ 2, 3 }, .type = "i8", .region = "fast" }, 64), .tensor, "has type i8");
    try refused(withActivation(.{ .shape = &.{ 2, 0 }, .region = "fast" }, 64), .tensor, "a dimension of 0");
    try refused(withActivation(.{ .shape = &.{}, .region = "fast" }, 64), .tensor, "has no dimensions");
}

test "a region, a dimension and a tensor have at most what the format says" {
    const region: u32 = limits.region_bytes_max;
    try opens(write(.{ .regions = .{ .fast = region, .slow = region, .state = region } }, 0));
    inline for (.{ "fast", "slow", "state" }) |name| {
        var header: pack.Header = .{};
        @field(header.regions, name) = region + 1;
        try refused(write(header, 0), .limit, "region \"" ++ name ++ "\" of");
    }
    try opens(withActivation(
        .{ .shape = &.{limits.dimension_max}, .type = "u8", .region = "fast" },
        limits.dimension_max,
    ));
    try refused(
        withActivation(.{ .shape = &.{limits.dimension_max + 1}, .type = "u8", .region = "fast" }, region),
        .limit,
        "at most 16777216",
    );
    try refused(
        withActivation(.{ .shape = &.{ 1 << 16, 1 << 15 }, .type = "u8", .region = "fast" }, region),
        .limit,
        "more than 2147483647 elements",
    );
    try refused(
        withActivation(.{ .shape = &.{ 1 << 16, (1 << 15) - 1 }, .type = "u8", .region = "fast" }, region),
        .tensor,
        "its region at",
    );
}

fn withConstant(tensor: pack.Tensor, blob_bytes: usize) []align(64) const u8 {
    return write(.{ .tensors = &.{tensor} }, blob_bytes);
}

test "a constant lies in the file, at a multiple of 64 behind the header, with the bytes that its type and shape need" {
    const vector: pack.Tensor = .{ .shape = &.{5}, .bytes = 20, .offset = 64 };
    try opens(withConstant(vector, 84));
    try refused(withConstant(vector, 83), .tensor, "the file at");
    for ([_]u32{ 32, 63, 65 }) |offset| {
        var moved = vector;
        moved.offset = offset;
        try refused(withConstant(moved, 128), .tensor, "expected a multiple of 64 from");
    }
    for ([_]u32{ 0, 16, 19, 21, 24 }) |bytes| {
        var other = vector;
        other.bytes = bytes;
        try refused(withConstant(other, 128), .tensor, "expected 0 as a weight or 20 as a vector");
    }
    for ([_][]const u8{ "i2", "i5", "i6" }) |name| {
        const since = "which came with version 1.1";
        try refused(withConstant(.{ .shape = &.{ 3, 64 }, .type = name, .bytes = 64 }, 64), .tensor, since);
    }
    inline for (.{ "i8", "i4", "i3", "q4_0", "q8_0", "q4_k", "q6_k", "f16", "f32" }) |name| {
        const kind = @field(storage.Type, name);
        const bytes: u32 = @intCast(storage.linearBytes(kind, 4, 3, 256));
        try opens(withConstant(.{ .shape = &.{ 3, 256 }, .type = name, .bytes = bytes }, bytes));
        for ([_]u32{ bytes - 1, bytes + 1 }) |wrong| {
            try refused(
                withConstant(.{ .shape = &.{ 3, 256 }, .type = name, .bytes = wrong }, bytes + 1),
                .tensor,
                "as a weight",
            );
        }
    }
    try refused(
        withConstant(.{ .shape = &.{ 3, 255 }, .type = "q4_k", .bytes = 64 }, 64),
        .tensor,
        "expected a multiple of 256 before version 1.1",
    );
    const padded: u32 = @intCast(storage.linearBytes(.q4_k, 4, 3, 255));
    try opens(inVersion11(withConstant(.{ .shape = &.{ 3, 255 }, .type = "q4_k", .bytes = padded }, padded)));
    try refused(withConstant(.{ .shape = &.{4}, .type = "u8", .bytes = 4 }, 64), .tensor, "has type u8");
    try refused(
        withConstant(.{ .shape = &.{4}, .bytes = 16, .dynamic = false }, 64),
        .header,
        "neither stride nor dynamic",
    );
    try refused(withConstant(.{ .shape = &.{4}, .bytes = 16, .stride = 4 }, 64), .header, "neither stride nor dynamic");
    try refused(withConstant(.{ .shape = &.{4}, .bytes = 16, .region = "fast" }, 64), .header, "which its shape gives");
}

/// The same file, said to be of version 1.1.
fn inVersion11(file: []align(64) const u8) []align(64) const u8 {
    Space.file[10] = 1;
    pack.seal(Space.file[0..file.len]);
    return file;
}

test "from version 1.1 on constants in rows are f16, or int8 with a scale a row, and scales are f16 where it says so" {
    inline for (.{
        .{ "f16", &[_]u32{5}, 10, null },
        .{ "i8", &[_]u32{ 2, 3 }, 8 + 8, null },
        .{ "i8", &[_]u32{ 2, 3 }, 8 + 4, "f16" },
        .{ "i4", &[_]u32{ 3, 40 }, 2 * 256 + 16 + 32, "f16" },
    }) |row| {
        var tensor: pack.Tensor = .{ .type = row[0], .shape = row[1], .bytes = row[2], .scales = row[3] };
        try opens(inVersion11(withConstant(tensor, row[2])));
        try refused(withConstant(tensor, row[2]), if (tensor.scales == null) .tensor else .header, "byte ");
        tensor.bytes = row[2] + 1;
        try refused(inVersion11(withConstant(tensor, row[2] + 1)), .tensor, "expected");
    }
    const blocks: pack.Tensor = .{ .type = "q8_0", .shape = &.{ 3, 32 }, .bytes = 544, .scales = "f16" };
    try refused(inVersion11(withConstant(blocks, 544)), .header, "as types with a scale a row may");
    const activation: pack.Tensor = .{ .shape = &.{3}, .region = "fast", .scales = "f16" };
    try refused(inVersion11(withActivation(activation, 64)), .header, "has a key \"scales\"");
}

test "a file has all the bytes that its prefix says, and none after them" {
    const file = withConstant(.{ .shape = &.{5}, .bytes = 20 }, 20);
    try opens(file);
    for ([_]usize{ 1, 4, 20 }) |missing| try refused(file[0 .. file.len - missing], .truncated, "bytes of");
    try refused(Space.file[0 .. file.len + 1], .prefix, "the file has");
    const header_bytes = std.mem.readInt(u32, file[12..16], .little);
    const other_values = .{
        .{ 12, 0, .limit },
        .{ 12, limits.header_bytes_max + 1, .limit },
        .{ 20, std.mem.readInt(u32, file[20..24], .little) + 64, .prefix },
        .{ 16, 64 + header_bytes - 1, .prefix },
    };
    inline for (other_values) |wrong| {
        var copy: [4096]u8 align(64) = undefined;
        @memcpy(copy[0..file.len], file);
        std.mem.writeInt(u32, copy[wrong[0]..][0..4], wrong[1], .little);
        pack.seal(copy[0..file.len]);
        try refused(copy[0..file.len], wrong[2], "byte ");
    }
}

test "versions that this runtime does not know are refused" {
    const cases = .{ .{ 1, 0, 1 }, .{ 1, 1, 1 }, .{ 1, 2, 0 }, .{ 0, 0, 0 }, .{ 2, 0, 0 }, .{ 0, 1, 0 }, .{ 2, 1, 0 } };
    for (@as([7][3]u16, cases)) |case| {
        const file = write(.{}, 0);
        std.mem.writeInt(u16, Space.file[8..10], case[0], .little);
        std.mem.writeInt(u16, Space.file[10..12], case[1], .little);
        pack.seal(Space.file[0..file.len]);
        if (case[2] == 1) try opens(file) else try refused(file, .version, "byte 8: format version");
    }
    const reserved = write(.{}, 0);
    Space.file[27] = 1;
    pack.seal(Space.file[0..reserved.len]);
    try refused(reserved, .prefix, "reserved bytes are not 0");
}

test "a model has what its header says" {
    const file = write(.{
        .name = "all",
        .regions = .{ .fast = 256, .slow = 128, .state = 64 },
        .tensors = &.{
            .{ .name = "a", .shape = &.{ 2, 3 }, .region = "fast", .stride = 5, .offset = 8 },
            .{ .name = "b", .shape = &.{ 4, 2, 3 }, .region = "slow", .dynamic = true },
            .{ .name = "c", .shape = &.{3}, .region = "state", .type = "i32" },
            .{ .name = "d", .shape = &.{3}, .bytes = 12 },
            .{ .name = "e", .shape = &.{ 4, 6 }, .region = "fast" },
        },
        .entries = &.{
            .{
                .name = "first",
                .rows_max = 4,
                .inputs = &.{
                    .{ .name = "in", .tensor = 1, .kind = "latent" },
                    .{ .name = "act", .tensor = 4, .kind = "action" },
                },
                .outputs = &.{.{ .name = "out", .tensor = 2 }},
            },
            .{ .name = "second", .rows_max = 7, .ops = &.{.{ .op = "act", .x = 4, .out = 4, .act = "relu" }} },
        },
        .golden = &.{.{ .entry = "second", .rows = 5, .seed = 9, .digest = @splat(7) }},
    }, 64);
    var report: Report = .{};
    const model = try Model.open(file, true, &Space.memory, &report);
    try testing.expectEqualStrings("all", model.name);
    try testing.expect(model.exact);
    try testing.expectEqual(256, model.regions.fast);
    try testing.expectEqual(128, model.regions.slow);
    try testing.expectEqual(64, model.regions.state);
    try testing.expectEqual(1, model.op_count);
    const a, const b, const c, const d = model.tensors[0..4].*;
    try testing.expectEqual(.fast, a.place);
    try testing.expectEqual(8, a.offset);
    try testing.expectEqual(5, a.stride);
    // Two rows of three, five apart: the gap behind the last is not its own.
    try testing.expectEqual(8 * 4, a.bytes);
    try testing.expectEqual(.slow, b.place);
    try testing.expect(b.dynamic and !a.dynamic and !c.dynamic);
    try testing.expectEqual(8, b.rows());
    try testing.expectEqual(2, b.rowsPerDynamicRow());
    try testing.expectEqual(3, b.cols());
    try testing.expectEqual(.state, c.place);
    try testing.expectEqual(.i32, c.type);
    try testing.expectEqual(.constant, d.place);
    try testing.expectEqual(12, d.bytes);
    try testing.expectEqual(0, d.offset % 64);
    const first, const second = model.entries[0..2].*;
    try testing.expectEqualStrings("in", first.inputs[0].name);
    try testing.expectEqual(.latent, first.inputs[0].kind);
    try testing.expectEqual(1, first.inputs[0].tensor);
    try testing.expectEqual(.action, first.inputs[1].kind);
    try testing.expectEqualStrings("out", first.outputs[0].name);
    try testing.expectEqual(.tensor, first.outputs[0].kind);
    try testing.expectEqual(4, first.rows_max);
    try testing.expectEqual(0, first.ops.len);
    try testing.expectEqual(7, second.rows_max);
    try testing.expectEqual(.relu, second.ops[0].op.act.act);
    try testing.expectEqual(4, second.ops[0].op.act.out);
    const golden = model.goldens[0];
    try testing.expectEqual(1, golden.entry);
    try testing.expectEqual(5, golden.rows);
    try testing.expectEqual(9, golden.seed);
    try testing.expectEqual(7, golden.digest[31]);
    try testing.expectEqual(0, model.findEntry("first"));
    try testing.expectEqual(1, model.findEntry("second"));
    try testing.expectEqual(null, model.findEntry("third"));
}

test "memory of the size that is asked for is enough, and a byte less is refused" {
    const file = write(.{ .tensors = &.{.{ .shape = &.{3}, .bytes = 12 }}, .golden = &.{.{}} }, 12);
    var report: Report = .{};
    const needed = try Model.requirements(file, &report);
    _ = try Model.open(file, true, Space.memory[0..needed], &report);
    try testing.expectError(error.Refused, Model.open(file, true, Space.memory[0 .. needed - 1], &report));
    try testing.expectEqual(.out_of_memory, report.code);
}

test "entries have names of their own, rows and no more" {
    try opens(write(.{ .entries = &.{ .{ .name = "a" }, .{ .name = "b" } } }, 0));
    try refused(
        write(.{ .entries = &.{ .{ .name = "a" }, .{ .name = "b" }, .{ .name = "a" } } }, 0),
        .header,
        "two entries are called \"a\"",
    );
    try refused(write(.{ .entries = &.{.{ .name = "" }} }, 0), .header, "no name or rows_max 0");
    try refused(write(.{ .entries = &.{.{ .rows_max = 0 }} }, 0), .header, "no name or rows_max 0");
    try opens(write(.{ .entries = &.{.{ .rows_max = limits.dimension_max }} }, 0));
    try refused(write(.{ .entries = &.{.{ .rows_max = limits.dimension_max + 1 }} }, 0), .limit, "at most 16777216");
}

test "a self-test has rows of its entry and a seed that makes numbers" {
    const entries = [_]pack.Entry{.{ .rows_max = 3 }};
    try opens(write(.{ .entries = &entries, .golden = &.{ .{ .rows = 1 }, .{ .rows = 3 } } }, 0));
    for ([_]u32{ 0, 4 }) |rows| {
        try refused(
            write(.{ .entries = &entries, .golden = &.{.{ .rows = rows }} }, 0),
            .header,
            "golden with seed 1 and",
        );
    }
    try refused(write(.{ .entries = &entries, .golden = &.{.{ .seed = 0 }} }, 0), .header, "golden with seed 0");
    try refused(
        write(.{ .entries = &entries, .golden = &.{.{ .entry = "stop" }} }, 0),
        .header,
        "no entry is called \"stop\"",
    );
    try refused(
        write(.{ .numeric = "reference", .entries = &entries, .golden = &.{.{}} }, 0),
        .header,
        "self-test vectors in a model",
    );
    const most: [limits.goldens_max + 1]pack.Golden = @splat(.{});
    try opens(write(.{ .entries = &entries, .golden = most[1..] }, 0));
    try refused(write(.{ .entries = &entries, .golden = &most }, 0), .limit, "at most 16");
}

test "ports are dense activations that exist, and pictures are bytes in three colours" {
    const tensors = [_]pack.Tensor{
        .{ .shape = &.{ 2, 3 }, .region = "fast" },
        .{ .shape = &.{ 2, 3 }, .region = "fast", .stride = 4 },
        .{ .shape = &.{ 2, 2, 3 }, .region = "fast", .type = "u8" },
        .{ .shape = &.{ 2, 3, 2 }, .region = "fast", .type = "u8" },
        .{ .shape = &.{ 2, 2, 3 }, .region = "fast" },
        .{ .shape = &.{ 4, 3 }, .region = "fast", .type = "u8" },
        .{ .shape = &.{4}, .bytes = 16 },
    };
    const Case = struct { port: pack.Port, words: ?[]const u8 };
    const cases = [_]Case{
        .{ .port = .{ .name = "p", .tensor = 0 }, .words = null },
        .{ .port = .{ .name = "p", .tensor = 1 }, .words = "must be a dense activation" },
        .{ .port = .{ .name = "p", .tensor = 6 }, .words = "must be a dense activation" },
        .{ .port = .{ .name = "p", .tensor = 7 }, .words = "is tensor 7 of 7" },
        .{ .port = .{ .name = "p", .tensor = 2, .kind = "image" }, .words = null },
        .{ .port = .{ .name = "p", .tensor = 3, .kind = "image" }, .words = "must be u8 [H, W, 3]" },
        .{ .port = .{ .name = "p", .tensor = 4, .kind = "image" }, .words = "must be u8 [H, W, 3]" },
        .{ .port = .{ .name = "p", .tensor = 5, .kind = "image" }, .words = "must be u8 [H, W, 3]" },
    };
    for (cases) |case| for ([_]bool{ true, false }) |input| {
        const ports: []const pack.Port = &.{case.port};
        const entry: pack.Entry = if (input) .{ .inputs = ports } else .{ .outputs = ports };
        const file = write(.{ .regions = .{ .fast = 64 }, .tensors = &tensors, .entries = &.{entry} }, 16);
        if (case.words) |words| try refused(file, .op, words) else try opens(file);
    };
}

test "a dynamic operand begins with the rows of its entry" {
    const tensors = [_]pack.Tensor{
        .{ .shape = &.{ 2, 3 }, .region = "fast", .dynamic = true },
        .{ .shape = &.{ 2, 3 }, .region = "fast", .offset = 64, .dynamic = true },
    };
    const ops = [_]pack.Op{.{ .op = "copy", .x = 0, .out = 1 }};
    for ([_]u32{ 1, 2, 3 }) |rows| {
        const file = write(
            .{ .regions = .{ .fast = 128 }, .tensors = &tensors, .entries = &.{.{ .rows_max = rows, .ops = &ops }} },
            0,
        );
        if (rows == 2) try opens(file) else try refused(file, .op, "begins with 2, expected rows_max");
    }
}

test "an operand that is added has as many rows, one for all, or is a constant with rows to spare" {
    const Operand = struct { tensor: pack.Tensor, fits: bool };
    const operands = [_]Operand{
        .{ .tensor = .{ .shape = &.{ 2, 3 }, .region = "slow" }, .fits = true },
        .{ .tensor = .{ .shape = &.{ 1, 3 }, .region = "slow" }, .fits = true },
        .{ .tensor = .{ .shape = &.{ 3, 3 }, .region = "slow" }, .fits = false },
        .{ .tensor = .{ .shape = &.{ 2, 3 }, .region = "slow", .dynamic = true }, .fits = false },
        .{ .tensor = .{ .shape = &.{ 2, 2 }, .region = "slow" }, .fits = false },
        .{ .tensor = .{ .shape = &.{ 2, 3 }, .bytes = 24 }, .fits = true },
        .{ .tensor = .{ .shape = &.{ 5, 3 }, .bytes = 60 }, .fits = true },
        .{ .tensor = .{ .shape = &.{3}, .bytes = 12 }, .fits = true },
        .{ .tensor = .{ .shape = &.{ 2, 2 }, .bytes = 16 }, .fits = false },
    };
    for (operands) |operand| {
        const tensors = [_]pack.Tensor{
            .{ .shape = &.{ 2, 3 }, .region = "fast" },
            operand.tensor,
            .{ .shape = &.{ 2, 3 }, .region = "fast", .offset = 64 },
        };
        const ops = [_]pack.Op{.{ .op = "add", .a = 0, .b = 1, .out = 2 }};
        const file = write(
            .{
                .regions = .{ .fast = 128, .slow = 128 },
                .tensors = &tensors,
                .entries = &.{.{ .rows_max = 2, .ops = &ops }},
            },
            64,
        );
        if (operand.fits) try opens(file) else try refused(file, .op, "b has");
    }
}

test "a constant with as many rows as a dynamic operand may have covers it" {
    for ([_]u32{ 1, 2, 3 }) |rows| {
        const tensors = [_]pack.Tensor{
            .{ .shape = &.{ 2, 3 }, .region = "fast", .dynamic = true },
            .{ .shape = &.{ rows, 3 }, .bytes = rows * 12 },
            .{ .shape = &.{ 2, 3 }, .region = "fast", .offset = 64, .dynamic = true },
        };
        const ops = [_]pack.Op{.{ .op = "add", .a = 0, .b = 1, .out = 2 }};
        try opens(write(
            .{ .regions = .{ .fast = 128 }, .tensors = &tensors, .entries = &.{.{ .rows_max = 2, .ops = &ops }} },
            64,
        ));
    }
}

test "a constant covers fewer rows only when it is one" {
    const tensors = [_]pack.Tensor{
        .{ .shape = &.{ 4, 3 }, .region = "fast" },
        .{ .shape = &.{ 3, 3 }, .bytes = 36 },
        .{ .shape = &.{ 4, 3 }, .region = "fast", .offset = 64 },
    };
    const ops = [_]pack.Op{.{ .op = "add", .a = 0, .b = 1, .out = 2 }};
    try refused(
        write(.{ .regions = .{ .fast = 128 }, .tensors = &tensors, .entries = &.{.{ .ops = &ops }} }, 64),
        .op,
        "b has 3 rows, expected 1 or 4",
    );
}

/// One linear layer of `k` inputs over two rows. Its scratch, as docs/format.md says: int8 rows padded to 16, then a
/// scale a row, each rounded up to 64 bytes.
fn withLinear(k: u32, scratch: pack.Tensor) []align(64) const u8 {
    const bytes: u32 = @intCast(storage.linearBytes(.i8, 4, 1, k));
    const tensors = [_]pack.Tensor{
        .{ .shape = &.{ 2, k }, .region = "slow" },
        .{ .shape = &.{ 1, k }, .type = "i8", .bytes = bytes },
        .{ .shape = &.{ 2, 1 }, .region = "fast" },
        scratch,
    };
    const ops = [_]pack.Op{.{ .op = "linear", .x = 0, .w = 1, .out = 2, .scratch = 3 }};
    return write(
        .{ .regions = .{ .fast = 1 << 20, .slow = 8 * k }, .tensors = &tensors, .entries = &.{.{ .ops = &ops }} },
        bytes,
    );
}

test "scratch has the bytes that an op needs, at a multiple of 64" {
    const k = 40;
    const needed = 128 + 64;
    const whole: pack.Tensor = .{ .shape = &.{needed}, .type = "u8", .region = "fast", .offset = 64 };
    try opens(withLinear(k, whole));
    var short = whole;
    short.shape = &.{needed - 1};
    try refused(withLinear(k, short), .op, "scratch has");
    for ([_]u32{ 4, 32, 68 }) |offset| {
        var moved = whole;
        moved.offset = offset + 64;
        try refused(withLinear(k, moved), .op, "expected a multiple of 64");
    }
    var float = whole;
    float.type = "f32";
    try refused(withLinear(k, float), .op, "scratch must be a dense u8 activation");
}
