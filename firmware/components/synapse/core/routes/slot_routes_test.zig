//! Uploading and activating models, as a client sees it, with broken uploads, broken models and power cuts between.
const std = @import("std");
const workRefusal = @import("../request/active_model.zig").workRefusal;
const sims = @import("sim_parts").sim_flash;
const hosts = @import("../test_host.zig");
const limits = @import("../limits.zig");
const ports = @import("../port.zig");
const Board = @import("../test_board.zig").Board;
const expectProblem = @import("../test_board.zig").expectProblem;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const file: []const u8 = &hosts.model;

test "a model is uploaded, activated, and found again after a reset" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try board.expectSlot("model_a", "VALID", true);
    try board.expectSlot("model_b", "EMPTY", false);
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    try board.expectSlot("model_b", "VALID", false);
    try board.expectWorks();
    const activated = board.activate("model_b");
    try expectEqual(@as(u32, 200), activated.status);
    try expect(std.mem.indexOf(u8, activated.body.items, "\"vectors_passed\":") != null);
    try board.expectSlot("model_a", "VALID", false);
    try board.expectSlot("model_b", "VALID", true);
    try board.expectWorks();
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectSlot("model_b", "VALID", true);
    try board.expectWorks();
    // And back.
    try expectEqual(@as(u32, 200), board.activate("model_a").status);
    try board.expectSlot("model_a", "VALID", true);
    try expectEqual(@as(u32, 0), board.sim.violations);
}

test "an upload that breaks off is resumed where it stopped" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const request = board.beginPut("model_b", file.len);
    board.host.core.bodyChunk(request, file[0..50_000]);
    try expectProblem(board.put("model_b", file), 409, "UPLOAD_IN_PROGRESS");
    board.host.core.requestClosed(request);
    try board.expectSlot("model_b", "BROKEN", false);
    const shown = board.host.ask("GET", "/v1/models/model_b", &.{}, "");
    try expect(std.mem.indexOf(u8, shown.body.items, "\"upload\":{\"received_bytes\":50000,") != null);
    try expectProblem(board.putPart(file, 49_999, file.len), 409, "RANGE_MISMATCH");
    try expectProblem(board.activate("model_b"), 409, "SLOT_NOT_READY");
    try expectEqual(@as(u32, 202), board.putPart(file, 50_000, 60_000).status);
    try expectEqual(@as(u32, 201), board.putPart(file, 60_000, file.len).status);
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    try board.expectWorks();
}

test "an upload takes the time it needs, as long as something comes" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const request = board.beginPut("model_b", file.len);
    var at: usize = 0;
    while (at < file.len) : (at += 2000) {
        board.host.core.bodyChunk(request, file[at..@min(file.len, at + 2000)]);
        board.later(5);
    }
    board.host.core.requestEnd(request);
    board.host.pump();
    try expectEqual(@as(u32, 201), board.host.reply(request).status);
    const silent = board.beginPut("model_b", file.len);
    board.later(11);
    try expectProblem(board.host.reply(silent), 408, "BODY_TIMEOUT");
    try expect(std.mem.indexOf(u8, board.host.reply(silent).body.items, "120") == null);
}

test "an upload that has begun does not touch the slot once its model runs, or is being tried" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    // Its head, and nothing of the file, before the slot's old model is activated.
    const waiting = board.beginPut("model_b", file.len);
    const activating = board.host.head("POST", "/v1/models/model_b/activate", "", "");
    board.host.core.requestEnd(activating);
    board.host.core.bodyChunk(waiting, file[0..5000]);
    try expectProblem(board.host.reply(waiting), 409, "SLOT_PENDING");
    board.host.pump();
    try expectEqual(@as(u32, 200), board.host.reply(activating).status);
    try board.expectSlot("model_b", "VALID", true);
    // Less than its prefix, and the rest after an activation.
    try expectEqual(@as(u32, 200), board.activate("model_a").status);
    try expectEqual(@as(u32, 202), board.putPart(file, 0, 10).status);
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    const before = board.sim.operations;
    try expectProblem(board.putPart(file, 10, file.len), 409, "SLOT_ACTIVE");
    try expectEqual(before, board.sim.operations);
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectSlot("model_b", "VALID", true);
    try board.expectWorks();
}

