//! POST /v1/claim: makes the client the board's owner and gives it the token, once; the owner gets a new token in place
//! of the old one. DELETE /v1/claim: forgets the owner and everything the owner set.
const Answer = @import("../request/answer.zig").Answer;
const Body = @import("../wire/body.zig").Body;
const Device = @import("../request/device.zig").Device;
const Exchange = @import("../request/device.zig").Exchange;
const Pair = @import("../flash/journal.zig").Pair;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const access = @import("../board/access.zig");
const http = @import("../wire/http.zig");
const limits = @import("../limits.zig");
const models = @import("models.zig");
const ownership = @import("ownership.zig");
const updates = @import("../updates/updates.zig");
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;
const schema = @import("settings/schema.zig");
const small_task = @import("small_task.zig");

pub const route: Route = .{
    .method = .POST,
    .path = "/v1/claim",
    .access = .claim,
    .kind = .{ .task = small_task.task(&.{ .json, .cbor }, 201, begin, claim) },
};
pub const release_route: Route = .{
    .method = .DELETE,
    .path = "/v1/claim",
    .access = .owner,
    .kind = .{ .task = small_task.task(&.{}, 200, small_task.beginAny, release) },
};

const fields = [_][]const u8{ "code", "name" };

/// Whether a web page sent it whose address is not one of a local network.
const State = struct { foreign_page: bool = false };

fn begin(device: *Device, exchange: *Exchange, request: Request) ProblemError!void {
    if (device.storage == null) return models.withoutFlash(&exchange.problem);
    // A web page of another origin could send a body without a type, and own a board that its reader can reach.
    if (exchange.body_type == .raw) {
        return exchange.problem.fail(
            415,
            .CONTENT_TYPE,
            "the body has no type",
            .{},
            .{ .field = "content-type", .expected = "application/json, application/cbor" },
        );
    }
    const origin = http.header(request.headers, "origin");
    const host = request.target.authority orelse http.header(request.headers, "host");
    exchange.begin(State).foreign_page = (origin != null and !http.isLocalOrigin(origin.?)) or
        (host != null and !http.isLocalHost(host.?));
}

fn claim(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const storage = device.storage.?;
    var body: Body = undefined;
    body.init(if (exchange.body_type == .json) .json else .cbor, exchange.body(), &exchange.problem);
    var seen: u32 = 0;
    var code: ?[]const u8 = null;
    var name: ?[]const u8 = null;
    try body.object();
    while (try body.field(0, &fields, &seen)) |index| switch (index) {
        0 => code = try body.text(),
        else => {
            name = try body.text();
            if (name.?.len == 0 or name.?.len > limits.device_name_bytes_max or !schema.isPrintable(name.?)) {
                return body.failExpecting(
                    "1 to {d} printable bytes",
                    .{limits.device_name_bytes_max},
                    "this is no name",
                    .{},
                );
            }
        },
    };
    try body.end();
    if (!storage.access.claimed()) {
        // A page whose name was made to lead here (DNS rebinding) is of the board's own origin, as browsers see it.
        if (exchange.own(State).foreign_page and code == null) {
            return exchange.problem.fail(
                403,
                .CLAIM_PAGE,
                "a page at a public name claims the board without its code",
                .{},
                .{
                    .field = "origin",
                    .expected = "the code, or the board's page at its IP address or a name of the local network",
                },
            );
        }
        try storage.access.checkClaim(code, exchange.own(State).foreign_page, device.now(), &exchange.problem);
    }
    var random: [access.token_bytes]u8 = undefined;
    device.port.random(device.port.user, &random, random.len);
    var token: [access.token_text_bytes]u8 = undefined;
    const hash = access.makeToken(&random, &token);
    const changes = [_]Pair{ .{ .key = access.keys.token_hash, .value = &hash }, .{ .key = "name", .value = name } };
    storage.settings.apply(
        changes[0..if (name == null) 1 else 2],
    ) catch |err| return small_task.settingsProblem(exchange, err);
    storage.access.load();
    storage.access.forgetAttempts();
    device.log(.info, "the board was claimed");
    answer.begin(201);
    answer.objectBegin();
    answer.field("token", &token);
    answer.field("id", device.config.device_id.slice());
    answer.field("name", device.name());
    answer.objectEnd();
    answer.end();
    ownership.changed(device, exchange);
}

fn release(device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void {
    const storage = device.storage orelse return models.withoutFlash(&exchange.problem);
    var changes: [schema.table.len + 1]Pair = undefined;
    changes[0] = .{ .key = access.keys.token_hash, .value = null };
    for (changes[1..], schema.keys) |*change, key| change.* = .{ .key = key, .value = null };
    storage.settings.apply(&changes) catch |err| return small_task.settingsProblem(exchange, err);
    storage.access.load();
    ownership.changed(device, exchange);
    updates.forget(device);
    device.openClaim(limits.claim_window_us);
    device.tell(.{ .leaving = "released" });
    device.log(.info, "the board has no owner any more");
    answer.begin(200);
    answer.objectBegin();
    answer.fieldBoolean("claimed", false);
    answer.objectEnd();
    answer.end();
    device.settingsChanged();
}
