//! Holds openapi.json against the route table, both ways: paths, methods, media types, statuses.
const std = @import("std");
const Code = @import("../wire/code.zig").Code;
const http = @import("../wire/http.zig");
const Method = @import("../request/route.zig").Method;
const match = @import("../request/match.zig");
const routes = @import("../routes.zig");
const document = @import("openapi.zig").document;
const expect = std.testing.expect;

const Value = std.json.Value;

pub const Document = struct {
    parsed: std.json.Parsed(Value),

    pub fn open() !Document {
        return .{ .parsed = try std.json.parseFromSlice(Value, std.testing.allocator, document.plain.?, .{}) };
    }

    pub fn close(self: Document) void {
        self.parsed.deinit();
    }

    /// The operation of a route, whose `*` is any `{name}` of the document.
    pub fn operation(self: Document, method: Method, path: []const u8) ?Value {
        const paths = self.parsed.value.object.get("paths").?.object;
        for (paths.keys(), paths.values()) |key, item| {
            var buffer: [128]u8 = undefined;
            if (!std.mem.eql(u8, patternOf(key, &buffer), path)) continue;
            for (item.object.keys(), item.object.values()) |name, found| {
                if (std.ascii.eqlIgnoreCase(name, @tagName(method))) return found;
            }
        }
        return null;
    }

    pub fn documents(found: Value, status: u32) bool {
        var buffer: [8]u8 = undefined;
        return found.object.get("responses").?.object.contains(
            std.fmt.bufPrint(&buffer, "{d}", .{status}) catch unreachable,
        );
    }
};

fn patternOf(path: []const u8, buffer: []u8) []const u8 {
    const open = std.mem.indexOfScalar(u8, path, '{') orelse return path;
    const close = std.mem.indexOfScalar(u8, path, '}').?;
    return std.fmt.bufPrint(buffer, "{s}*{s}", .{ path[0..open], path[close + 1 ..] }) catch unreachable;
}

/// The keys of a `content` map are exactly these media types, parameters aside.
fn sameTypes(content: Value, types: []const []const u8) !void {
    try std.testing.expectEqual(types.len, content.object.count());
    for (types) |media_type| try expect(content.object.contains(http.mediaType(media_type)));
}

test "every route is documented, with its media types and statuses" {
    const api: Document = try .open();
    defer api.close();
    for (&routes.table) |*route| {
        errdefer std.debug.print("{t} {s}\n", .{ route.method, route.path });
        const operation = api.operation(route.method, route.path) orelse return error.Undocumented;
        const responses = operation.object.get("responses").?;
        const success: []const u16 = if (route.kind == .task) route.kind.task.success else &.{200};
        var answered: Value = undefined;
        for (success) |status| {
            var digits: [8]u8 = undefined;
            const key = std.fmt.bufPrint(&digits, "{d}", .{status}) catch unreachable;
            const response = responses.object.get(key) orelse return error.Undocumented;
            answered = response.object.get("content").?;
        }
        if (route.access != .public) {
            for ([_]u32{ 401, 403, 429 }) |status| try expect(Document.documents(operation, status));
        }
        switch (route.kind) {
            .task => |task| {
                try sameTypes(answered, task.offers);
                for ([_]u32{
                    400,
                    406,
                    408,
                    409,
                    414,
                    415,
                    422,
                    500,
                    503,
                }) |status| try expect(Document.documents(operation, status));
                try std.testing.expectEqual(task.accepts.len > 0, operation.object.get("requestBody") != null);
            },
            .immediate => |immediate| {
                try sameTypes(answered, immediate.offers);
                for ([_]u32{ 400, 406, 414 }) |status| try expect(Document.documents(operation, status));
            },
            .inference => |inference| {
                try sameTypes(answered, inference.offers);
                for ([_]u32{
                    400,
                    406,
                    408,
                    409,
                    413,
                    414,
                    415,
                    422,
                    500,
                    503,
                }) |status| try expect(Document.documents(operation, status));
                const body = operation.object.get("requestBody");
                try std.testing.expectEqual(inference.accepts.len > 0, body != null);
                if (body == null) continue;
                const content = body.?.object.get("content").?;
                try std.testing.expectEqual(inference.accepts.len, content.object.count());
                for (inference.accepts) |accepted| try expect(content.object.contains(accepted.mediaType()));
            },
        }
    }
}

test "everything documented is a route" {
    const api: Document = try .open();
    defer api.close();
    var count: usize = 0;
    const paths = api.parsed.value.object.get("paths").?.object;
    for (paths.keys(), paths.values()) |path, item| {
        for (item.object.keys()) |method| {
            errdefer std.debug.print("{s} {s}\n", .{ method, path });
            var buffer: [128]u8 = undefined;
            var upper: [8]u8 = undefined;
            try expect(match.find(
                &routes.table,
                std.ascii.upperString(&upper, method),
                patternOf(path, &buffer),
            ) == .found);
            count += 1;
        }
    }
    try std.testing.expectEqual(routes.table.len, count);
}

test "every code is documented" {
    const api: Document = try .open();
    defer api.close();
    const schemas = api.parsed.value.object.get("components").?.object.get("schemas").?.object;
    const listed = schemas.get("Code").?.object.get("enum").?.array.items;
    for (std.enums.values(Code)) |code| {
        errdefer std.debug.print("{t}\n", .{code});
        try expect(for (listed) |name| {
            if (std.mem.eql(u8, name.string, @tagName(code))) break true;
        } else false);
    }
}
