//! `include/synapse.h` against the Zig source: every function, every struct field with its type, every result code.

const std = @import("std");
const c_api = @import("c_api.zig");
const errors = @import("errors.zig");
const kernel_check = @import("kernel_check.zig");

const header_text = @embedFile("synapse.h");
const testing = std.testing;

/// The text of `typedef struct name { ... }`.
fn structBody(comptime name: []const u8) []const u8 {
    const begin = std.mem.indexOf(u8, header_text, "typedef struct " ++ name ++ " {").?;
    const open = std.mem.indexOfScalarPos(u8, header_text, begin, '{').?;
    return header_text[open + 1 .. std.mem.indexOfScalarPos(u8, header_text, open, '}').?];
}

/// Field names of a C struct in order: the last word of each declarator, several after one type too.
fn fieldNames(body: []const u8, out: *[32][]const u8) [][]const u8 {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, body, '\n');
    while (lines.next()) |line| {
        const code = line[0 .. std.mem.indexOf(u8, line, "/*") orelse line.len];
        var statements = std.mem.splitScalar(u8, code, ';');
        while (statements.next()) |statement| {
            var declarators = std.mem.splitScalar(u8, std.mem.trim(u8, statement, " \t"), ',');
            while (declarators.next()) |declarator| {
                const plain = declarator[0 .. std.mem.indexOfScalar(u8, declarator, '[') orelse declarator.len];
                var words = std.mem.tokenizeAny(u8, plain, " *");
                var last: []const u8 = "";
                while (words.next()) |word| last = word;
                if (last.len > 0) {
                    out[count] = last;
                    count += 1;
                }
            }
        }
    }
    return out[0..count];
}

test "structs have the header's fields in the header's order" {
    const structs = .{
        .{ "syn_error", errors.CError },
        .{ "syn_model_info", c_api.ModelInfo },
        .{ "syn_entry_info", c_api.EntryInfo },
        .{ "syn_port_info", c_api.PortInfo },
        .{ "syn_model_work", c_api.ModelWork },
        .{ "syn_session_requirements", c_api.SessionRequirements },
        .{ "syn_session_config", c_api.SessionConfig },
        .{ "syn_op_profile", c_api.OpProfile },
        .{ "syn_kernel_check", kernel_check.Told },
        .{ "syn_sha256", c_api.Sha256 },
    };
    inline for (structs) |pair| {
        var space: [32][]const u8 = undefined;
        const names = fieldNames(structBody(pair[0]), &space);
        const expected = @typeInfo(pair[1]).@"struct".field_names;
        try testing.expectEqual(expected.len, names.len);
        inline for (expected, 0..) |field, i| try testing.expectEqualStrings(field, names[i]);
    }
}

test "every function of the header is exported, and no other" {
    inline for (c_api.functions ++ kernel_check.functions) |function| {
        const declared = std.mem.indexOf(u8, header_text, function[0] ++ "(") orelse {
            std.debug.print("{s} is not in the header\n", .{function[0]});
            return error.TestUnexpectedResult;
        };
        // The header's declaration has as many parameters as the function.
        const close = std.mem.indexOfPos(u8, header_text, declared, ");").?;
        const list = header_text[declared + function[0].len + 1 .. close];
        const count = if (std.mem.eql(u8, list, "void")) 0 else 1 + std.mem.count(u8, list, ",");
        try testing.expectEqual(@typeInfo(@TypeOf(function[1])).@"fn".param_types.len, count);
    }
    var declared_count: usize = 0;
    var lines = std.mem.splitScalar(u8, header_text, '\n');
    while (lines.next()) |line| {
        const is_function = std.mem.startsWith(u8, line, "syn_result syn_") or std.mem.startsWith(
            u8,
            line,
            "const char *syn_",
        ) or std.mem.startsWith(u8, line, "uint32_t syn_") or std.mem.startsWith(u8, line, "void syn_");
        if (is_function) declared_count += 1;
    }
    try testing.expectEqual(c_api.functions.len + kernel_check.functions.len, declared_count);
}

test "result codes are the header's" {
    const info = @typeInfo(errors.Result).@"enum";
    inline for (info.field_names, info.field_values) |name, value| {
        comptime var upper: [name.len]u8 = undefined;
        comptime for (name, 0..) |letter, i| {
            upper[i] = std.ascii.toUpper(letter);
        };
        const constant = upper;
        const needle = std.fmt.comptimePrint(
            "SYN_{s}{s} = {d},",
            .{ if (value < 0) "ERROR_" else "", constant, value },
        );
        testing.expect(std.mem.indexOf(u8, header_text, needle) != null) catch |err| {
            std.debug.print("missing in the header: {s}\n", .{needle});
            return err;
        };
    }
}
