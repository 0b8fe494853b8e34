//! Requests from their head to the end of their body: which route, whether it may, what type the body has, and its
//! pictures decoded. Whole requests go to the schedule.
const std = @import("std");
const answers = @import("answer.zig");
const Answer = answers.Answer;
const Client = @import("client.zig").Client;
const Device = @import("device.zig").Device;
const BodyType = @import("../wire/body_type.zig").BodyType;
const Channel = @import("exchange.zig").Channel;
const Exchange = @import("device.zig").Exchange;
const Request = @import("route.zig").Request;
const Route = @import("device.zig").Route;
const http = @import("../wire/http.zig");
const limits = @import("../limits.zig");
const multipart = @import("../wire/multipart.zig");
const origin_check = @import("../board/origin_check.zig");
const ports = @import("../port.zig");
const problems = @import("../wire/problem.zig");
const Problem = problems.Problem;
const Right = @import("../board/access.zig").Right;
const rights = @import("rights.zig");
const room = @import("room.zig");
const cable_client = @import("../board/access.zig").cable_client;
const isStranger = @import("../board/access.zig").isStranger;
const match = @import("match.zig");
const schedule = @import("schedule.zig");

/// Who asks.
const From = struct { request: u32, channel: Channel, right: Right, client: Client };

/// A request begins, whichever way it came. `client` is the address that it came from, as text;
/// empty when nobody knows it.
pub fn begin(
    device: *Device,
    request: u32,
    channel: Channel,
    method: []const u8,
    target_text: []const u8,
    client: []const u8,
    headers: []const ports.Header,
) void {
    var answer: Answer = .{
        .sink = device.sink(channel),
        .metrics = device.metrics,
        .request = request,
        .head_only = std.mem.eql(u8, method, "HEAD"),
    };
    var problem: Problem = .{};
    accept(
        device,
        request,
        channel,
        method,
        target_text,
        client,
        headers,
        &answer,
        &problem,
    ) catch answer.problem(&problem);
}

fn accept(
    device: *Device,
    request: u32,
    channel: Channel,
    method: []const u8,
    target_text: []const u8,
    client: []const u8,
    headers: []const ports.Header,
    answer: *Answer,
    problem: *Problem,
) problems.Error!void {
    if (target_text.len > limits.target_bytes_max) {
        return problem.fail(
            414,
            .TARGET_TOO_LONG,
            "path and query have {d} bytes",
            .{target_text.len},
            .{ .expected = .{ "at most {d} bytes", .{limits.target_bytes_max} } },
        );
    }
    const target: http.Target = .parse(target_text);
    if (device.storage) |storage| answer.origin = storage.access.allowedOrigin(headers);
    if (answer.origin != null and std.mem.eql(u8, method, "OPTIONS")) return preflight(device, target, answer, problem);
    const found = switch (match.find(device.routes, method, target.path)) {
        .found => |found| found,
        .method_not_allowed => |allow| return methodNotAllowed(problem, allow),
        .not_found => return problem.fail(
            404,
            .NOT_FOUND,
            "there is nothing at this path",
            .{},
            .{ .expected = "one of the paths of the device API, such as /v1/device" },
        ),
    };
    const offers: []const []const u8 = switch (found.route.kind) {
        .immediate => |immediate| immediate.offers,
        inline .inference, .task => |kind| kind.offers,
    };
    answer.route = match.indexOf(device.routes, found.route);
    // The broker knows whom it lets publish commands; the owner chose the broker.
    const right: Right = if (device.storage) |storage| switch (channel) {
        .http => if (std.mem.eql(u8, client, cable_client))
            try storage.access.admitCable(found.route.access, headers, device.now(), problem)
        else
            try storage.access.admit(found.route.access, headers, device.now(), problem),
        .mqtt => device.broker.right(&storage.access),
        .own => device.update.right,
    } else .{};
    if (device.storage) |storage| {
        if (!storage.access.holds(right)) return problem.failWith(rights.lost(device, channel));
    }
    // A claim looks itself: somebody who has the code may come by any name.
    const from_web = channel == .http and right.basis != .cable;
    if (from_web and right.basis != .public and right.basis != .owner and found.route.access != .claim) {
        try origin_check.check(&device.storage.?.access, headers, target, problem);
    }
    const accepted = http.header(headers, "accept");
    const offer = http.negotiate(accepted, offers) orelse return notAcceptable(problem, offers);
    answer.format = if (std.mem.eql(u8, offers[offer], answers.media_types[1])) .cbor else .json;
    answer.events = if (std.mem.eql(u8, offers[offer], answers.event_media_type)) .wanted else .none;
    if (target.parameter("latent")) |form| answer.latent_base64 = try isBase64(form, problem);
    const asked: Request = .{ .headers = headers, .target = target, .wildcard = found.wildcard };
    var from: From = .{ .request = request, .channel = channel, .right = right, .client = .{} };
    from.client.append(client);
    switch (found.route.kind) {
        .immediate => |immediate| return immediate.answer(device, asked, answer, problem),
        .inference => return admit(device, from, found.route, asked, answer, problem),
        .task => return admitTask(device, from, found.route, asked, answer, problem),
    }
}

