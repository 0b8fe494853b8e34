//! GET /v1/metrics: Prometheus text format 0.0.4. Counters start at zero with the device.
const std = @import("std");
const Answer = @import("../request/answer.zig").Answer;
const Device = @import("../request/device.zig").Device;
const memory = @import("../board/memory.zig");
const metrics = @import("../board/metrics.zig");
const Problem = @import("../wire/problem.zig").Problem;
const ProblemError = @import("../wire/problem.zig").Error;
const Request = @import("../request/route.zig").Request;
const Route = @import("../request/device.zig").Route;

pub const route: Route = .{ .method = .GET, .path = "/v1/metrics", .access = .read, .kind = .{ .immediate = .{
    .offers = &.{"text/plain; version=0.0.4; charset=utf-8"},
    .answer = report,
} } };

fn report(device: *Device, _: Request, answer: *Answer, _: *Problem) ProblemError!void {
    answer.head(200, route.kind.immediate.offers[0], &.{.{ "cache-control", "no-store" }});
    family(answer, "synapse_requests_total", "counter", "Answered requests by route and status.");
    for (&device.metrics.requests, 0..) |*counts, index| {
        const method, const path = nameOf(device, index) orelse continue;
        for (counts, metrics.statuses) |count, status| {
            if (count > 0) line(
                answer,
                "synapse_requests_total{{method=\"{s}\",route=\"{s}\",status=\"{d}\"}} {d}\n",
                .{ method, path, status, count },
            );
        }
    }
    family(answer, "synapse_requests_abandoned_total", "counter", "Requests whose client left before the answer.");
    line(answer, "synapse_requests_abandoned_total {d}\n", .{device.metrics.abandoned});
    family(answer, "synapse_inference_seconds", "histogram", "Time on the worker of an answered request.");
    for (&device.metrics.inference, 0..) |*histogram, index| {
        if (index >= device.routes.len or histogram.count() == 0) continue;
        writeHistogram(answer, device.routes[index].path, histogram);
    }
    family(answer, "synapse_queue_depth", "gauge", "Inference requests in progress, the running one included.");
    line(answer, "synapse_queue_depth {d}\n", .{device.queueDepth()});
    family(answer, "synapse_queue_capacity", "gauge", "Most inference requests in progress at once.");
    line(answer, "synapse_queue_capacity {d}\n", .{device.config.exchange_count});
    family(answer, "synapse_memory_bytes", "gauge", "Memory by region.");
    region(answer, "fast", &device.memory.fast);
    region(answer, "slow", &device.memory.slow);
    if (device.storage != null) {
        family(answer, "synapse_flash_operations_total", "counter", "Erased sectors and writes of the flash areas.");
        for ([_]struct { []const u8, u32 }{
            .{ "erase", device.metrics.flash_erases },
            .{ "write", device.metrics.flash_writes },
        }) |operation| {
            line(answer, "synapse_flash_operations_total{{operation=\"{s}\"}} {d}\n", .{ operation[0], operation[1] });
        }
        family(answer, "synapse_flash_failures_total", "counter", "Flash operations that failed.");
        line(answer, "synapse_flash_failures_total {d}\n", .{device.metrics.flash_failures});
    }
    describeBroker(answer, device);
    family(answer, "synapse_uptime_seconds", "gauge", "Time since the device started.");
    line(answer, "synapse_uptime_seconds ", .{});
    seconds(answer, device.now() -| device.started_us);
    line(answer, "\n", .{});
    family(
        answer,
        "synapse_resets_total",
        "counter",
        "Resets since the board was first powered, with the reason of the last.",
    );
    line(
        answer,
        "synapse_resets_total{{last_reason=\"{s}\"}} {d}\n",
        .{ device.resetReason(), device.config.reset_count },
    );
    family(answer, "synapse_log_lines_total", "counter", "Lines written to the log.");
    line(answer, "synapse_log_lines_total {d}\n", .{device.log_ring.written});
    answer.end();
}

fn describeBroker(answer: *Answer, device: *const Device) void {
    const mqtt = &device.broker.counters;
    family(answer, "synapse_mqtt_connected", "gauge", "1 while the board has a broker.");
    line(answer, "synapse_mqtt_connected {d}\n", .{@intFromBool(device.broker.connected)});
    family(answer, "synapse_mqtt_connects_total", "counter", "Connections to a broker.");
    line(answer, "synapse_mqtt_connects_total {d}\n", .{mqtt.connects});
    family(
        answer,
        "synapse_mqtt_messages_total",
        "counter",
        "Messages by what became of them: commands received, of those duplicate or refused; published, or lost for " ++
            "want of room.",
    );
    inline for (.{ "received", "duplicates", "refused", "published", "lost" }) |kind| {
        line(answer, "synapse_mqtt_messages_total{{kind=\"{s}\"}} {d}\n", .{ kind, @field(mqtt, kind) });
    }
}

fn nameOf(device: *const Device, index: usize) ?struct { []const u8, []const u8 } {
    if (index == metrics.route_unmatched) return .{ "other", "other" };
    if (index >= device.routes.len) return null;
    return .{ @tagName(device.routes[index].method), device.routes[index].path };
}

fn writeHistogram(answer: *Answer, path: []const u8, histogram: *const metrics.Histogram) void {
    var cumulative: u64 = 0;
    for (histogram.buckets[0..metrics.bucket_us_max.len], metrics.bucket_us_max) |count, bound_us| {
        cumulative += count;
        line(answer, "synapse_inference_seconds_bucket{{route=\"{s}\",le=\"", .{path});
        seconds(answer, bound_us);
        line(answer, "\"}} {d}\n", .{cumulative});
    }
    line(answer, "synapse_inference_seconds_bucket{{route=\"{s}\",le=\"+Inf\"}} {d}\n", .{ path, histogram.count() });
    line(answer, "synapse_inference_seconds_sum{{route=\"{s}\"}} ", .{path});
    seconds(answer, histogram.sum_us);
    line(answer, "\nsynapse_inference_seconds_count{{route=\"{s}\"}} {d}\n", .{ path, histogram.count() });
}

noinline fn family(answer: *Answer, name: []const u8, kind: []const u8, help: []const u8) void {
    line(answer, "# HELP {s} {s}\n", .{ name, help });
    line(answer, "# TYPE {s} {s}\n", .{ name, kind });
}

noinline fn region(answer: *Answer, name: []const u8, block: *const memory.Block) void {
    line(answer, "synapse_memory_bytes{{region=\"{s}\",state=\"used\"}} {d}\n", .{ name, block.used });
    line(answer, "synapse_memory_bytes{{region=\"{s}\",state=\"free\"}} {d}\n", .{ name, block.free() });
}

/// Exact, whatever the size: microseconds are an integer.
noinline fn seconds(answer: *Answer, us: u64) void {
    var buffer: [32]u8 = undefined;
    const text = std.fmt.bufPrint(&buffer, "{d}.{d:0>6}", .{ us / 1_000_000, us % 1_000_000 }) catch unreachable;
    answer.raw(std.mem.trimEnd(u8, std.mem.trimEnd(u8, text, "0"), "."));
}

fn line(answer: *Answer, comptime format: []const u8, args: anytype) void {
    var buffer: [256]u8 = undefined;
    answer.raw(std.fmt.bufPrint(&buffer, format, args) catch unreachable); // Names are ours, and numbers short.
}
