//! One inference request from its head to its answer: its body, what was parsed from it, and its results, in memory
//! taken at start. What only one route needs is its own `State`, in memory of which the exchange knows the size alone.
const std = @import("std");
const Client = @import("client.zig").Client;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const Model = @import("../model/model.zig").Model;
const Predict = @import("../model/model.zig").Predict;
const route_module = @import("route.zig");
const BodyType = @import("../wire/body_type.zig").BodyType;
const multipart = @import("../wire/multipart.zig");
const Bounded = @import("../wire/problem.zig").Bounded;
const Problem = @import("../wire/problem.zig").Problem;
const Origin = @import("../board/access.zig").Origin;
const Right = @import("../board/access.zig").Right;
const Events = @import("answer.zig").Events;
const Format = @import("../wire/tokens.zig").Format;

/// free -> receiving -> (decoding ->) queued -> running -> free. A task may also be done when its body is. Decoding and
/// running cannot be taken back from whoever does them: when the client leaves, the exchange is marked abandoned and
/// freed when they are done.
pub const State = enum { free, receiving, decoding, queued, running };

/// How a request came, and its answer goes. The board asks itself when it feeds its routes what it has fetched.
pub const Channel = enum { http, mqtt, own };

/// Why a request ends before its time: its right does not hold any more, the owner stopped it, the model changes, or
/// another takes its place.
pub const Ending = enum { none, right, owner, model, room };

pub const Picture = struct {
    given: bool = false,
    /// Where the client put it.
    field: []const u8 = "",
    /// As it came, until it is decoded.
    encoded: []const u8 = &.{},
    encoded_type: BodyType = .jpeg,
    /// [height][width][3]
    pixels: []const u8 = &.{},
};

pub const Timing = struct {
    started_us: u64 = 0,
    received_us: u64 = 0,
    queued_us: u64 = 0,
    running_us: u64 = 0,
    /// Inference alone, on the worker.
    inference_us: u64 = 0,
};

/// Room for the largest of the routes' states, a plan's, which has a dozen words whose size is the processor's.
const state_bytes = 248 + 12 * @sizeOf(usize);
const state_alignment = 8;

