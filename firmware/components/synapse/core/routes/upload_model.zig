//! PUT /v1/models/{slot}: a packed model, written to the slot's flash as it arrives. An upload that breaks off can be
//! resumed with Content-Range from where it stopped; the slot becomes VALID once everything was read back and its
//! digest, and its signature where the board has update keys, is right. It does not run before it is activated.
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Storage = @import("../board/storage.zig").Storage;
const SlotIndex = @import("../board/storage.zig").SlotIndex;
const UploadError = @import("../flash/upload.zig").Error;
const http = @import("../wire/http.zig");
const size = @import("../wire/byte_text.zig").size;
const limits = @import("../limits.zig");
const models = @import("models.zig");
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;

pub const route: Route = .{ .method = .PUT, .path = "/v1/models/*", .access = .owner, .kind = .{ .task = .{
    .accepts = &.{.raw},
    .success = &.{ 201, 202 },
    .unhurried = true,
    .begin = begin,
    .chunk = chunk,
    .received = received,
    .left = left,
    .revoke = revoke,
    .start = start,
    .step = step,
    .finish = finish,
} } };

/// The slot that it changes, and how long its body is going to be.
const State = struct { slot: SlotIndex = 0, expected_bytes: u64 = 0 };

fn begin(device: *Device, exchange: *Exchange, request: Request) ProblemError!void {
    const state = exchange.begin(State);
    state.slot = try models.find(device, request.wildcard, &exchange.problem);
    const storage = device.storage orelse return models.withoutFlash(&exchange.problem);
    const upload = &storage.upload;
    for (device.requests.places) |*other| if (other != exchange and other.state != .free and
        other.route == exchange.route)
    {
        return refuse(exchange, storage, error.UploadInProgress);
    };
    const length = if (http.header(request.headers, "content-length")) |text| http.decimal(text) else null;
    const range = try rangeOf(request, length, exchange);
    state.expected_bytes = range.last - range.first + 1;
    if (range.first > 0) {
        const same = upload.active() and upload.slot == state.slot and upload.total_bytes == range.total;
        if (same and upload.received == range.first) return;
        const failed = exchange.problem.fail(
            409,
            .RANGE_MISMATCH,
            "the board cannot go on at byte {d} of {d}",
            .{ range.first, range.total },
            .{ .field = "content-range" },
        );
        if (same) exchange.problem.expected.print(
            "bytes {d}-{d}/{d}",
            .{ upload.received, range.total - 1, range.total },
        ) else exchange.problem.expected.print("an upload from the first byte", .{});
        return failed;
    }
    upload.acceptable(state.slot, range.total) catch |err| {
        if (err == error.FileTooLarge) return tooLarge(exchange, storage, range.total);
        return refuse(exchange, storage, err);
    };
    upload.cancel();
    upload.begin(state.slot, range.total) catch |err| return refuse(exchange, storage, err);
}

fn rangeOf(request: Request, length: ?u64, exchange: *Exchange) ProblemError!http.ContentRange {
    const text = http.header(request.headers, "content-range") orelse {
        const total = length orelse {
            return exchange.problem.fail(
                411,
                .LENGTH_REQUIRED,
                "the request does not say how long the model is",
                .{},
                .{ .field = "content-length", .expected = "content-length or content-range" },
            );
        };
        if (total > 0) return .{ .first = 0, .last = total - 1, .total = total };
        return exchange.problem.fail(
            422,
            .NOT_A_PACK,
            "the request has no body",
            .{},
            .{ .field = "body", .expected = "a packed model (.syn)" },
        );
    };
    const range = http.ContentRange.parse(text);
    if (range != null and (length == null or length.? == range.?.last - range.?.first + 1)) return range.?;
    return exchange.problem.fail(
        400,
        .CONTENT_RANGE,
        "the range is malformed, or not as long as the body",
        .{},
        .{ .field = "content-range", .expected = "bytes first-last/total, with content-length = last - first + 1" },
    );
}

