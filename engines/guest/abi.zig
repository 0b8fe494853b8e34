//! The C API as it was compiled: its structs by their C names, and its functions.

const synapse = @import("synapse");
const api = synapse.c_api;

pub const Result = synapse.Result;

pub const structs = .{
    .syn_error = synapse.CError,
    .syn_model_info = api.ModelInfo,
    .syn_entry_info = api.EntryInfo,
    .syn_port_info = api.PortInfo,
    .syn_session_requirements = api.SessionRequirements,
    .syn_session_config = api.SessionConfig,
    .syn_op_profile = api.OpProfile,
};

/// Pairs of a C name and the function.
pub const functions = api.functions;
pub const kernel_checks = synapse.kernel_check.functions;
pub const exportAll = api.exportAll;
