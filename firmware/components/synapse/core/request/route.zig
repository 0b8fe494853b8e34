//! What a route is: when it is found, who may use it, and what it does with a request. Routes, requests and the device
//! know each other; device.zig ties them.
const Answer = @import("answer.zig").Answer;
const media_types = @import("answer.zig").media_types;
const BodyType = @import("../wire/body_type.zig").BodyType;
const Header = @import("../port.zig").Header;
const Level = @import("../board/access.zig").Level;
const Model = @import("../model/model.zig").Model;
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Target = @import("../wire/http.zig").Target;

pub const Method = enum { GET, POST, PUT, DELETE };

/// What a route without a body sees of its request.
pub const Request = struct {
    headers: []const Header,
    target: Target,
    /// What stands for `*` in the route's path.
    wildcard: []const u8,
};

pub fn Of(comptime Device: type, comptime Exchange: type) type {
    return struct {
        method: Method,
        /// Matched literally, segment by segment; `*` stands for one segment.
        path: []const u8,
        access: Level,
        kind: union(enum) { immediate: Immediate, inference: Inference, task: Task },

        /// Answered at once, on the event side.
        pub const Immediate = struct {
            /// Media types it can answer with.
            offers: []const []const u8,
            /// Writes the whole answer, or fills the problem.
            answer: *const fn (device: *Device, request: Request, answer: *Answer, problem: *Problem) ProblemError!void,
        };

        /// Answered after work: parse on the event side, step on the worker, answer on the event side.
        pub const Inference = struct {
            /// Media types of the body; none for a route that takes no body.
            accepts: []const BodyType,
            /// What the body is, whatever its type says: for clients that do not say it.
            assumes: ?BodyType = null,
            /// Media types it can answer with.
            offers: []const []const u8 = &media_types,
            /// Whether the model has what the route needs.
            available: *const fn (model: *const Model) bool,
            /// Reads the body into the exchange, or fills exchange.problem.
            parse: *const fn (device: *const Device, exchange: *Exchange) ProblemError!void,
            /// One model run; true when there is nothing left to do. Touches the exchange, the model and what belongs
            /// to it, nothing else.
            step: *const fn (device: *Device, exchange: *Exchange) bool,
            /// Result rows that the answer will show, to be checked for numbers that JSON cannot hold.
            results: *const fn (model: *const Model, exchange: *Exchange) []const f32,
            /// Puts into effect what the answer tells, once it is sure that there is one: on the event side,
            /// before `answer`.
            settle: ?*const fn (device: *Device, exchange: *Exchange) void = null,
            answer: *const fn (device: *const Device, exchange: *Exchange, answer: *Answer) void,
            /// Predictions that the parsed request asks for, where that is its client's choice.
            predictions: ?*const fn (exchange: *const Exchange) u64 = null,
            /// Between two steps others may use the worker and the model.
            yields: bool = false,
            /// Tells how far the work is, between two turns, when the client takes server-sent events.
            progress: ?*const fn (device: *const Device, exchange: *Exchange, answer: *Answer) void = null,
        };

        /// Changes what the board holds: reads its body as it arrives, works, and goes on to its end when the client
        /// leaves after the body. All functions but `step` run on the event side.
        pub const Task = struct {
            /// Media types of the body, which may also come without one; none for a route that takes no body.
            accepts: []const BodyType,
            offers: []const []const u8 = &media_types,
            /// Statuses of success.
            success: []const u16,
            /// Waits until no inference is in progress, and lets none begin before it is over.
            exclusive: bool = false,
            /// Its body may take as long as it needs, as long as something comes.
            unhurried: bool = false,
            /// Looks at the head; what it refuses has changed nothing.
            begin: *const fn (device: *Device, exchange: *Exchange, request: Request) ProblemError!void,
            /// The next bytes of the body. Failing ends the request.
            chunk: *const fn (device: *Device, exchange: *Exchange, bytes: []const u8) ProblemError!void,
            /// The body has ended; true when there is work to do before the answer.
            received: *const fn (device: *Device, exchange: *Exchange) ProblemError!bool,
            /// The client left, or was too slow, before its body had ended.
            left: *const fn (device: *Device, exchange: *Exchange) void,
            /// The right to it is gone, at any point before its end: undoes what has taken effect, if it must. True
            /// when the worker has to do that; then `step` and `finish` follow. The worker is not in it meanwhile.
            revoke: *const fn (device: *Device, exchange: *Exchange) bool,
            /// The worker's turn has come.
            start: *const fn (device: *Device, exchange: *Exchange) ProblemError!void,
            /// On the worker; true when there is nothing left to do.
            step: *const fn (device: *Device, exchange: *Exchange) bool,
            /// Puts the work into effect and answers, or fills exchange.problem. The client may have left; the answer
            /// then goes nowhere.
            finish: *const fn (device: *Device, exchange: *Exchange, answer: *Answer) ProblemError!void,
        };
    };
}