fn methodNotAllowed(problem: *Problem, allow: []const u8) problems.Error {
    const failed = problem.fail(
        405,
        .METHOD_NOT_ALLOWED,
        "the resource has no such method",
        .{},
        .{ .expected = .{ "{s}", .{allow} } },
    );
    problem.allow = allow;
    return failed;
}

fn notAcceptable(problem: *Problem, offers: []const []const u8) problems.Error {
    const failed = problem.fail(
        406,
        .NOT_ACCEPTABLE,
        "none of the accepted media types can be given",
        .{},
        .{ .field = "accept" },
    );
    for (offers, 0..) |media_type, i| problem.expected.print("{s}{s}", .{ if (i == 0) "" else " or ", media_type });
    return failed;
}

fn isBase64(form: []const u8, problem: *Problem) problems.Error!bool {
    if (std.mem.eql(u8, form, "base64")) return true;
    if (std.mem.eql(u8, form, "array")) return false;
    return problem.fail(
        400,
        .QUERY_INVALID,
        "latents cannot be given in this form",
        .{},
        .{ .field = "latent", .expected = "array or base64" },
    );
}

/// A browser asks whether a page of an allowed origin may send its request: Fetch Standard, section 3.2.
fn preflight(device: *const Device, target: http.Target, answer: *Answer, problem: *Problem) problems.Error!void {
    if (match.find(device.routes, "", target.path) == .not_found) {
        return problem.fail(
            404,
            .NOT_FOUND,
            "there is nothing at this path",
            .{},
            .{ .expected = "one of the paths of the device API, such as /v1/device" },
        );
    }
    answer.head(204, "text/plain", &.{
        .{ "access-control-allow-methods", "GET, POST, PUT, DELETE" },
        .{ "access-control-allow-headers", "authorization, content-type, content-range, accept" },
        .{ "access-control-max-age", "600" },
    });
    answer.end();
}

/// Checks what a head can tell about an inference request and gives it an exchange.
fn admit(
    device: *Device,
    from: From,
    route: *const Route,
    asked: Request,
    answer: *const Answer,
    problem: *Problem,
) problems.Error!void {
    const inference = &route.kind.inference;
    const content_type = http.header(asked.headers, "content-type");
    const told = try bodyType(
        inference.accepts,
        if (inference.accepts.len == 0 or inference.assumes != null) null else content_type orelse "",
        asked.headers,
        problem,
    );
    const body_type = inference.assumes orelse told;
    if (try contentLength(asked.headers, problem)) |length| {
        if (length > device.config.body_bytes_max) return problems.bodyTooLarge(device.config.body_bytes_max, problem);
    }
    if (device.requests.exclusive != null) return problem.failWith(rights.switching());
    const model = if (device.active.model) |*model| model else {
        return problem.fail(
            503,
            .NO_MODEL,
            "the board has no model that can run",
            .{},
            .{ .expected = "a valid model in a slot; /v1/models says what is wrong" },
        );
    };
    if (!inference.available(model)) {
        return problem.fail(
            409,
            .MODEL_LACKS_ENTRY,
            "the active model cannot do this",
            .{},
            .{ .expected = "a model with the entry that the route needs; /v1/models lists the routes that work" },
        );
    }
    const boundary = if (body_type == .form) multipart.boundaryOf(content_type.?) orelse {
        return problem.fail(
            400,
            .BODY_MALFORMED,
            "the form's type names no boundary",
            .{},
            .{
                .field = "content-type",
                .expected = .{
                    "multipart/form-data; boundary=.., with a boundary of 1 to {d} characters",
                    .{multipart.boundary_bytes_max},
                },
            },
        );
    } else "";
    const exchange = try take(device, from, route, body_type, answer, problem);
    exchange.boundary.append(boundary);
}

