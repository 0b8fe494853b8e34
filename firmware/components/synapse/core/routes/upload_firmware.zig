//! POST /v1/firmware: an application image, written beside the one that runs as it arrives. Chip and revision are
//! checked before anything is erased, checksum and digest before it counts. The board then starts it, on trial: if it
//! does not stay up, the next start returns to the one before.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Firmware = @import("../firmware/firmware.zig").Firmware;
const app_image = @import("../firmware/app_image.zig");
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const http = @import("../wire/http.zig");
const size = @import("../wire/byte_text.zig").size;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;

pub const route: Route = .{ .method = .POST, .path = "/v1/firmware", .access = .owner, .kind = .{ .task = .{
    .accepts = &.{.raw},
    .success = &.{202},
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

fn begin(device: *Device, exchange: *Exchange, request: Request) ProblemError!void {
    const problem = &exchange.problem;
    if (device.config.firmware_bytes_max == 0) {
        return problem.fail(
            409,
            .NO_FIRMWARE_UPDATE,
            "this board cannot update its firmware over the network",
            .{},
            .{ .expected = "the serial port" },
        );
    }
    const firmware = device.firmware;
    if (firmware.state == .on_trial) {
        return problem.fail(
            409,
            .FIRMWARE_ON_TRIAL,
            "the firmware that runs is new and not confirmed yet",
            .{},
            .{ .expected = "the same request later" },
        );
    }
    const sending = for (device.requests.places) |*other| {
        if (other != exchange and other.state != .free and other.route == exchange.route) break true;
    } else false;
    if (exchange.channel == .own and firmware.partial() and !sending) return resumed(firmware, request, problem);
    if (firmware.phase != .idle) {
        return problem.fail(
            409,
            .UPLOAD_IN_PROGRESS,
            "another upload is in progress",
            .{},
            .{ .expected = "the same request later" },
        );
    }
    const reboot = request.target.parameter("reboot") orelse "true";
    const stay = std.mem.eql(u8, reboot, "false");
    if (!stay and !std.mem.eql(u8, reboot, "true")) {
        return problem.fail(
            400,
            .QUERY_INVALID,
            "whether to start the new firmware is neither true nor false",
            .{},
            .{ .field = "reboot", .expected = "true or false" },
        );
    }
    const length = http.decimal(http.header(request.headers, "content-length") orelse "") orelse {
        return problem.fail(
            411,
            .LENGTH_REQUIRED,
            "the request does not say how long the image is",
            .{},
            .{ .field = "content-length", .expected = "content-length" },
        );
    };
    if (length > device.config.firmware_bytes_max) {
        return problem.fail(
            413,
            .FIRMWARE_TOO_LARGE,
            "the image is larger than its partition: it has {f}",
            .{size(length)},
            .{ .field = "content-length", .expected = .{ "at most {f}", .{size(device.config.firmware_bytes_max)} } },
        );
    }
    if (length <= app_image.head_bytes) return refuse(device, exchange, error.NotAnImage);
    firmware.begin(length);
    firmware.reboot = !stay;
}

/// What the board fetches itself goes on where an earlier download broke; it knows what it has asked for.
fn resumed(firmware: *const Firmware, request: Request, problem: *Problem) ProblemError!void {
    const range: ?http.ContentRange = .parse(http.header(request.headers, "content-range") orelse "");
    if (range) |given| if (given.first == firmware.received and given.total == firmware.bytes) return;
    return problem.fail(
        409,
        .RANGE_MISMATCH,
        "the image has come up to byte {d} of {d}",
        .{ firmware.received, firmware.bytes },
        .{ .field = "content-range", .expected = "the rest of it" },
    );
}

fn chunk(device: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void {
    const firmware = device.firmware;
    if (bytes.len > firmware.bytes - firmware.received) {
        firmware.cancel(&device.port);
        return exchange.problem.fail(
            400,
            .CONTENT_LENGTH,
            "the body is longer than its head says",
            .{},
            .{ .field = "content-length", .expected = .{ "{d} bytes", .{firmware.bytes} } },
        );
    }
    firmware.write(&device.port, device.config.chip_revision, bytes) catch |err| return refuse(device, exchange, err);
}

fn received(device: *Device, exchange: *Exchange) ProblemError!bool {
    const firmware = device.firmware;
    if (firmware.received < firmware.bytes) {
        firmware.cancel(&device.port);
        return exchange.problem.fail(
            400,
            .BODY_INCOMPLETE,
            "the body ends after {d} bytes",
            .{firmware.received},
            .{ .field = "content-length", .expected = .{ "{d} bytes", .{firmware.bytes} } },
        );
    }
    firmware.finish() catch |err| return refuse(device, exchange, err);
    return true;
}

/// What the board fetches itself stays, for the rest to follow; a client that left has to begin anew.
fn left(device: *Device, exchange: *Exchange) void {
    if (exchange.channel == .own and device.firmware.partial()) return;
    device.firmware.cancel(&device.port);
}

fn revoke(device: *Device, _: *Exchange) bool {
    device.firmware.cancel(&device.port);
    return false;
}

fn start(_: *Device, _: *Exchange) ProblemError!void {}

fn step(device: *Device, _: *Exchange) bool {
    device.firmware.whole = device.port.firmware_check.?(device.port.user) == 0;
    return true;
}

fn finish(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const firmware = device.firmware;
    if (!firmware.whole or device.port.firmware_activate.?(device.port.user) != 0) return refuse(
        device,
        exchange,
        error.FlashFailed,
    );
    firmware.phase = .idle;
    device.log(.info, "a firmware was uploaded; it runs from the next start on");
    const restart = if (firmware.reboot) device.port.reboot else null;
    answer.begin(202);
    answer.objectBegin();
    answer.field("project", firmware.image.project());
    answer.field("version", firmware.image.version());
    answer.fieldUnsigned("bytes", firmware.bytes);
    answer.fieldBoolean("rebooting", restart != null);
    answer.objectEnd();
    answer.end();
    const call = restart orelse return;
    device.tell(.{ .leaving = "firmware" });
    call(device.port.user);
}

fn refuse(device: *Device, exchange: *Exchange, err: Firmware.Error) ProblemError {
    device.firmware.cancel(&device.port);
    const image = &device.firmware.image;
    const problem = &exchange.problem;
    return switch (err) {
        error.NotAnImage => problem.fail(
            422,
            .NOT_AN_IMAGE,
            "the file is no application image of ESP-IDF",
            .{},
            .{ .field = "body", .expected = "the .bin file of an application" },
        ),
        error.NoDescription => problem.fail(
            422,
            .NOT_AN_IMAGE,
            "the image does not begin with a description of its application",
            .{},
            .{ .field = "body", .expected = "the .bin file of an application, not a bootloader or a partition table" },
        ),
        error.NoDigest => problem.fail(
            422,
            .NOT_AN_IMAGE,
            "the image carries no SHA-256",
            .{},
            .{ .field = "body", .expected = "an image with its SHA-256 appended, as ESP-IDF makes them" },
        ),
        error.OtherChip => problem.fail(
            422,
            .FIRMWARE_CHIP,
            "the image is for chip id {d}",
            .{image.chip_id},
            .{ .field = "body", .expected = .{ "an image for the ESP32-P4, chip id {d}", .{app_image.chip_esp32p4} } },
        ),
        error.RevisionTooLow, error.RevisionTooHigh => problem.fail(
            422,
            .FIRMWARE_REVISION,
            "the image is for chip revisions v{d}.{d} to v{d}.{d}",
            .{ image.revision_min / 100, image.revision_min % 100, image.revision_max / 100, image.revision_max % 100 },
            .{
                .field = "body",
                .expected = .{
                    "an image built for revision v{d}.{d} (CONFIG_ESP32P4_SELECTS_REV_LESS_V3={s})",
                    .{
                        device.config.chip_revision / 100,
                        device.config.chip_revision % 100,
                        if (device.config.chip_revision < 300) "y" else "n",
                    },
                },
            },
        ),
        error.SegmentsInvalid, error.ChecksumWrong, error.DigestWrong, error.Incomplete => problem.fail(
            422,
            .FIRMWARE_DAMAGED,
            "{s}",
            .{switch (err) {
                error.ChecksumWrong, error.DigestWrong => "checksum does not match",
                error.Incomplete => "the image ends too early",
                else => "the image's segments are not laid out as ESP-IDF does",
            }},
            .{ .field = "body", .expected = "a whole, unchanged image" },
        ),
        error.FlashFailed => problem.fail(
            500,
            .FLASH_FAILED,
            "the flash did not hold what was written",
            .{},
            .{ .expected = "another try; a board on which this stays has worn flash" },
        ),
    };
}