pub fn Of(comptime Device: type) type {
    return struct {
        const Self = @This();

        state: State = .free,
        abandoned: bool = false,
        /// Set on the event side and read by the worker, which then stops after the run it is in.
        cancelled: std.atomic.Value(bool) = .init(false),
        /// As `cancelled`: another is to go first, as soon as a model run has ended.
        wanted: std.atomic.Value(bool) = .init(false),
        request: u32 = 0,
        sequence: u64 = 0,
        route: *const route_module.Of(Device, Self) = undefined,
        body_type: BodyType = .json,
        /// Of a form.
        boundary: Bounded(multipart.boundary_bytes_max) = .{},
        answer_format: Format = .json,
        latent_base64: bool = false,
        /// Of the web page that asks, when the owner allows it; else empty.
        origin: Origin = .{},
        right: Right = .{},
        client: Client = .{},
        /// Why it ends as soon as the decoder or the worker has given it back.
        ending: Ending = .none,
        /// Its right is gone, and the worker undoes what it had begun.
        undoing: bool = false,
        events: Events = .none,
        channel: Channel = .http,
        timing: Timing = .{},
        last_activity_us: u64 = 0,
        problem: Problem = .{},

        /// body_bytes_max, aligned to 64. After parsing it holds the results.
        buffer: []align(memory.alignment) u8 = &.{},
        received: usize = 0,

        /// Scratch of the model's size: an image, then latents, then actions.
        input: []align(memory.alignment) u8 = &.{},
        image: []u8 = &.{},
        latents: []f32 = &.{},
        actions: []f32 = &.{},

        /// Pictures that the client sent. The first one's pixels lie in `image`; a second one's in the body's memory.
        pictures: [2]Picture = @splat(.{}),
        /// The one that the port is decoding.
        decoding: usize = 0,
        /// The route's own, of the type whose name `own_type` is.
        own_bytes: [state_bytes]u8 align(state_alignment) = undefined,
        own_type: ?[*]const u8 = null,
        /// What comes as a body is none: it only said which form the answer has.
        ignores_body: bool = false,
        /// Set by a step that wants the event side to look at it before the next one.
        turn_over: bool = false,
        /// Set by a step that found, with the device's state at its turn, that the request cannot be served;
        /// `problem` says why.
        refused: bool = false,

        /// What the route keeps of the request, as it is when nothing is known yet.
        pub fn begin(exchange: *Self, comptime T: type) *T {
            comptime std.debug.assert(@sizeOf(T) <= state_bytes and @alignOf(T) <= state_alignment);
            exchange.own_type = @typeName(T).ptr;
            const state: *T = @ptrCast(&exchange.own_bytes);
            state.* = .{};
            return state;
        }

        /// What `begin` has begun.
        pub fn own(exchange: *Self, comptime T: type) *T {
            std.debug.assert(exchange.own_type == @typeName(T).ptr);
            return @ptrCast(&exchange.own_bytes);
        }

        /// As `own`, to look at.
        pub fn view(exchange: *const Self, comptime T: type) *const T {
            std.debug.assert(exchange.own_type == @typeName(T).ptr);
            return @ptrCast(&exchange.own_bytes);
        }

        /// Of a request without a body: something in the memory for one.
        pub fn inBody(exchange: *Self, comptime T: type) *T {
            std.debug.assert(exchange.received == 0 and @sizeOf(T) <= exchange.buffer.len);
            comptime std.debug.assert(@alignOf(T) <= memory.alignment);
            return @ptrCast(exchange.buffer.ptr);
        }

        pub fn body(exchange: *Self) []u8 {
            return exchange.buffer[0..exchange.received];
        }

        /// Row i of the results, over the body's memory.
        pub fn result(exchange: *Self, index: usize, row_elements: usize) []f32 {
            const all: [*]f32 = @ptrCast(exchange.buffer.ptr);
            return all[index * row_elements ..][0..row_elements];
        }

        /// Latents that a request may bring: a history, or a start and a goal.
        fn latentRows(predictor: *const Predict) u32 {
            return @max(predictor.history_max, 2);
        }

        /// Bytes of scratch that an exchange needs for a model, at most.
        pub fn inputBytes(model: *const Model) u64 {
            var bytes: u64 = 0;
            if (model.encode) |encoder| bytes += memory.round(encoder.image_bytes);
            if (model.predict) |predictor| {
                bytes += memory.round(@as(u64, latentRows(&predictor)) * predictor.latent_elements * 4);
                const rows: u64 = @max(limits.rollout_steps_max, predictor.history_max);
                bytes += memory.round(rows * predictor.action_elements * 4);
            }
            return bytes;
        }

        /// Bytes of results that every request has room for in its body's memory: a latent, and the one that is
        /// predicted to follow it. Routes that keep more look themselves.
        pub fn resultBytes(model: *const Model) u64 {
            const encoded: u64 = if (model.encode) |encoder| encoder.latent_elements else 0;
            const predicted: u64 = if (model.predict) |predictor| 2 * @as(u64, predictor.latent_elements) else 0;
            return @max(encoded, predicted) * 4;
        }

        /// Divides the scratch for a model; `input` has inputBytes(model) bytes.
        pub fn divide(exchange: *Self, input: []align(memory.alignment) u8, model: *const Model) void {
            exchange.input = input;
            exchange.image = &.{};
            exchange.latents = &.{};
            exchange.actions = &.{};
            var block: memory.Block = .init(input);
            if (model.encode) |encoder| exchange.image = block.take(encoder.image_bytes) catch unreachable;
            if (model.predict) |predictor| {
                exchange.latents = block.takeItems(
                    f32,
                    latentRows(&predictor) * predictor.latent_elements,
                ) catch unreachable;
                const rows: usize = @max(limits.rollout_steps_max, predictor.history_max);
                exchange.actions = block.takeItems(f32, rows * predictor.action_elements) catch unreachable;
            }
        }
    };
}
