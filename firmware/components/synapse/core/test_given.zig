//! What a board under test gave out: answers to requests, and messages to its broker.
const std = @import("std");

pub const Reply = struct {
    status: u32 = 0,
    headers: [1024]u8 = undefined,
    headers_len: usize = 0,
    body: std.ArrayList(u8) = .empty,
    ended: u32 = 0,
    heads: u32 = 0,

    pub fn hasHeader(reply: *const Reply, line: []const u8) bool {
        return std.mem.indexOf(u8, reply.headers[0..reply.headers_len], line) != null;
    }
};

/// A message that the board gave to the broker.
pub const Published = struct {
    topic: []u8,
    payload: []u8,
    content_type: []u8,
    correlation: []u8,
    /// "name: value" lines.
    properties: []u8,
    qos: u32,
    retain: bool,

    pub fn free(message: *const Published, allocator: std.mem.Allocator) void {
        for ([_][]u8{
            message.topic,
            message.payload,
            message.content_type,
            message.correlation,
            message.properties,
        }) |text| allocator.free(text);
    }
};