/// Gives a task an exchange, and lets it look at the head.
fn admitTask(
    device: *Device,
    from: From,
    route: *const Route,
    asked: Request,
    answer: *const Answer,
    problem: *Problem,
) problems.Error!void {
    const task = &route.kind.task;
    const content_type = if (task.accepts.len == 0) null else http.header(asked.headers, "content-type");
    const body_type = try bodyType(task.accepts, content_type, asked.headers, problem);
    _ = try contentLength(asked.headers, problem);
    const exchange = try take(device, from, route, body_type, answer, problem);
    task.begin(device, exchange, asked) catch |err| {
        problem.* = exchange.problem;
        schedule.release(device, exchange);
        return err;
    };
}

/// The type of a body, raw when the head does not say; an empty content type is none that anything accepts.
fn bodyType(
    accepts: []const BodyType,
    content_type: ?[]const u8,
    headers: []const ports.Header,
    problem: *Problem,
) problems.Error!BodyType {
    if (http.header(headers, "content-encoding")) |coding| if (!std.ascii.eqlIgnoreCase(coding, "identity")) {
        return problem.fail(
            415,
            .CONTENT_ENCODING,
            "the board takes no encoded bodies",
            .{},
            .{ .field = "content-encoding", .expected = "a body without content-encoding" },
        );
    };
    return acceptedType(accepts, content_type orelse return .raw) orelse {
        const failed = problem.fail(
            415,
            .CONTENT_TYPE,
            "the route does not take this type of body",
            .{},
            .{ .field = "content-type" },
        );
        for (accepts, 0..) |candidate, i| {
            problem.expected.print("{s}{s}", .{ if (i == 0) "" else ", ", candidate.mediaType() });
        }
        return failed;
    };
}

fn contentLength(headers: []const ports.Header, problem: *Problem) problems.Error!?u64 {
    const text = http.header(headers, "content-length") orelse return null;
    return http.decimal(text) orelse {
        return problem.fail(
            400,
            .CONTENT_LENGTH,
            "the length is not a number",
            .{},
            .{ .field = "content-length", .expected = "1 to 15 decimal digits" },
        );
    };
}

fn take(
    device: *Device,
    from: From,
    route: *const Route,
    body_type: BodyType,
    answer: *const Answer,
    problem: *Problem,
) problems.Error!*Exchange {
    const exchange = try if (route.kind == .inference) room.forInference(
        device,
        from.right,
        &from.client,
        problem,
    ) else room.forTask(device, from.right, &from.client, problem);
    device.requests.sequence += 1;
    const time = device.now();
    exchange.* = .{
        .state = .receiving,
        .request = from.request,
        .channel = from.channel,
        .right = from.right,
        .client = from.client,
        .sequence = device.requests.sequence,
        .route = route,
        .body_type = body_type,
        .answer_format = answer.format,
        .latent_base64 = answer.latent_base64,
        .origin = if (answer.origin) |origin| origin.* else .{},
        .events = answer.events,
        .timing = .{ .started_us = time },
        .last_activity_us = time,
        .buffer = exchange.buffer,
        .input = exchange.input,
        .image = exchange.image,
        .latents = exchange.latents,
        .actions = exchange.actions,
    };
    return exchange;
}

pub fn bodyChunk(device: *Device, request: u32, bytes: []const u8) void {
    const exchange = schedule.find(device, request) orelse return;
    if (exchange.state != .receiving) return;
    if (!rights.holds(device, exchange)) return schedule.lose(device, exchange);
    exchange.last_activity_us = device.now();
    if (exchange.ignores_body) return;
    switch (exchange.route.kind) {
        .immediate => unreachable,
        .inference => device.keepBody(exchange, bytes) catch return schedule.fail(device, exchange),
        .task => |*task| task.chunk(device, exchange, bytes) catch return schedule.fail(device, exchange),
    }
    exchange.received += bytes.len;
}