test "what is no model, or not whole, is refused and the board runs on" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectProblem(board.put("model_a", file), 409, "SLOT_ACTIVE");
    try expectProblem(board.put("model_c", file), 404, "SLOT_UNKNOWN");
    try expectProblem(board.activate("model_c"), 404, "SLOT_UNKNOWN");
    try expectProblem(board.activate("model_a"), 409, "SLOT_ACTIVE");
    try expectProblem(board.activate("model_b"), 409, "SLOT_NOT_READY");
    try expectProblem(board.host.ask("PUT", "/v1/models/model_b", &.{}, file), 411, "LENGTH_REQUIRED");
    try expectProblem(board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "0" }, ""), 422, "NOT_A_PACK");
    try expectProblem(
        board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "abc" }, file),
        400,
        "CONTENT_LENGTH",
    );
    try expectProblem(
        board.host.ask("PUT", "/v1/models/model_b", &.{ "content-range", "bytes 0-99" }, file),
        400,
        "CONTENT_RANGE",
    );
    try expectProblem(
        board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "999999" }, file),
        413,
        "MODEL_EXCEEDS_SLOT",
    );
    const too_large = board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "999999" }, file).body.items;
    try expect(std.mem.indexOf(
        u8,
        too_large,
        "the model is larger than slot model_b: it has 977 KiB (999999 bytes)",
    ) != null);
    try expect(std.mem.indexOf(
        u8,
        too_large,
        "at most 128 KiB (131072 bytes); slot model_a holds 192 KiB (196608 bytes)",
    ) != null);
    try expectProblem(
        board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "100", "content-type", "text/html" }, file),
        415,
        "CONTENT_TYPE",
    );
    try expectProblem(
        board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "100000" }, file[0..100_000]),
        422,
        "LENGTH_DIFFERS",
    );
    try expectProblem(
        board.host.ask("PUT", "/v1/models/model_b", &.{ "content-length", "200" }, file),
        400,
        "CONTENT_RANGE",
    );
    try board.expectSlot("model_b", "EMPTY", false);
    try expectProblem(board.put("model_b", "GGUF" ++ @as([400]u8, @splat(0))), 422, "NOT_A_PACK");
    try board.expectSlot("model_b", "EMPTY", false);
    const damaged = copyOfModel();
    damaged[damaged.len / 2] ^= 1;
    try expectProblem(board.put("model_b", damaged), 422, "DIGEST_WRONG");
    try board.expectSlot("model_b", "BROKEN", false);
    try expectProblem(board.activate("model_b"), 409, "SLOT_NOT_READY");
    try board.expectWorks();
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    try expectProblem(board.host.ask("POST", "/v1/models/model_b/activate", &.{}, "{}"), 422, "BODY_INVALID");
}

var copy: [hosts.model.len]u8 = undefined;

/// In one place: the compiler takes minutes over arrays of this size that are values.
fn copyOfModel() []u8 {
    @memcpy(&copy, file);
    return &copy;
}

/// With bytes that are not what it says, and a digest that is right: only running it tells.
fn spoiled(place: usize) []u8 {
    const pack = copyOfModel();
    pack[place] ^= 0x40;
    var hash: std.crypto.hash.sha2.Sha256 = .init(.{});
    hash.update(pack[0..32]);
    hash.update(pack[64..]);
    hash.final(pack[32..64]);
    return pack;
}

test "a model whose golden vectors fail is given up, and the board returns to the old one" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    // A weight.
    const pack = spoiled(hosts.model.len / 2);
    try expectEqual(@as(u32, 201), board.put("model_b", pack).status);
    try expectProblem(board.activate("model_b"), 422, "SELFTEST_FAILED");
    try board.expectSlot("model_a", "VALID", true);
    try board.expectSlot("model_b", "BROKEN", false);
    try board.expectWorks();
    // The header.
    const refused = spoiled(70);
    try expectEqual(@as(u32, 201), board.put("model_b", refused).status);
    try expectProblem(board.activate("model_b"), 422, "MODEL_REFUSED");
    try board.expectSlot("model_b", "BROKEN", false);
    try board.expectWorks();
}

test "a model whose latents are larger than the board's memory for a request is refused" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    // As of a model with longer latents: the test model's rows are short,
    // and the least that a board may have is 64 KiB.
    board.host.device.config.body_bytes_max = 2 * 4 * hosts.latent_elements - 1;
    const refused = board.activate("model_b");
    try expectProblem(refused, 422, "MODEL_REFUSED");
    try expect(std.mem.indexOf(u8, refused.body.items, "256 bytes are needed and 255 exist") != null);
}

test "activation waits for inference, lets none begin, and goes on without its client" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const host = &board.host;
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    host.decode_now = false;
    const decoding = host.head("POST", "/v1/encode", "image/jpeg", "");
    host.core.bodyChunk(decoding, "\xff\xd8\xff");
    host.core.requestEnd(decoding);
    const receiving = host.head("POST", "/v1/encode", "image/jpeg", "");
    const activating = host.head("POST", "/v1/models/model_b/activate", "", "");
    host.core.requestEnd(activating);
    try expectProblem(host.reply(receiving), 503, "MODEL_SWITCHING");
    try expect(host.reply(receiving).hasHeader("retry-after: "));
    try expectProblem(host.send("POST", "/v1/encode", "image/jpeg", "", "\xff\xd8\xff"), 503, "MODEL_SWITCHING");
    try expectProblem(board.activate("model_b"), 409, "SLOT_PENDING");
    host.core.requestClosed(activating);
    try expectEqual(@as(u32, 0), host.reply(decoding).heads);
    host.finishDecode(decoding);
    host.pump();
    try expectEqual(@as(u32, 200), host.reply(decoding).status);
    try expectEqual(@as(u32, 0), host.reply(activating).heads);
    host.decode_now = true;
    try board.expectSlot("model_b", "VALID", true);
    try board.expectWorks();
    try expectEqual(@as(u32, 0), host.device.inProgress());
}

