//! The device: its memory, its requests in progress, and the order in which they get the one worker.
const std = @import("std");
const answers = @import("answer.zig");
const Answer = answers.Answer;
const exchanges = @import("exchange.zig");
const Exchange = exchanges.Exchange;
const http = @import("http.zig");
const limits = @import("limits.zig");
const LogRing = @import("log_ring.zig").LogRing;
const mqtt_module = @import("mqtt/mqtt.zig");
const Mqtt = mqtt_module.Mqtt;
const Metrics = @import("metrics.zig").Metrics;
const memory = @import("memory.zig");
const Model = @import("model.zig").Model;
const ports = @import("port.zig");
const problems = @import("problem.zig");
const Problem = problems.Problem;
const Sink = @import("sink.zig").Sink;
const Streams = @import("streams.zig").Streams;
const Storage = @import("storage.zig").Storage;
const SlotIndex = @import("storage.zig").SlotIndex;
const Reason = @import("flash/slots.zig").Reason;
const Activation = @import("routes/activate.zig").Activation;
const routes = @import("routes.zig");

pub const version = "0.1.0";

pub const Requirements = struct { fast_bytes: u64, slow_bytes: u64 };

/// A model that is open in the device's memory and not yet shown to requests.
pub const Opened = struct { model: Model, fast_used: u64, slow_used: u64 };