fn chunk(device: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void {
    const storage = device.storage.?;
    if (bytes.len > exchange.own(State).expected_bytes - exchange.received) {
        return exchange.problem.fail(
            400,
            .CONTENT_RANGE,
            "the body is longer than its head says",
            .{},
            .{ .field = "content-length", .expected = .{ "{d} bytes", .{exchange.own(State).expected_bytes} } },
        );
    }
    storage.upload.write(bytes) catch |err| return refuse(exchange, storage, err);
}

fn received(device: *Device, exchange: *Exchange) ProblemError!bool {
    const storage = device.storage.?;
    if (exchange.received < exchange.own(State).expected_bytes) {
        return exchange.problem.fail(
            400,
            .BODY_INCOMPLETE,
            "the body ends after {d} bytes",
            .{exchange.received},
            .{
                .field = "content-length",
                .expected = .{ "{d} bytes; the upload can be resumed", .{exchange.own(State).expected_bytes} },
            },
        );
    }
    if (storage.upload.received < storage.upload.total_bytes) return false;
    storage.upload.beginCheck() catch |err| return refuse(exchange, storage, err);
    return true;
}

/// What has arrived stays, for a client that comes back.
fn left(_: *Device, _: *Exchange) void {}

/// What has arrived is nobody's to go on with.
fn revoke(device: *Device, _: *Exchange) bool {
    device.storage.?.upload.cancel();
    return false;
}

fn start(_: *Device, _: *Exchange) ProblemError!void {}

fn step(device: *Device, _: *Exchange) bool {
    return device.storage.?.upload.check(limits.upload_check_bytes) == .done;
}

fn finish(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const storage = device.storage.?;
    const whole = storage.upload.received == storage.upload.total_bytes;
    if (whole) storage.upload.complete() catch |err| return refuse(exchange, storage, err);
    if (whole) device.log(.info, "a model was uploaded");
    answer.begin(if (whole) 201 else 202);
    answer.objectBegin();
    models.describe(device, exchange.own(State).slot, answer);
    answer.objectEnd();
    answer.end();
}

/// Says what the other slot would hold: a board's slots need not be equal.
fn tooLarge(exchange: *Exchange, storage: *const Storage, bytes: u64) ProblemError {
    const other = exchange.own(State).slot ^ 1;
    return exchange.problem.fail(
        413,
        .MODEL_EXCEEDS_SLOT,
        "the model is larger than slot {s}: it has {f}",
        .{ storage.name(exchange.own(State).slot), size(bytes) },
        .{
            .field = "content-length",
            .expected = .{
                "at most {f}; slot {s} holds {f}",
                .{
                    size(storage.slots.areas[exchange.own(State).slot].bytes),
                    storage.name(other),
                    size(storage.slots.areas[other].bytes),
                },
            },
        },
    );
}

fn refuse(exchange: *Exchange, storage: *const Storage, err: UploadError) ProblemError {
    const problem = &exchange.problem;
    const slot = exchange.own(State).slot;
    const name = storage.name(slot);
    const other = storage.name(slot ^ 1);
    const upload = &storage.upload;
    return switch (err) {
        error.SlotActive => problem.fail(
            409,
            .SLOT_ACTIVE,
            "the model in {s} is running",
            .{name},
            .{ .field = "slot", .expected = .{ "slot {s}", .{other} } },
        ),
        error.SlotPending => problem.fail(
            409,
            .SLOT_PENDING,
            "the model in {s} is being tried",
            .{name},
            .{ .field = "slot", .expected = "the same request later" },
        ),
        error.SlotNotReady => unreachable, // Only activation asks for that.
        error.UploadInProgress => problem.fail(
            409,
            .UPLOAD_IN_PROGRESS,
            "another upload is in progress",
            .{},
            .{ .expected = "the same request later" },
        ),
        error.FileTooLarge => problem.fail(
            413,
            .MODEL_EXCEEDS_SLOT,
            "the model is larger than slot {s}",
            .{name},
            .{ .field = "content-length", .expected = .{ "at most {f}", .{size(storage.slots.areas[slot].bytes)} } },
        ),
        error.NotAPack,
        error.PackVersion,
        error.PackSizes,
        error.LengthDiffers,
        error.DigestWrong,
        error.SignatureMissing,
        error.SignatureMalformed,
        error.SignatureWrong,
        => |wrong| refuseFile(problem, wrong),
        error.SignatureKeyUnknown => unknownKey(problem, storage),
        error.FlashFailed => problem.fail(
            500,
            .FLASH_FAILED,
            "the flash of slot {s} did not hold what was written",
            .{name},
            .{ .expected = "another try; a board on which this stays has worn flash" },
        ),
        error.TooManyBytes, error.Incomplete, error.NoUpload => problem.fail(
            409,
            .UPLOAD_ENDED,
            "the upload has ended after {d} of {d} bytes",
            .{ upload.received, upload.total_bytes },
            .{ .expected = "an upload from the first byte" },
        ),
    };
}

/// Of an upload whose bytes are not those of a pack that the board may run.
fn refuseFile(problem: *Problem, err: error{
    NotAPack,
    PackVersion,
    PackSizes,
    LengthDiffers,
    DigestWrong,
    SignatureMissing,
    SignatureMalformed,
    SignatureWrong,
}) ProblemError {
    return switch (err) {
        error.NotAPack => problem.fail(
            422,
            .NOT_A_PACK,
            "the file does not begin like a packed model",
            .{},
            .{ .field = "body", .expected = "a packed model (.syn)" },
        ),
        error.PackVersion => problem.fail(
            422,
            .PACK_VERSION,
            "the pack's version is not one that this firmware runs",
            .{},
            .{ .field = "body", .expected = "a pack of major version 1" },
        ),
        error.PackSizes => problem.fail(
            422,
            .PACK_SIZES,
            "the sizes in the pack's prefix contradict each other",
            .{},
            .{ .field = "body", .expected = "a whole, unchanged pack" },
        ),
        error.LengthDiffers => problem.fail(
            422,
            .LENGTH_DIFFERS,
            "the pack says another length than the request",
            .{},
            .{ .field = "content-length", .expected = "the length of the file" },
        ),
        error.DigestWrong => problem.fail(
            422,
            .DIGEST_WRONG,
            "checksum does not match",
            .{},
            .{ .field = "body", .expected = "a whole, unchanged pack" },
        ),
        error.SignatureMissing => problem.fail(
            422,
            .SIGNATURE_MISSING,
            "the pack is not signed",
            .{},
            .{ .field = "body", .expected = "a pack signed for this board: synapse-host sign" },
        ),
        error.SignatureMalformed => problem.fail(
            422,
            .SIGNATURE_WRONG,
            "what follows the pack is not a signature",
            .{},
            .{ .field = "body", .expected = "a pack signed for this board: synapse-host sign" },
        ),
        error.SignatureWrong => problem.fail(
            422,
            .SIGNATURE_WRONG,
            "the signature is not one of this pack by the key that it names",
            .{},
            .{ .field = "body", .expected = "a whole, unchanged pack with its own signature" },
        ),
    };
}

fn unknownKey(problem: *Problem, storage: *const Storage) ProblemError {
    const failed = problem.fail(
        422,
        .SIGNATURE_KEY_UNKNOWN,
        "the pack is signed by key {x}, which this board does not trust",
        .{storage.upload.signature[16..32]},
        .{ .field = "body" },
    );
    for (storage.update_keys.known(), 0..) |*id, i| {
        problem.expected.print("{s}{x}", .{ if (i == 0) "a signature by key " else " or ", id });
    }
    return failed;
}