pub fn requestEnd(device: *Device, request: u32) void {
    const exchange = schedule.find(device, request) orelse return;
    if (exchange.state != .receiving) return;
    if (!rights.holds(device, exchange)) return schedule.lose(device, exchange);
    exchange.timing.received_us = device.now();
    switch (exchange.route.kind) {
        .immediate => unreachable,
        .inference => |*inference| {
            inference.parse(device, exchange) catch return schedule.fail(device, exchange);
            boundCost(device, exchange) catch return schedule.fail(device, exchange);
            decodeNext(device, exchange);
        },
        .task => |*task| {
            const work_due = task.received(device, exchange) catch return schedule.fail(device, exchange);
            if (!work_due) return schedule.finishTask(device, exchange);
            if (task.exclusive) stopInference(device, exchange);
            schedule.enqueue(device, exchange);
        },
    }
}

/// How much work others than the owner may ask for.
fn boundCost(device: *const Device, exchange: *Exchange) problems.Error!void {
    const predictions = if (exchange.route.kind.inference.predictions) |count| count(exchange) else return;
    const most = device.openPredictionsMax();
    if (!isStranger(exchange.right) or predictions <= most) return;
    return exchange.problem.fail(
        403,
        .COST_LIMIT,
        "the request asks for {d} predictions",
        .{predictions},
        .{ .expected = .{ "at most {d}, or the owner's token", .{most} } },
    );
}

/// Inference whose body is still arriving ends here, and all that strangers asked for;
/// what else is further comes to its end.
fn stopInference(device: *Device, exclusive: *Exchange) void {
    device.requests.exclusive = exclusive;
    for (device.requests.places) |*exchange| {
        if (exchange.state == .free or exchange.route.kind != .inference) continue;
        if (exchange.state == .receiving or isStranger(exchange.right)) schedule.stop(device, exchange, .model);
    }
}

/// Has the next picture decoded that is not yet; after the last one the request waits for the worker.
fn decodeNext(device: *Device, exchange: *Exchange) void {
    const index = for (&exchange.pictures, 0..) |*picture, i| {
        if (picture.encoded.len > 0) break i;
    } else return schedule.enqueue(device, exchange);
    const picture = &exchange.pictures[index];
    exchange.state = .decoding;
    exchange.decoding = index;
    const encoder = &device.active.model.?.encode.?;
    // The port may answer from inside this call, so nothing may follow it.
    device.port.decode_image(
        device.port.user,
        exchange.request,
        picture.encoded.ptr,
        picture.encoded.len,
        .of(picture.encoded_type.mediaType()),
        encoder.width,
        encoder.height,
    );
}

pub fn imageDecoded(device: *Device, job: u32, rgb: ?[]const u8, message: []const u8) void {
    const exchange = for (device.requests.places) |*candidate| {
        if (candidate.state == .decoding and candidate.request == job) break candidate;
    } else return;
    if (exchange.abandoned) return schedule.release(device, exchange);
    if (exchange.ending != .none) return schedule.end(device, exchange);
    const picture = &exchange.pictures[exchange.decoding];
    const pixels = rgb orelse {
        exchange.problem = Problem.init(
            422,
            .IMAGE_UNREADABLE,
            "{s}",
            .{if (message.len > 0) message else "the picture cannot be decoded"},
            .{
                .field = .{ "{s}", .{picture.field} },
                .expected = .{ "a whole {s} picture", .{picture.encoded_type.mediaType()} },
            },
        );
        return schedule.fail(device, exchange);
    };
    if (pixels.len != exchange.image.len) {
        exchange.problem = Problem.init(
            500,
            .INTERNAL,
            "the decoder gave {d} bytes instead of {d}",
            .{ pixels.len, exchange.image.len },
            .{},
        );
        return schedule.fail(device, exchange);
    }
    // The first picture has memory of its own. A second one is the last thing read from the body, so its pixels take
    // the body's place.
    const place = if (exchange.decoding == 0) exchange.image else exchange.buffer[0..pixels.len];
    @memcpy(place, pixels);
    picture.pixels = place;
    picture.encoded = &.{};
    decodeNext(device, exchange);
}

fn acceptedType(accepts: []const BodyType, content_type: ?[]const u8) ?BodyType {
    const body_type = BodyType.of(http.mediaType(content_type orelse return null)) orelse return null;
    return if (std.mem.indexOfScalar(BodyType, accepts, body_type) == null) null else body_type;
}
