//! One inference request from its head to its answer: its body, what was parsed from it, and its results, in memory taken at start.
const std = @import("std");
const Client = @import("client.zig").Client;
const limits = @import("../limits.zig");
const memory = @import("../board/memory.zig");
const Model = @import("../model/model.zig").Model;
const Predict = @import("../model/model.zig").Predict;
const multipart = @import("../wire/multipart.zig");
const Bounded = @import("../wire/problem.zig").Bounded;
const Problem = @import("../wire/problem.zig").Problem;
const Route = @import("../routes.zig").Route;
const Plan = @import("../routes/plan.zig").Plan;
const Observation = @import("../routes/observe.zig").Observation;
const Origin = @import("../board/access.zig").Origin;
const Right = @import("../board/access.zig").Right;
const Events = @import("answer.zig").Events;
const Format = @import("../wire/tokens.zig").Format;

pub const BodyType = enum {
    json,
    cbor,
    raw,
    jpeg,
    png,
    /// A form with a picture in it.
    form,

    pub fn of(media_type: []const u8) ?BodyType {
        // Not registered, and what some programs say all the same.
        if (std.ascii.eqlIgnoreCase(media_type, "image/jpg")) return .jpeg;
        for (std.enums.values(BodyType)) |candidate| {
            if (std.ascii.eqlIgnoreCase(media_type, candidate.mediaType())) return candidate;
        }
        return null;
    }

    pub fn mediaType(body_type: BodyType) []const u8 {
        return switch (body_type) {
            .json => "application/json",
            .cbor => "application/cbor",
            .raw => "application/octet-stream",
            .jpeg => "image/jpeg",
            .png => "image/png",
            .form => "multipart/form-data",
        };
    }

    /// The first bytes of an encoded picture.
    pub fn magic(body_type: BodyType) []const u8 {
        return switch (body_type) {
            .jpeg => "\xff\xd8\xff",
            .png => "\x89PNG\r\n\x1a\n",
            .json, .cbor, .raw, .form => unreachable,
        };
    }

    /// Whether a body or a part of one that is of this type can be pixels.
    pub fn isPicture(body_type: BodyType) bool {
        return switch (body_type) {
            .jpeg, .png, .raw => true,
            .json, .cbor, .form => false,
        };
    }
};

/// free -> receiving -> (decoding ->) queued -> running -> free. A task may also be done when its body is. Decoding and running cannot be taken back from whoever does them: when the
/// client leaves, the exchange is marked abandoned and freed when they are done.
pub const State = enum { free, receiving, decoding, queued, running };

/// How a request came, and its answer goes. The board asks itself when it feeds its routes what it has fetched.
pub const Channel = enum { http, mqtt, own };

/// Why a request ends before its time: its right does not hold any more, the owner stopped it, the model changes, or another takes its place.
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

pub const Exchange = struct {
    state: State = .free,
    abandoned: bool = false,
    /// Set on the event side and read by the worker, which then stops after the run it is in.
    cancelled: std.atomic.Value(bool) = .init(false),
    /// As `cancelled`: another is to go first, as soon as a model run has ended.
    wanted: std.atomic.Value(bool) = .init(false),
    request: u32 = 0,
    sequence: u64 = 0,
    route: *const Route = undefined,
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
    /// Rows of history given; steps to do and done.
    history: usize = 0,
    steps: usize = 0,
    steps_done: usize = 0,
    start_done: bool = false,
    /// A bit for each test vector that passed.
    passed: u32 = 0,
    observation: Observation = .{},
    plan: Plan = .{},
    /// Of a task: the slot it changes, and how long its body is going to be.
    slot: u1 = 0,
    expected_bytes: u64 = 0,
    /// Sent by a web page whose address is not one of a local network.
    foreign_page: bool = false,
    /// What comes as a body is none: it only said which form the answer has.
    ignores_body: bool = false,
    /// Set by a step that wants the event side to look at it before the next one.
    turn_over: bool = false,
    /// Set by a step that found, with the device's state at its turn, that the request cannot be served; `problem` says why.
    refused: bool = false,

    pub fn body(exchange: *Exchange) []u8 {
        return exchange.buffer[0..exchange.received];
    }

    /// Row i of the results, over the body's memory.
    pub fn result(exchange: *Exchange, index: usize, row_elements: usize) []f32 {
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

    /// Bytes of results that every request has room for in its body's memory: a latent, and the one that is predicted to follow it. Routes that keep
    /// more look themselves.
    pub fn resultBytes(model: *const Model) u64 {
        const encoded: u64 = if (model.encode) |encoder| encoder.latent_elements else 0;
        const predicted: u64 = if (model.predict) |predictor| 2 * @as(u64, predictor.latent_elements) else 0;
        return @max(encoded, predicted) * 4;
    }

    /// Divides the scratch for a model; `input` has inputBytes(model) bytes.
    pub fn divide(exchange: *Exchange, input: []align(memory.alignment) u8, model: *const Model) void {
        exchange.input = input;
        exchange.image = &.{};
        exchange.latents = &.{};
        exchange.actions = &.{};
        var block: memory.Block = .init(input);
        if (model.encode) |encoder| exchange.image = block.take(encoder.image_bytes) catch unreachable;
        if (model.predict) |predictor| {
            exchange.latents = block.takeItems(f32, latentRows(&predictor) * predictor.latent_elements) catch unreachable;
            const rows: usize = @max(limits.rollout_steps_max, predictor.history_max);
            exchange.actions = block.takeItems(f32, rows * predictor.action_elements) catch unreachable;
        }
    }
};
