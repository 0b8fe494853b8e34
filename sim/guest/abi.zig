//! The C API as it was compiled: its structs and functions by their C names.

const synapse = @import("synapse");
const api = synapse.c_api;

pub const Result = synapse.errors.Result;

pub const structs = .{
    .syn_error = synapse.errors.CError,
    .syn_model_info = api.ModelInfo,
    .syn_entry_info = api.EntryInfo,
    .syn_port_info = api.PortInfo,
    .syn_session_requirements = api.SessionRequirements,
    .syn_session_config = api.SessionConfig,
    .syn_op_profile = api.OpProfile,
};

pub const functions = .{
    .syn_model_requirements = api.syn_model_requirements,
    .syn_model_open = api.syn_model_open,
    .syn_model_get_info = api.syn_model_get_info,
    .syn_model_get_entry = api.syn_model_get_entry,
    .syn_model_find_entry = api.syn_model_find_entry,
    .syn_model_get_input = api.syn_model_get_input,
    .syn_model_get_output = api.syn_model_get_output,
    .syn_session_get_requirements = api.syn_session_get_requirements,
    .syn_session_open = api.syn_session_open,
    .syn_session_input = api.syn_session_input,
    .syn_session_output = api.syn_session_output,
    .syn_session_run = api.syn_session_run,
    .syn_session_state = api.syn_session_state,
    .syn_session_reset = api.syn_session_reset,
    .syn_session_self_test = api.syn_session_self_test,
    .syn_session_get_profile = api.syn_session_get_profile,
    .syn_session_reset_profile = api.syn_session_reset_profile,
    .syn_result_name = api.syn_result_name,
    .syn_api_version = api.syn_api_version,
    .syn_isa_name = api.syn_isa_name,
};
