//! A form with one file in it (multipart/form-data: RFC 7578, RFC 2046 section 5.1): what the form of a web page and
//! `curl -F` send. The file is found where it lies in the body; nothing is copied.
const std = @import("std");
const http = @import("http.zig");
const Problem = @import("problem.zig").Problem;
const ProblemError = @import("problem.zig").Error;

pub const boundary_bytes_max = 70;
/// The lines before a file.
const head_bytes_max = 4096;

pub const File = struct {
    bytes: []const u8,
    /// As the form says it, without parameters; empty when it does not.
    media_type: []const u8,
};

/// The boundary that a content type names; null when it names none that could be one.
pub fn boundaryOf(content_type: []const u8) ?[]const u8 {
    const boundary = parameter(content_type, "boundary") orelse return null;
    if (boundary.len == 0 or boundary.len > boundary_bytes_max or boundary[boundary.len - 1] == ' ') return null;
    for (boundary) |byte| if (!std.ascii.isPrint(byte)) return null;
    return boundary;
}

/// The file of a form that has exactly one, and nothing else.
pub fn file(body: []const u8, boundary: []const u8, problem: *Problem) ProblemError!File {
    std.debug.assert(boundary.len > 0 and boundary.len <= boundary_bytes_max);
    var reader: Reader = .{ .body = body, .problem = problem };
    reader.delimiter[0..4].* = "\r\n--".*;
    @memcpy(reader.delimiter[4..][0..boundary.len], boundary);
    reader.delimiter_len = 4 + boundary.len;
    if (!try reader.begin()) return reader.invalid("the form has no file");
    const found = try reader.part();
    if (try reader.more()) return reader.invalid("the form has more than one part");
    if (!found.is_file) return reader.invalid("the form has a field that is no file");
    if (found.file.bytes.len == 0) return reader.invalid("the form's file is empty");
    return found.file;
}

const Part = struct { file: File, is_file: bool };

const Reader = struct {
    body: []const u8,
    problem: *Problem,
    /// A line's end, two dashes, the boundary.
    delimiter: [4 + boundary_bytes_max]u8 = undefined,
    delimiter_len: usize = 0,
    at: usize = 0,

    fn invalid(self: *Reader, comptime detail: []const u8) ProblemError {
        return self.problem.fail(
            422,
            .BODY_INVALID,
            detail,
            .{},
            .{ .field = "form", .expected = "exactly one file, and no other field" },
        );
    }

    fn malformed(self: *Reader, comptime detail: []const u8) ProblemError {
        return self.problem.fail(
            400,
            .BODY_MALFORMED,
            detail ++ " (byte {d})",
            .{self.at},
            .{
                .field = "form",
                .expected = "multipart/form-data as RFC 7578 describes it, with the boundary that content-type names",
            },
        );
    }

    /// Passes the first boundary; the line's end before it is missing where the body begins with it.
    fn begin(self: *Reader) ProblemError!bool {
        const delimiter = self.delimiter[0..self.delimiter_len];
        if (std.mem.startsWith(u8, self.body, delimiter[2..])) {
            self.at = delimiter.len - 2;
        } else {
            const start = std.mem.indexOf(u8, self.body, delimiter) orelse return self.malformed(
                "the boundary is not in the body",
            );
            self.at = start + delimiter.len;
        }
        return self.more();
    }

    /// Behind a boundary: whether a part follows; then the rest of the boundary's line is passed.
    fn more(self: *Reader) ProblemError!bool {
        const rest = self.body[self.at..];
        if (std.mem.startsWith(u8, rest, "--")) return false;
        const line_end = std.mem.indexOfNone(u8, rest, " \t") orelse return self.malformed(
            "the form ends before its last boundary",
        );
        if (!std.mem.startsWith(u8, rest[line_end..], "\r\n")) return self.malformed(
            "a boundary's line goes on with something else",
        );
        self.at += line_end + 2;
        return true;
    }

    /// One part, and the boundary behind it.
    fn part(self: *Reader) ProblemError!Part {
        const head = try self.partHead();
        const delimiter = self.delimiter[0..self.delimiter_len];
        // The end of the line before an empty file's boundary is that of its head.
        const end = std.mem.indexOfPos(u8, self.body, self.at - 2, delimiter) orelse return self.malformed(
            "the form ends before its last boundary",
        );
        const bytes = self.body[@min(self.at, end)..end];
        self.at = end + delimiter.len;
        const media_type = http.mediaType(field(head, "content-type") orelse "");
        const disposition = field(head, "content-disposition") orelse return self.malformed(
            "a part has no content-disposition",
        );
        if (!std.ascii.eqlIgnoreCase(
            http.mediaType(disposition),
            "form-data",
        )) return self.malformed("a part is no form-data");
        if (field(head, "content-transfer-encoding")) |coding| {
            for ([_][]const u8{ "binary", "8bit", "7bit" }) |plain| {
                if (std.ascii.eqlIgnoreCase(coding, plain)) break;
            } else return self.invalid("the form's file is encoded for transfer");
        }
        const named = parameter(disposition, "filename") != null or parameter(disposition, "filename*") != null;
        return .{ .file = .{ .bytes = bytes, .media_type = media_type }, .is_file = named };
    }

    /// The lines before a part's content, which are followed by an empty one.
    fn partHead(self: *Reader) ProblemError![]const u8 {
        const start = self.at;
        const room = self.body[start..@min(self.body.len, start + head_bytes_max)];
        if (std.mem.startsWith(u8, room, "\r\n")) {
            self.at += 2;
            return "";
        }
        const end = std.mem.indexOf(u8, room, "\r\n\r\n") orelse return self.malformed("a part's head has no end");
        self.at += end + 4;
        return room[0..end];
    }
};

/// A line's value in a part's head.
fn field(head: []const u8, comptime lower_name: []const u8) ?[]const u8 {
    var lines = std.mem.splitSequence(u8, head, "\r\n");
    while (lines.next()) |line| {
        const colon = std.mem.indexOfScalar(u8, line, ':') orelse continue;
        if (std.ascii.eqlIgnoreCase(line[0..colon], lower_name)) return std.mem.trim(u8, line[colon + 1 ..], " \t");
    }
    return null;
}

/// A parameter of a header's value, maybe in quotes. Names of files may hold anything but a quote: those who send them
/// write it as %22, or behind a backslash, and what follows it then is no parameter that anybody asks for.
fn parameter(value: []const u8, comptime lower_name: []const u8) ?[]const u8 {
    var rest = value[std.mem.indexOfScalar(u8, value, ';') orelse return null ..];
    while (rest.len > 0) {
        rest = std.mem.trimStart(u8, rest[1..], " \t");
        const name_end = std.mem.indexOfAny(u8, rest, "=;") orelse return null;
        const name = rest[0..name_end];
        rest = rest[name_end..];
        if (rest[0] == ';') continue;
        const quoted = rest.len > 1 and rest[1] == '"';
        const start: usize = if (quoted) 2 else 1;
        const end = std.mem.indexOfScalarPos(u8, rest, start, if (quoted) '"' else ';') orelse
            if (quoted) return null else rest.len;
        const text = rest[start..end];
        if (std.ascii.eqlIgnoreCase(name, lower_name)) return if (quoted) text else std.mem.trim(u8, text, " \t");
        rest = rest[std.mem.indexOfScalarPos(u8, rest, end, ';') orelse return null ..];
    }
    return null;
}
