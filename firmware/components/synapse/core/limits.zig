//! Every bound of the device core that is not a choice of the board's configuration.

/// Bounds of the configuration itself.
pub const threads_max = 64;
pub const body_bytes_min = 64 << 10;
pub const body_bytes_max = 16 << 20;
pub const exchanges_max = 16;

/// After a start from power-off, and after a press of the button, an unclaimed board can be claimed
/// without its code for this long.
pub const claim_window_us = 10 * 60 * 1_000_000;
/// A claim of a board without an owner has to come within this time, and so many of one client may be under way.
pub const claim_total_us_max = 10 * 1_000_000;
pub const claims_per_client_max = 2;
/// Requests at once that change what the board holds, apart from inference,
/// and the longest body of those that keep one.
pub const tasks_max = 4;
pub const task_body_bytes = 16 << 10;
/// Where texts of one request are put together: lists, numbers and addresses of PUT /v1/settings.
pub const texts_bytes = 4 << 10;
/// Predictions that one request without the owner's token may ask for, unless the owner sets another number.
pub const open_predictions_default = 2_000;
/// Wrong tokens and codes before the next ones have to wait.
pub const attempts_free = 5;
pub const origins_max = 4;
pub const origin_bytes_max = 96;
pub const groups_max = 8;
pub const group_bytes_max = 32;
pub const device_name_bytes_max = 64;

/// Routes that the metrics have room for.
pub const routes_max = 40;
/// Longest name of a model slot.
pub const slot_name_bytes_max = 32;
/// Longest request target (path and query) that is looked at.
pub const target_bytes_max = 1024;
/// Nesting of JSON and CBOR bodies: the deepest body any route takes is three levels.
pub const body_depth_max = 16;
/// Longest number in a JSON body, in characters.
pub const number_bytes_max = 64;
/// Most actions of one rollout; a board with small bodies allows fewer and says so in /v1/device.
pub const rollout_steps_max = 1000;
/// Longest side and most pixels of a picture that is decoded; every port is to decode what is within them.
pub const image_side_max = 16_384;
pub const image_pixels_max = 50_000_000;
/// Streams that POST /v1/observe remembers; the one unused for longest makes room for a new one.
pub const streams_max = 8;
pub const stream_name_bytes_max = 32;
/// Bounds of POST /v1/plan, and what it takes when the client does not say: a budget of a board's size.
pub const plan_samples_max = 300;
pub const plan_iterations_max = 30;
pub const plan_elites_max = 30;
pub const plan_horizon_max = 32;
/// samples * iterations * horizon
pub const plan_predictions_max = 45_000;
pub const plan_samples_default = 24;
pub const plan_iterations_default = 4;
pub const plan_elites_default = 4;
pub const plan_horizon_default = 5;
/// Progress is told after every iteration, and when this much time has passed.
pub const plan_progress_us = 1_000_000;
/// Longest name of the units of a model's actions.
pub const action_units_bytes_max = 63;
/// Values wider than this are no latent or action that any supported model has.
pub const row_elements_max = 1 << 16;

/// A client that sends nothing for this long, or not everything within the second time, loses its request.
pub const receive_idle_us_max = 10 * 1_000_000;
pub const receive_total_us_max = 120 * 1_000_000;

/// A board that has run for this long since its boot is healthy.
pub const healthy_after_us = 60 * 1_000_000;
/// Bytes of an upload that one step of the worker reads back.
pub const upload_check_bytes = 64 << 10;

/// Longest address that the board fetches a file from.
pub const url_bytes_max = 512;
/// Tries in a row that bring no byte of the file that was not there before; then the board gives the download up.
pub const update_tries_max = 8;
/// The longest wait between two tries.
pub const update_wait_s_max = 60;
/// Whatever the progress: downloads that are begun for one update, bytes that are received in all of them as a multiple
/// of the file's, and the time from the first one on.
pub const update_downloads_max = 256;
pub const update_bytes_factor_max = 8;
pub const update_time_us_max = 24 * 3600 * 1_000_000;
/// A server of which nothing is heard for this long is asked again.
pub const update_silence_us_max = 30 * 1_000_000;
/// A download is told of when it begins, after each of so many parts, and at its end.
pub const update_progress_parts = 8;
pub const update_spread_s_max = 86_400;

/// One turn of the worker: long rollouts are cut in turns, so that a request whose client left stops soon.
pub const work_turn_us = 20_000;
/// A run of the model is left between two ops after this long, so that a board with one thread serves others meanwhile.
/// Longer than a turn: what is left has to be begun again.
pub const run_turn_us = 50_000;

/// The most thousand million multiply-accumulates of a model's longest run, and of its test vectors together, on a
/// board whose configuration says nothing. Two cores of an ESP32-P4 take some five minutes for as many with scalar
/// instructions, and about a minute at the published speed of vector instructions.
pub const model_gmac_max_default = 64;
/// Most that the owner can set.
pub const model_gmac_max_most = 1_000_000;
/// The largest op, which nothing interrupts, may have this part of it.
pub const op_part = 16;

/// Longest answer that goes out as one MQTT message; brokers have limits of their own.
pub const mqtt_answer_bytes_max = 256 << 10;
/// Longest message that the board publishes by itself.
pub const mqtt_message_bytes_max = 4 << 10;
pub const mqtt_topic_bytes_max = 160;
pub const mqtt_correlation_bytes_max = 64;
/// Longest identity of a board in topics.
pub const mqtt_id_bytes_max = 48;
/// Commands that are remembered, so that one which comes again does not run again. Ports let the broker have far fewer
/// unacknowledged.
pub const mqtt_duplicates_max = 64;
/// After this long without anything to send the broker asks whether the board is there.
pub const mqtt_keepalive_s = 60;
/// Seconds between two messages on the telemetry topic, unless the owner sets another number.
pub const telemetry_s_default = 60;
/// Longest name and password of a broker's user.
pub const broker_username_bytes_max = 64;
pub const broker_password_bytes_max = 128;
pub const mqtt_failure_bytes_max = 120;
/// Boards answer Home Assistant's start within so long, each at its own time.
pub const birth_answer_us_max = 5_000_000;
pub const telemetry_s_max = 86_400;
/// A frame this many deviations above the mean of its stream, once the stream has this many surprises, is an event.
pub const surprise_event_deviations = 4;
pub const surprise_event_count = 8;

/// Of a Wi-Fi's name and password, as IEEE 802.11 has them.
pub const wifi_ssid_bytes_max = 32;
pub const wifi_password_bytes_max = 64;