pub const Device = struct {
    port: ports.Port,
    config: ports.Config,
    fast: memory.Block,
    slow: memory.Block,
    /// Where the blocks stood before the model took its part.
    fast_mark: u64,
    slow_mark: u64,
    exchanges: []Exchange,
    running: ?*Exchange = null,
    /// The worker's verdict on the running exchange, read on the event side after work_done.
    finished: bool = false,
    sequence: u64 = 0,
    started_us: u64,
    /// Moving average of inference times, for Retry-After.
    inference_us_mean: u64 = 0,
    model: ?Model = null,
    /// What clients call the model's place.
    slot: problems.Bounded(limits.slot_name_bytes_max) = .{},
    storage: ?*Storage = null,
    mqtt: *Mqtt = undefined,
    /// Holds an exclusive task from the end of its body until it is done.
    exclusive: ?*Exchange = null,
    activation: Activation = .{},
    healthy: bool = false,
    /// Where lists of settings are put together.
    settings_lists: @import("routes/settings.zig").Lists = undefined,
    streams: Streams = .{},
    load_error: ports.ErrorInfo = .{},
    metrics: *Metrics,
    log_ring: *LogRing,

    pub fn requirements(config: *const ports.Config) Requirements {
        const count: u64 = config.exchange_count;
        return .{
            .fast_bytes = memory.round(@sizeOf(Device)) + memory.round(@sizeOf(Exchange) * count),
            .slow_bytes = memory.round(config.body_bytes_max) * count + memory.round(@sizeOf(Metrics)) + memory.round(@sizeOf(LogRing)) + memory.round(@sizeOf(Storage)) + memory.round(@sizeOf(Mqtt)) + memory.round(mqtt_module.buffer_bytes),
        };
    }

    /// The configuration has been checked (abi.zig), and both blocks hold at least what `requirements` says.
    pub fn init(config: *const ports.Config) *Device {
        var fast: memory.Block = .init(config.fast.?[0..config.fast_bytes]);
        var slow: memory.Block = .init(config.slow.?[0..config.slow_bytes]);
        const device = &(fast.takeItems(Device, 1) catch unreachable)[0];
        const slots = fast.takeItems(Exchange, config.exchange_count) catch unreachable;
        for (slots) |*exchange| exchange.* = .{ .buffer = slow.take(config.body_bytes_max) catch unreachable };
        const metrics = &(slow.takeItems(Metrics, 1) catch unreachable)[0];
        metrics.* = .{};
        const log_ring = &(slow.takeItems(LogRing, 1) catch unreachable)[0];
        log_ring.* = .{};
        const port = config.port.?.*;
        device.* = .{
            .port = port,
            .config = config.*,
            .fast = fast,
            .slow = slow,
            .fast_mark = fast.used,
            .slow_mark = slow.used,
            .exchanges = slots,
            .metrics = metrics,
            .log_ring = log_ring,
            .started_us = port.ticks_us(port.user),
        };
        device.mqtt = &(device.slow.takeItems(Mqtt, 1) catch unreachable)[0];
        device.mqtt.init(device, device.slow.take(mqtt_module.buffer_bytes) catch unreachable);
        device.slow_mark = device.slow.used;
        if (config.slot_bytes[0] > 0) {
            const storage = &(device.slow.takeItems(Storage, 1) catch unreachable)[0];
            storage.open(&device.config, &device.port, metrics);
            device.slow_mark = device.slow.used;
            device.storage = storage;
            if (!storage.access.claimed()) device.greetOwner();
            if (storage.slots.degraded) device.log(.err, "the flash did not take the record of this boot; updates will fail");
        }
        device.log(.info, "device core " ++ version ++ " started");
        return device;
    }

    /// An unclaimed board that somebody has just plugged in can be claimed. The code goes to the serial console and nowhere else.
    fn greetOwner(device: *Device) void {
        if (std.mem.eql(u8, device.resetReason(), "power-on")) device.openClaim(limits.claim_window_us);
        var buffer: [64]u8 = undefined;
        const code = &device.storage.?.access.code;
        const text = std.fmt.bufPrint(&buffer, "unclaimed; claim code {s} {s}", .{ code[0..4], code[4..] }) catch unreachable;
        device.port.log(device.port.user, @backingInt(ports.LogLevel.info), text.ptr, text.len);
    }

    pub fn openClaim(device: *Device, for_us: u64) void {
        const storage = device.storage orelse return;
        storage.access.window_until_us = device.now() + for_us;
    }

    /// For people: the owner's name for the board, or the one it came with.
    pub fn name(device: *const Device) []const u8 {
        if (device.storage) |storage| if (storage.settings.get("name")) |text| return text;
        return device.config.device_name.slice();
    }

    /// A setting that is a number; null when the owner did not set it.
    pub fn number(device: *const Device, key: []const u8) ?u64 {
        const storage = device.storage orelse return null;
        return std.fmt.parseInt(u64, storage.settings.get(key) orelse return null, 10) catch null;
    }

    /// What the owner sets has changed: the port may have to connect elsewhere.
    pub fn settingsChanged(device: *Device) void {
        device.mqtt.telemetry_due_us = 0;
        device.mqtt.follow(device);
        if (device.port.settings_changed) |call| call(device.port.user);
    }

    /// Why the board last started.
    pub fn resetReason(device: *const Device) []const u8 {
        return if (device.config.reset_reason.bytes == 0) "unknown" else device.config.reset_reason.slice();
    }

    pub fn now(device: *const Device) u64 {
        return device.port.ticks_us(device.port.user);
    }

    /// To the port, and to the ring that GET /v1/log shows.
    pub fn log(device: *const Device, level: ports.LogLevel, text: []const u8) void {
        device.log_ring.append(device.now(), level, text);
        device.port.log(device.port.user, @backingInt(level), text.ptr, text.len);
    }

    /// Requests that hold an exchange.
    pub fn inProgress(device: *const Device) u32 {
        var count: u32 = 0;
        for (device.exchanges) |*exchange| count += @intFromBool(exchange.state != .free);
        return count;
    }

    /// Most steps of a rollout: the trajectory is kept where the body was.
    pub fn stepsMax(device: *const Device) usize {
        const model = device.model orelse return 0;
        const predictor = model.predict orelse return 0;
        const rows = device.config.body_bytes_max / (predictor.latent_elements * 4);
        return @min(limits.rollout_steps_max, rows -| 1);
    }

    /// A model from memory, for a device without flash.
    pub fn loadModel(device: *Device, slot: []const u8, file: []align(64) const u8) ports.Result {
        if (device.storage != null) return device.refuseLoad(.argument, "the board has flash; its models come from there");
        if (device.inProgress() > 0) return device.refuseLoad(.busy, "requests are in progress; a model can only be loaded when there are none");
        device.unload();
        device.slot = .{};
        device.slot.append(slot);
        const opened = device.open(file, &device.load_error) catch return device.loadFailed();
        device.publish(&opened);
        return .ok;
    }

    /// Runs the model that the flash names. The result is why the last one tried cannot be run.
    pub fn boot(device: *Device) ports.Result {
        const storage = device.storage orelse return device.refuseLoad(.argument, "the board has no flash to boot from");
        if (storage.slots.safe_mode) {
            device.log(.warn, "safe mode: too many boots ended early, so no model runs until one is activated");
            return device.refuseLoad(.model, "safe mode: too many boots ended early");
        }
        _ = device.refuseLoad(.model, "no slot holds a model");
        while (storage.slots.current()) |slot| {
            const opened = device.openSlot(slot) catch {
                _ = device.loadFailed();
                device.giveUp(slot, .refused);
                continue;
            };
            device.publish(&opened);
            device.slot = .{};
            device.slot.append(storage.name(slot));
            return .ok;
        }
        return @fromBackingInt(@intCast(device.load_error.code));
    }

    fn refuseLoad(device: *Device, result: ports.Result, text: []const u8) ports.Result {
        device.load_error = .{ .code = @backingInt(result) };
        @memcpy(device.load_error.message[0..text.len], text);
        return result;
    }

    /// The model of a slot that is ready; load_error says why it cannot be opened. On the worker too, while the device has no model.
    pub fn openSlot(device: *Device, slot: SlotIndex) error{Refused}!Opened {
        const storage = device.storage.?;
        const file = storage.file(slot) orelse {
            _ = device.refuseLoad(.model, "the slot's flash cannot be mapped into memory");
            return error.Refused;
        };
        return device.open(file, &device.load_error);
    }

    /// Opens a model in what the core left of the board's memory, and changes nothing else of the device.
    fn open(device: *const Device, file: []align(64) const u8, err: *ports.ErrorInfo) error{Refused}!Opened {
        err.* = .{};
        var fast = device.fast;
        var slow = device.slow;
        fast.used = device.fast_mark;
        slow.used = device.slow_mark;
        var model: Model = try .load(file, &device.config, &device.port, &fast, &slow, err);
        const wanted = device.requestBytes(&model);
        if (wanted > slow.free()) {
            const needed = slow.used + wanted;
            err.* = .{
                .code = @backingInt(ports.Result.model_memory),
                .region = @backingInt(ports.Region.slow),
                .bytes_needed = needed,
                .bytes_missing = needed - slow.bytes.len,
            };
            _ = std.fmt.bufPrint(err.message[0 .. ports.error_message_bytes_max - 1], "the model's requests do not fit the board's slow memory (PSRAM): {d} bytes are needed and {d} exist; {d} bytes are missing", .{ needed, slow.bytes.len, needed - slow.bytes.len }) catch unreachable;
            return error.Refused;
        }
        model.usage.slow_bytes += wanted;
        return .{ .model = model, .fast_used = fast.used, .slow_used = slow.used };
    }

    /// Memory of the requests that run a model.
    fn requestBytes(device: *const Device, model: *const Model) u64 {
        const stream_bytes = if (model.predict) |*predictor| Streams.bytes(predictor) else 0;
        return memory.round(Exchange.inputBytes(model)) * device.exchanges.len + stream_bytes;
    }

    /// Lets requests run the model. No inference is in progress.
    pub fn publish(device: *Device, opened: *const Opened) void {
        device.fast.used = opened.fast_used;
        device.slow.used = opened.slow_used;
        const input_bytes = memory.round(Exchange.inputBytes(&opened.model));
        for (device.exchanges) |*exchange| exchange.divide(device.slow.take(input_bytes) catch unreachable, &opened.model);
        device.streams = if (opened.model.predict) |*predictor| Streams.init(&device.slow, predictor) catch unreachable else .{};
        device.model = opened.model;
        device.log(.info, "model loaded");
    }

    /// Takes the model from requests and frees its memory. No inference is in progress.
    pub fn unload(device: *Device) void {
        device.model = null;
        device.streams = .{};
        device.fast.used = device.fast_mark;
        device.slow.used = device.slow_mark;
    }

    pub fn giveUp(device: *Device, slot: SlotIndex, reason: Reason) void {
        const storage = device.storage.?;
        storage.refusals[slot] = .{};
        if (reason == .refused) storage.refusals[slot].append(std.mem.sliceTo(&device.load_error.message, 0));
        storage.slots.giveUp(slot, reason) catch device.log(.err, "the flash did not take the record of a slot given up");
    }

    fn loadFailed(device: *Device) ports.Result {
        device.log(.err, std.mem.sliceTo(&device.load_error.message, 0));
        return @fromBackingInt(@intCast(device.load_error.code));
    }

    // ---- events

    pub fn requestHead(device: *Device, request: u32, method: []const u8, target_text: []const u8, headers: []const ports.Header) void {
        device.begin(request, .http, method, target_text, headers);
    }

    fn sink(device: *const Device, channel: exchanges.Channel) Sink {
        return switch (channel) {
            .http => .http(&device.port),
            .mqtt => device.mqtt.outbox.sink(),
        };
    }

    /// A request begins, whichever way it came.
    pub fn begin(device: *Device, request: u32, channel: exchanges.Channel, method: []const u8, target_text: []const u8, headers: []const ports.Header) void {
        var answer: Answer = .{ .sink = device.sink(channel), .metrics = device.metrics, .request = request, .head_only = std.mem.eql(u8, method, "HEAD") };
        var problem: Problem = .{};
        device.accept(request, channel, method, target_text, headers, &answer, &problem) catch answer.problem(&problem);
    }

    fn accept(device: *Device, request: u32, channel: exchanges.Channel, method: []const u8, target_text: []const u8, headers: []const ports.Header, answer: *Answer, problem: *Problem) problems.Error!void {
        if (target_text.len > limits.target_bytes_max) {
            problem.* = Problem.init(414, "TARGET_TOO_LONG", "path and query have {d} bytes", .{target_text.len}).expecting("at most {d} bytes", .{limits.target_bytes_max});
            return error.Problem;
        }
        const target: http.Target = .parse(target_text);
        if (device.storage) |storage| answer.origin = storage.access.allowedOrigin(headers);
        if (answer.origin != null and std.mem.eql(u8, method, "OPTIONS")) return preflight(target, answer, problem);
        const found = switch (routes.match(method, target.path)) {
            .found => |found| found,
            .method_not_allowed => |allow| {
                problem.* = Problem.init(405, "METHOD_NOT_ALLOWED", "the resource has no such method", .{}).expecting("{s}", .{allow});
                problem.allow = allow;
                return error.Problem;
            },
            .not_found => {
                problem.* = Problem.init(404, "NOT_FOUND", "there is nothing at this path", .{}).expecting("one of the paths of the device API, such as /v1/device", .{});
                return error.Problem;
            },
        };
        const offers: []const []const u8 = switch (found.route.kind) {
            .immediate => |immediate| immediate.offers,
            inline .inference, .task => |kind| kind.offers,
        };
        answer.route = routes.indexOf(found.route);
        // The broker knows whom it lets publish commands; the owner chose the broker.
        if (channel == .http) if (device.storage) |storage| try storage.access.check(found.route.access, headers, device.now(), problem);
        const offer = http.negotiate(http.header(headers, "accept"), offers) orelse {
            problem.* = Problem.init(406, "NOT_ACCEPTABLE", "none of the accepted media types can be given", .{}).at("accept", .{});
            for (offers, 0..) |media_type, i| problem.expected.print("{s}{s}", .{ if (i == 0) "" else " or ", media_type });
            return error.Problem;
        };
        answer.format = if (std.mem.eql(u8, offers[offer], answers.media_types[1])) .cbor else .json;
        answer.events = if (std.mem.eql(u8, offers[offer], answers.event_media_type)) .wanted else .none;
        if (target.parameter("latent")) |form| {
            answer.latent_base64 = std.mem.eql(u8, form, "base64");
            if (!answer.latent_base64 and !std.mem.eql(u8, form, "array")) {
                problem.* = Problem.init(400, "QUERY_INVALID", "latents cannot be given in this form", .{}).at("latent", .{}).expecting("array or base64", .{});
                return error.Problem;
            }
        }
        const asked: routes.Request = .{ .headers = headers, .target = target, .wildcard = found.wildcard };
        switch (found.route.kind) {
            .immediate => |immediate| return immediate.answer(device, asked, answer, problem),
            .inference => return device.admit(request, channel, found.route, asked, answer, problem),
            .task => return device.admitTask(request, channel, found.route, asked, answer, problem),
        }
    }

    /// A browser asks whether a page of an allowed origin may send its request: Fetch Standard, section 3.2.
    fn preflight(target: http.Target, answer: *Answer, problem: *Problem) problems.Error!void {
        if (routes.match("", target.path) == .not_found) {
            problem.* = Problem.init(404, "NOT_FOUND", "there is nothing at this path", .{}).expecting("one of the paths of the device API, such as /v1/device", .{});
            return error.Problem;
        }
        answer.head(204, "text/plain", &.{
            .{ "access-control-allow-methods", "GET, POST, PUT, DELETE" },
            .{ "access-control-allow-headers", "authorization, content-type, content-range, accept" },
            .{ "access-control-max-age", "600" },
        });
        answer.end();
    }

    /// Checks what a head can tell about an inference request and gives it an exchange.
    fn admit(device: *Device, request: u32, channel: exchanges.Channel, route: *const routes.Route, asked: routes.Request, answer: *const Answer, problem: *Problem) problems.Error!void {
        const inference = &route.kind.inference;
        const content_type = http.header(asked.headers, "content-type");
        const body_type = try bodyType(inference.accepts, if (inference.accepts.len == 0) null else content_type orelse "", asked.headers, problem);
        if (try contentLength(asked.headers, problem)) |length| {
            if (length > device.config.body_bytes_max) return device.tooLarge(problem);
        }
        if (device.exclusive != null) return refuseDuringSwitch(problem);
        const model = if (device.model) |*model| model else {
            problem.* = Problem.init(503, "NO_MODEL", "the board has no model that can run", .{}).expecting("a valid model in a slot; /v1/models says what is wrong", .{});
            return error.Problem;
        };
        if (!inference.available(model)) {
            problem.* = Problem.init(409, "MODEL_LACKS_ENTRY", "the active model cannot do this", .{}).expecting("a model with the entry that the route needs; /v1/models lists the routes that work", .{});
            return error.Problem;
        }
        _ = try device.take(request, channel, route, body_type, answer, problem);
    }

    /// Gives a task an exchange, and lets it look at the head.
    fn admitTask(device: *Device, request: u32, channel: exchanges.Channel, route: *const routes.Route, asked: routes.Request, answer: *const Answer, problem: *Problem) problems.Error!void {
        const task = &route.kind.task;
        const content_type = if (task.accepts.len == 0) null else http.header(asked.headers, "content-type");
        const body_type = try bodyType(task.accepts, content_type, asked.headers, problem);
        _ = try contentLength(asked.headers, problem);
        const exchange = try device.take(request, channel, route, body_type, answer, problem);
        task.begin(device, exchange, asked) catch |err| {
            problem.* = exchange.problem;
            device.release(exchange);
            return err;
        };
    }

    /// The type of a body, raw when the head does not say; an empty content type is none that anything accepts.
    fn bodyType(accepts: []const exchanges.BodyType, content_type: ?[]const u8, headers: []const ports.Header, problem: *Problem) problems.Error!exchanges.BodyType {
        if (http.header(headers, "content-encoding")) |coding| if (!std.ascii.eqlIgnoreCase(coding, "identity")) {
            problem.* = Problem.init(415, "CONTENT_ENCODING", "the board takes no encoded bodies", .{}).at("content-encoding", .{}).expecting("a body without content-encoding", .{});
            return error.Problem;
        };
        return acceptedType(accepts, content_type orelse return .raw) orelse {
            problem.* = Problem.init(415, "CONTENT_TYPE", "the route does not take this type of body", .{}).at("content-type", .{});
            for (accepts, 0..) |candidate, i| problem.expected.print("{s}{s}", .{ if (i == 0) "" else ", ", candidate.mediaType() });
            return error.Problem;
        };
    }

    fn contentLength(headers: []const ports.Header, problem: *Problem) problems.Error!?u64 {
        const text = http.header(headers, "content-length") orelse return null;
        return http.decimal(text) orelse {
            problem.* = Problem.init(400, "CONTENT_LENGTH", "the length is not a number", .{}).at("content-length", .{}).expecting("1 to 15 decimal digits", .{});
            return error.Problem;
        };
    }

    fn refuseDuringSwitch(problem: *Problem) problems.Error {
        problem.* = Problem.init(503, "MODEL_SWITCHING", "the board is changing its model", .{}).expecting("the same request later", .{});
        problem.retry_after_s = switch_seconds;
        return error.Problem;
    }

    fn take(device: *Device, request: u32, channel: exchanges.Channel, route: *const routes.Route, body_type: exchanges.BodyType, answer: *const Answer, problem: *Problem) problems.Error!*Exchange {
        const exchange = for (device.exchanges) |*candidate| {
            if (candidate.state == .free) break candidate;
        } else {
            problem.* = Problem.init(503, "QUEUE_FULL", "{d} requests are in progress, and that is all the board has room for", .{device.exchanges.len}).expecting("the same request later", .{});
            problem.retry_after_s = device.retryAfter();
            return error.Problem;
        };
        device.sequence += 1;
        const time = device.now();
        exchange.* = .{
            .state = .receiving,
            .request = request,
            .channel = channel,
            .sequence = device.sequence,
            .route = route,
            .body_type = body_type,
            .answer_format = answer.format,
            .latent_base64 = answer.latent_base64,
            .origin = answer.origin,
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

    fn tooLarge(device: *const Device, problem: *Problem) problems.Error {
        problem.* = Problem.init(413, "BODY_TOO_LARGE", "the body is larger than the board takes", .{}).at("content-length", .{}).expecting("at most {d} bytes", .{device.config.body_bytes_max});
        return error.Problem;
    }

    fn retryAfter(device: *const Device) u32 {
        const wait_us = device.inference_us_mean * device.exchanges.len;
        return @intCast(std.math.clamp(wait_us / 1_000_000 + 1, 1, 60));
    }

    fn find(device: *Device, request: u32) ?*Exchange {
        for (device.exchanges) |*exchange| {
            if (exchange.state != .free and exchange.request == request) return exchange;
        }
        return null;
    }

    pub fn bodyChunk(device: *Device, request: u32, bytes: []const u8) void {
        const exchange = device.find(request) orelse return;
        if (exchange.state != .receiving) return;
        exchange.last_activity_us = device.now();
        switch (exchange.route.kind) {
            .immediate => unreachable,
            .inference => device.keepBody(exchange, bytes) catch return device.fail(exchange),
            .task => |*task| task.chunk(device, exchange, bytes) catch return device.fail(exchange),
        }
        exchange.received += bytes.len;
    }

    /// Puts the next bytes of the body into the exchange's buffer.
    pub fn keepBody(device: *const Device, exchange: *Exchange, bytes: []const u8) problems.Error!void {
        if (bytes.len > exchange.buffer.len - exchange.received) return device.tooLarge(&exchange.problem);
        @memcpy(exchange.buffer[exchange.received..][0..bytes.len], bytes);
    }

    pub fn requestEnd(device: *Device, request: u32) void {
        const exchange = device.find(request) orelse return;
        if (exchange.state != .receiving) return;
        exchange.timing.received_us = device.now();
        switch (exchange.route.kind) {
            .immediate => unreachable,
            .inference => |*inference| {
                inference.parse(device, exchange) catch return device.fail(exchange);
                device.decodeNext(exchange);
            },
            .task => |*task| {
                const work_due = task.received(device, exchange) catch return device.fail(exchange);
                if (!work_due) return device.finishTask(exchange);
                if (task.exclusive) device.stopInference(exchange);
                device.enqueue(exchange);
            },
        }
    }

    /// Inference whose body is still arriving ends here; what is further comes to its end.
    fn stopInference(device: *Device, exclusive: *Exchange) void {
        device.exclusive = exclusive;
        for (device.exchanges) |*exchange| {
            if (exchange.state != .receiving or exchange.route.kind != .inference) continue;
            refuseDuringSwitch(&exchange.problem) catch {};
            device.fail(exchange);
        }
    }

    fn inferenceInProgress(device: *const Device) bool {
        for (device.exchanges) |*exchange| {
            if (exchange.state != .free and exchange.route.kind == .inference) return true;
        }
        return false;
    }

    /// Has the next picture decoded that is not yet; after the last one the request waits for the worker.
    fn decodeNext(device: *Device, exchange: *Exchange) void {
        const index = for (&exchange.pictures, 0..) |*picture, i| {
            if (picture.encoded.len > 0) break i;
        } else return device.enqueue(exchange);
        const picture = &exchange.pictures[index];
        exchange.state = .decoding;
        exchange.decoding = index;
        const encoder = &device.model.?.encode.?;
        // The port may answer from inside this call, so nothing may follow it.
        device.port.decode_image(device.port.user, exchange.request, picture.encoded.ptr, picture.encoded.len, .of(picture.encoded_type.mediaType()), encoder.width, encoder.height);
    }

    pub fn imageDecoded(device: *Device, job: u32, rgb: ?[]const u8, message: []const u8) void {
        const exchange = device.find(job) orelse return;
        if (exchange.state != .decoding) return;
        if (exchange.abandoned) return device.release(exchange);
        const picture = &exchange.pictures[exchange.decoding];
        const pixels = rgb orelse {
            exchange.problem = Problem.init(422, "IMAGE_UNREADABLE", "{s}", .{if (message.len > 0) message else "the picture cannot be decoded"})
                .at("{s}", .{picture.field})
                .expecting("a whole {s} picture", .{picture.encoded_type.mediaType()});
            return device.fail(exchange);
        };
        if (pixels.len != exchange.image.len) {
            exchange.problem = Problem.init(500, "INTERNAL", "the decoder gave {d} bytes instead of {d}", .{ pixels.len, exchange.image.len });
            return device.fail(exchange);
        }
        // The first picture has memory of its own. A second one is the last thing read from the body, so its pixels take the body's place.
        const place = if (exchange.decoding == 0) exchange.image else exchange.buffer[0..pixels.len];
        @memcpy(place, pixels);
        picture.pixels = place;
        picture.encoded = &.{};
        device.decodeNext(exchange);
    }

    fn enqueue(device: *Device, exchange: *Exchange) void {
        exchange.timing.queued_us = device.now();
        exchange.state = .queued;
        if (exchange.events == .wanted) {
            var answer = device.answerOf(exchange);
            answer.eventsHead();
            exchange.events = .begun;
        }
        device.startNext();
    }

    fn startNext(device: *Device) void {
        while (device.running == null) {
            var next: ?*Exchange = null;
            for (device.exchanges) |*candidate| {
                if (candidate.state != .queued) continue;
                if (candidate == device.exclusive and device.inferenceInProgress()) continue;
                if (next == null or candidate.sequence < next.?.sequence) next = candidate;
            }
            const exchange = next orelse return;
            if (exchange.route.kind == .task) exchange.route.kind.task.start(device, exchange) catch {
                device.fail(exchange);
                continue;
            };
            exchange.state = .running;
            exchange.timing.running_us = device.now();
            device.running = exchange;
            device.port.start_work(device.port.user);
        }
    }

    /// On the worker. Touches the running exchange and the model only, both of which the event side leaves alone until workDone.
    pub fn work(device: *Device) void {
        const exchange = device.running orelse return;
        const start = device.now();
        device.finished = false;
        while (!device.finished and !exchange.cancelled.load(.acquire)) {
            device.finished = switch (exchange.route.kind) {
                .immediate => unreachable,
                inline .inference, .task => |*kind| kind.step(device, exchange),
            };
            if (exchange.turn_over or device.now() -| start >= limits.work_turn_us) break;
        }
        exchange.timing.inference_us += device.now() -| start;
    }

    pub fn workDone(device: *Device) void {
        const exchange = device.running orelse return;
        const is_task = exchange.route.kind == .task;
        if (!device.finished and (is_task or !exchange.abandoned)) {
            device.tellProgress(exchange);
            return device.port.start_work(device.port.user);
        }
        device.running = null;
        if (is_task) {
            device.finishTask(exchange);
        } else {
            if (!exchange.abandoned) device.reply(exchange);
            device.release(exchange);
        }
        device.startNext();
    }

    fn finishTask(device: *Device, exchange: *Exchange) void {
        var answer = device.answerOf(exchange);
        answer.muted = exchange.abandoned;
        exchange.route.kind.task.finish(device, exchange, &answer) catch answer.problem(&exchange.problem);
        device.release(exchange);
    }

    fn tellProgress(device: *Device, exchange: *Exchange) void {
        exchange.turn_over = false;
        if (exchange.route.kind != .inference) return;
        const tell = exchange.route.kind.inference.progress orelse return;
        if (exchange.events != .begun) return;
        var answer = device.answerOf(exchange);
        tell(device, exchange, &answer);
    }

    fn reply(device: *Device, exchange: *Exchange) void {
        device.metrics.inference[routes.indexOf(exchange.route)].observe(exchange.timing.inference_us);
        const mean = device.inference_us_mean;
        device.inference_us_mean = if (mean == 0) exchange.timing.inference_us else (mean * 7 + exchange.timing.inference_us) / 8;
        var answer = device.answerOf(exchange);
        if (exchange.refused) return answer.problem(&exchange.problem);
        const inference = &exchange.route.kind.inference;
        for (inference.results(&device.model.?, exchange)) |value| {
            if (std.math.isFinite(value)) continue;
            exchange.problem = Problem.init(500, "RESULT_NOT_FINITE", "the model answered a number that is not finite", .{}).expecting("other inputs, or another model", .{});
            return answer.problem(&exchange.problem);
        }
        inference.answer(device, exchange, &answer);
    }

    fn answerOf(device: *const Device, exchange: *const Exchange) Answer {
        return .{ .sink = device.sink(exchange.channel), .metrics = device.metrics, .route = routes.indexOf(exchange.route), .events = exchange.events, .request = exchange.request, .format = exchange.answer_format, .latent_base64 = exchange.latent_base64, .origin = exchange.origin };
    }

    fn fail(device: *Device, exchange: *Exchange) void {
        var answer = device.answerOf(exchange);
        answer.muted = exchange.abandoned;
        answer.problem(&exchange.problem);
        device.release(exchange);
    }

    fn release(device: *Device, exchange: *Exchange) void {
        exchange.state = .free;
        if (device.exclusive == exchange) device.exclusive = null else if (device.exclusive != null) device.startNext();
    }

    pub fn requestClosed(device: *Device, request: u32) void {
        device.mqtt.outbox.forget(request);
        const exchange = device.find(request) orelse return;
        device.metrics.abandoned +%= 1;
        const is_task = exchange.route.kind == .task;
        switch (exchange.state) {
            .free => {},
            .receiving => {
                if (is_task) exchange.route.kind.task.left(device, exchange);
                device.release(exchange);
            },
            .queued => if (is_task) {
                exchange.abandoned = true;
            } else device.release(exchange),
            .decoding => exchange.abandoned = true,
            .running => {
                exchange.abandoned = true;
                if (!is_task) exchange.cancelled.store(true, .release);
            },
        }
    }

    pub fn tick(device: *Device, now_us: u64) void {
        for (device.exchanges) |*exchange| {
            if (exchange.state != .receiving) continue;
            const is_task = exchange.route.kind == .task;
            const idle = now_us -| exchange.last_activity_us > limits.receive_idle_us_max;
            const slow = !is_task and now_us -| exchange.timing.started_us > limits.receive_total_us_max;
            if (!idle and !slow) continue;
            exchange.problem = Problem.init(408, "BODY_TIMEOUT", "the body did not arrive in time", .{})
                .expecting("data at least every {d} s, all of it within {d} s", .{ limits.receive_idle_us_max / 1_000_000, limits.receive_total_us_max / 1_000_000 });
            if (is_task) exchange.route.kind.task.left(device, exchange);
            device.fail(exchange);
        }
        device.mqtt.tick(device, now_us);
        if (!device.healthy and now_us -| device.started_us >= limits.healthy_after_us) device.sayHealthy();
    }

    /// This boot was a good one: it does not count toward safe mode any more.
    pub fn sayHealthy(device: *Device) void {
        device.healthy = true;
        const storage = device.storage orelse return;
        storage.slots.healthy() catch device.log(.err, "the flash did not take the record of a healthy boot");
    }
};

/// What Retry-After says while the model changes: opening one and running its test vectors takes seconds.
const switch_seconds = 5;

fn acceptedType(accepts: []const exchanges.BodyType, content_type: ?[]const u8) ?exchanges.BodyType {
    const body_type = exchanges.BodyType.of(http.mediaType(content_type orelse return null)) orelse return null;
    return if (std.mem.indexOfScalar(exchanges.BodyType, accepts, body_type) == null) null else body_type;
}
