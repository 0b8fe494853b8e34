//! The runtime's C API (kernels/include/synapse.h), as the core calls it.
//! The core knows the runtime only through these functions.
pub const Handle = opaque {};
pub const SessionHandle = opaque {};

pub const ok: c_int = 0;
pub const more: c_int = 1;

pub const ErrorInfo = extern struct {
    size: u32 = @sizeOf(ErrorInfo),
    code: i32 = 0,
    offset: u32 = 0,
    message: [180]u8 = @splat(0),
};

pub const ModelInfo = extern struct {
    size: u32 = @sizeOf(ModelInfo),
    name: ?[*]const u8 = null,
    name_bytes: u32 = 0,
    exact: u32 = 0,
    entry_count: u32 = 0,
    golden_count: u32 = 0,
    file_bytes: u32 = 0,
    sha256: [32]u8 = @splat(0),
    meta: ?[*]const u8 = null,
    meta_bytes: u32 = 0,
};

pub const EntryInfo = extern struct {
    size: u32 = @sizeOf(EntryInfo),
    name: ?[*]const u8 = null,
    name_bytes: u32 = 0,
    rows_max: u32 = 0,
    input_count: u32 = 0,
    output_count: u32 = 0,
    op_count: u32 = 0,
};

pub const ModelWork = extern struct {
    size: u32 = @sizeOf(ModelWork),
    op_max: u64 = 0,
    run_max: u64 = 0,
    golden_total: u64 = 0,
};

pub const Type = enum(u32) { f32 = 0, u8 = 1, i32 = 2, _ };
pub const Kind = enum(u32) { tensor = 0, image = 1, tokens = 2, latent = 3, action = 4, _ };

pub const PortInfo = extern struct {
    size: u32 = @sizeOf(PortInfo),
    name: ?[*]const u8 = null,
    name_bytes: u32 = 0,
    kind: Kind = .tensor,
    type: Type = .f32,
    rank: u32 = 0,
    shape: [4]u32 = @splat(0),
    dynamic: u32 = 0,
    bytes_max: u32 = 0,
};

pub const SessionRequirements = extern struct {
    size: u32 = @sizeOf(SessionRequirements),
    session_bytes: usize = 0,
    fast_bytes: usize = 0,
    slow_bytes: usize = 0,
    state_bytes: usize = 0,
    thread_bytes: usize = 0,
};

pub const OpProfile = extern struct {
    size: u32 = @sizeOf(OpProfile),
    op: [*:0]const u8 = "",
    name: ?[*]const u8 = null,
    name_bytes: u32 = 0,
    runs: u32 = 0,
    ticks: u64 = 0,
    macs: u64 = 0,
    weight_bytes: u64 = 0,
    activation_bytes: u64 = 0,
};

pub const KernelCheck = extern struct {
    size: u32 = @sizeOf(KernelCheck),
    name: [*:0]const u8 = "",
    passed: u32 = 0,
    ticks: u64 = 0,
    macs: u64 = 0,
};

pub const Ticks = *const fn (user: ?*anyopaque) callconv(.c) u64;

pub const SessionConfig = extern struct {
    size: u32 = @sizeOf(SessionConfig),
    threads: u32,
    session: ?*anyopaque,
    fast: ?*anyopaque,
    slow: ?*anyopaque,
    state: ?*anyopaque,
    thread: ?*anyopaque,
    session_bytes: usize,
    fast_bytes: usize,
    slow_bytes: usize,
    state_bytes: usize,
    thread_bytes: usize,
    parallel_for: ?@import("../port.zig").ParallelFor,
    ticks: ?Ticks,
    user: ?*anyopaque,
};

pub extern fn syn_model_requirements(
    file: ?*const anyopaque,
    file_bytes: usize,
    out_memory_bytes: *usize,
    err: ?*ErrorInfo,
) c_int;
pub extern fn syn_model_open(
    file: ?*const anyopaque,
    file_bytes: usize,
    flags: u32,
    memory: ?*anyopaque,
    memory_bytes: usize,
    out_model: *?*Handle,
    err: ?*ErrorInfo,
) c_int;
pub extern fn syn_model_get_info(model: *const Handle, out_info: *ModelInfo) c_int;
pub extern fn syn_model_get_work(model: *const Handle, out_work: *ModelWork) c_int;
pub extern fn syn_model_get_entry(model: *const Handle, entry: u32, out_info: *EntryInfo) c_int;
pub extern fn syn_model_find_entry(model: *const Handle, name: [*]const u8, name_bytes: usize, out_entry: *u32) c_int;
pub extern fn syn_model_get_input(model: *const Handle, entry: u32, index: u32, out_info: *PortInfo) c_int;
pub extern fn syn_model_get_output(model: *const Handle, entry: u32, index: u32, out_info: *PortInfo) c_int;
pub extern fn syn_session_get_requirements(
    model: *const Handle,
    threads: u32,
    out_requirements: *SessionRequirements,
) c_int;
pub extern fn syn_session_open(model: *const Handle, config: *const SessionConfig, out_session: *?*SessionHandle) c_int;
pub extern fn syn_session_input(
    session: *SessionHandle,
    entry: u32,
    index: u32,
    out_data: *?[*]u8,
    out_bytes_max: *usize,
) c_int;
pub extern fn syn_session_output(
    session: *SessionHandle,
    entry: u32,
    index: u32,
    out_data: *?[*]const u8,
    out_bytes_max: *usize,
) c_int;
pub extern fn syn_session_begin(session: *SessionHandle, entry: u32, rows: u32) c_int;
pub extern fn syn_session_begin_self_test(session: *SessionHandle, golden: u32) c_int;
pub extern fn syn_session_advance(session: *SessionHandle, ops_max: u32) c_int;
pub extern fn syn_session_get_profile(
    session: *const SessionHandle,
    entry: u32,
    op: u32,
    out_profile: *OpProfile,
) c_int;
pub extern fn syn_session_reset_profile(session: *SessionHandle) c_int;
pub extern fn syn_session_cancel(session: *SessionHandle) c_int;
pub extern fn syn_kernel_check_count() u32;
pub extern fn syn_kernel_check_bytes() u32;
pub extern fn syn_kernel_check_run(
    index: u32,
    memory: ?*anyopaque,
    memory_bytes: usize,
    ticks: ?Ticks,
    user: ?*anyopaque,
    out_check: *KernelCheck,
) c_int;
pub extern fn syn_result_name(result: c_int) [*:0]const u8;
pub extern fn syn_isa_name() [*:0]const u8;