test "an activation whose record the flash did not take can be tried again, and what runs meanwhile is told" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    board.host.core.mqtt.connect(board.host.device, 5);
    board.host.forget();
    // The flash takes the record of the trial and not that of its end.
    board.sim.cutAt(1, .dropped);
    try expectProblem(board.activate("model_b"), 500, "FLASH_FAILED");
    board.sim.powerOn();
    try board.expectSlot("model_b", "PENDING", true);
    try board.expectWorks();
    const status = board.host.last("synapse/020000000001/status").?;
    try expect(std.mem.indexOf(u8, status.payload, "\"slot\":\"model_b\"") != null);
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    try board.expectSlot("model_b", "VALID", true);
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectSlot("model_b", "VALID", true);
}

test "five boots that end early lead to safe mode, a healthy one out of it, an activation too" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    try expectEqual(@as(u32, 201), board.put("model_b", file).status);
    for (0..4) |_| try expectEqual(ports.Result.ok, try board.host.reset());
    try expectEqual(ports.Result.model, try board.host.reset());
    const described = board.host.ask("GET", "/v1/device", &.{}, "");
    try expect(std.mem.indexOf(u8, described.body.items, "\"safe_mode\":true") != null);
    try expectProblem(board.host.send("POST", "/v1/encode", "image/jpeg", "", ""), 503, "NO_MODEL");
    board.host.core.tick(board.host.clock_us + limits.healthy_after_us + 1_000_000);
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectWorks();
    for (0..5) |_| _ = try board.host.reset();
    try expectProblem(board.host.send("POST", "/v1/encode", "image/jpeg", "", ""), 503, "NO_MODEL");
    try expectEqual(@as(u32, 200), board.activate("model_b").status);
    try board.expectWorks();
    try expectEqual(ports.Result.ok, try board.host.reset());
    try board.expectSlot("model_b", "VALID", true);
}

test "power is cut at every flash operation of an upload and its activation: the board comes back with the old model or the new" {
    var counts: [2]u32 = .{ 0, 0 };
    var cases: u32 = 0;
    for (sims.cuts) |cut| {
        var at: u64 = 0;
        while (true) : (at += 1) {
            var board: Board = undefined;
            try board.start();
            defer board.stop();
            board.sim.cutAt(at, cut);
            _ = board.put("model_b", file);
            _ = board.activate("model_b");
            if (board.sim.powered) break;
            board.sim.powerOn();
            try expectEqual(ports.Result.ok, try board.host.reset());
            try board.expectWorks();
            const slot = board.host.device.active.slot.slice();
            counts[@intFromBool(std.mem.eql(u8, slot, "model_b"))] += 1;
            cases += 1;
            // What was left behind does not stop the next try.
            const other: []const u8 = if (std.mem.eql(u8, slot, "model_b")) "model_a" else "model_b";
            try expectEqual(@as(u32, 201), board.put(other, file).status);
            try expectEqual(@as(u32, 200), board.activate(other).status);
            try board.expectWorks();
            try expectEqual(@as(u32, 0), board.sim.violations);
        }
    }
    std.debug.print(
        "power cuts through the routes: {d} cuts of an upload and its activation; {d} times the old model, {d} " ++
            "times the new one\n",
        .{ cases, counts[0], counts[1] },
    );
}

test "a model that has too much to do is refused with how much, and its slot is as before" {
    var board: Board = undefined;
    try board.start();
    defer board.stop();
    const device = board.host.device;
    var model = device.active.model.?;
    try expectEqual(null, workRefusal(device, &model));
    const giga = 1_000_000_000;
    const Case = struct { work: @TypeOf(model.work), words: []const u8 };
    for ([_]Case{
        .{
            .work = .{ .run_max = 64 * giga + 1 },
            .words = "longest run takes 64.0 G multiply-accumulates, and this board takes at most 64.0 G",
        },
        .{ .work = .{ .golden_total = 1599_960_000_000 }, .words = "test vectors together take 1599.9 G" },
        .{ .work = .{ .op_max = std.math.maxInt(u64) }, .words = "at most 4.0 G" },
    }) |case| {
        model.work = case.work;
        const refusal = workRefusal(device, &model).?;
        try expect(std.mem.find(u8, refusal.text.slice(), case.words) != null);
    }
    model.work = .{ .op_max = 4 * giga, .run_max = 64 * giga, .golden_total = 64 * giga };
    try expectEqual(null, workRefusal(device, &model));
    // The owner's bound comes first, and 0 is none.
    _ = board.host.ask("PUT", "/v1/settings", &.{ "content-type", "application/json" }, "{\"model_gmac_max\":63}");
    try expect(workRefusal(device, &model) != null);
    model.work.run_max = std.math.maxInt(u64);
    _ = board.host.ask("PUT", "/v1/settings", &.{ "content-type", "application/json" }, "{\"model_gmac_max\":0}");
    try expectEqual(null, workRefusal(device, &model));
}
