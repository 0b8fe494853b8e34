/** Made by scripts/make-client-types.mjs from openapi.json; changes belong there. */

/**
 * What went wrong, for programs; later firmware may add some.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Code".
 */
export type Code =
  | "ANSWER_TOO_LARGE"
  | "BODY_INCOMPLETE"
  | "BODY_INVALID"
  | "BODY_MALFORMED"
  | "BODY_TIMEOUT"
  | "BODY_TOO_LARGE"
  | "CONTENT_ENCODING"
  | "CONTENT_LENGTH"
  | "CONTENT_RANGE"
  | "CONTENT_TYPE"
  | "CORRELATION_DATA"
  | "INTERNAL"
  | "LENGTH_REQUIRED"
  | "METHOD_NOT_ALLOWED"
  | "NOT_ACCEPTABLE"
  | "NOT_FOUND"
  | "NO_REBOOT"
  | "QUERY_INVALID"
  | "QUEUE_FULL"
  | "REQUEST_BOUND"
  | "REQUEST_STOPPED"
  | "REQUEST_UNKNOWN"
  | "RESPONSE_TOPIC"
  | "TARGET_TOO_LONG"
  | "UNKNOWN_COMMAND"
  | "CLAIM_CLOSED"
  | "CLAIM_CODE_WRONG"
  | "CLAIM_PAGE"
  | "COST_LIMIT"
  | "HOST_FOREIGN"
  | "ORIGIN_FOREIGN"
  | "RIGHT_LOST"
  | "SETTINGS_FULL"
  | "TOKEN_MISSING"
  | "TOKEN_WRONG"
  | "TOO_MANY_ATTEMPTS"
  | "UNCLAIMED"
  | "IMAGE_SIZE"
  | "IMAGE_TOO_LARGE"
  | "IMAGE_TYPE"
  | "IMAGE_UNREADABLE"
  | "MODEL_LACKS_ENTRY"
  | "MODEL_REFUSED"
  | "MODEL_SWITCHING"
  | "MODEL_TOO_LONG"
  | "NO_MODEL"
  | "RESULT_NOT_FINITE"
  | "SELFTEST_FAILED"
  | "STREAMS_FULL"
  | "DIGEST_WRONG"
  | "FIRMWARE_CHIP"
  | "FIRMWARE_DAMAGED"
  | "FIRMWARE_ON_TRIAL"
  | "FIRMWARE_RETURNED"
  | "FIRMWARE_REVISION"
  | "FIRMWARE_TOO_LARGE"
  | "FLASH_FAILED"
  | "LENGTH_DIFFERS"
  | "MODEL_EXCEEDS_SLOT"
  | "NOT_AN_IMAGE"
  | "NOT_A_PACK"
  | "NO_FIRMWARE_UPDATE"
  | "NO_FLASH"
  | "PACK_SIZES"
  | "PACK_VERSION"
  | "RANGE_MISMATCH"
  | "SIGNATURE_KEY_UNKNOWN"
  | "SIGNATURE_MISSING"
  | "SIGNATURE_WRONG"
  | "SLOT_ACTIVE"
  | "SLOT_NOT_READY"
  | "SLOT_PENDING"
  | "SLOT_UNKNOWN"
  | "UPLOAD_ENDED"
  | "UPLOAD_IN_PROGRESS"
  | "ACCESS_DENIED"
  | "ADDRESS_INVALID"
  | "BYTES_EXHAUSTED"
  | "CANCELLED"
  | "CERTIFICATE_REFUSED"
  | "CONNECTION_REFUSED"
  | "DOWNLOAD_BROKE"
  | "FILE_CHANGED"
  | "FILE_NOT_FOUND"
  | "NAME_UNRESOLVED"
  | "NO_FETCH"
  | "NO_UPDATE"
  | "PAGE_INSTEAD"
  | "RANGE_UNASKED"
  | "REDIRECT_LOOP"
  | "REDIRECT_SCHEME"
  | "SERVER_BUSY"
  | "SERVER_ERROR"
  | "SERVER_REFUSED"
  | "SERVER_SILENT"
  | "SERVER_UNREACHABLE"
  | "TIME_EXHAUSTED"
  | "TLS_FAILED"
  | "TRIES_EXHAUSTED"
  | "UPDATE_IN_PROGRESS"
  | "EXPECTATION_UNKNOWN"
  | "HEAD_MALFORMED"
  | "HEAD_TIMEOUT"
  | "HEAD_TOO_LARGE";
/**
 * latent_elements numbers: an array, or little-endian f32 as base64 text (CBOR: a byte string)
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Latent".
 */
export type Latent = [number, ...number[]] | string;
/**
 * action_elements numbers, as a latent is written
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Action".
 */
export type Action = [number, ...number[]] | string;
/**
 * rows of actions, as rows of latents are written
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ActionRows".
 */
export type ActionRows = [Action, ...Action[]] | string;
/**
 * rows of numbers: an array of rows, or all of them as base64 text of little-endian f32
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "LatentRows".
 */
export type LatentRows = [Latent, ...Latent[]] | string;
/**
 * application/octet-stream: raw RGB of the model's size, rows from the top
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ImageType".
 */
export type ImageType = "image/jpeg" | "image/png" | "application/octet-stream";
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Frame".
 */
export type Frame = ImageObject | LatentObject;
export type ObserveRequest = {
  [k: string]: unknown;
};
/**
 * what the client may not have meant; absent where there is nothing to warn of
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Warnings".
 */
export type Warnings = {
  code: "ACTION_OUT_OF_BOUNDS";
  detail: string;
  /**
   * the first value that is meant
   */
  field: string;
  expected: string;
}[];
/**
 * What a plan's text/event-stream consists of: progress any number of times, then result or error.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "PlanServerEvent".
 */
export type PlanServerEvent =
  | {
      event: "progress";
      data: PlanProgress;
    }
  | {
      event: "result";
      data: PlanAnswer;
    }
  | {
      event: "error";
      data: Problem;
    };
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ActivateAnswer".
 */
export type ActivateAnswer = Slot & {
  vectors_passed: number;
};

export interface Schemas {}
/**
 * RFC 9457 problem details. Always JSON, whatever the client accepts.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Problem".
 */
export interface Problem {
  title: string;
  status: number;
  code: Code;
  detail: string;
  /**
   * a header, a query parameter, or a path in the body such as actions[3][1]
   */
  field?: string;
  /**
   * what would be right
   */
  expected?: string;
  retry_after_s?: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ImageObject".
 */
export interface ImageObject {
  /**
   * CBOR: a byte string
   */
  image: string;
  type: ImageType;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "LatentObject".
 */
export interface LatentObject {
  latent: Latent;
}
/**
 * As many actions as latents, oldest first: action i is the one taken at latent i.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "PredictRequest".
 */
export interface PredictRequest {
  history: LatentRows;
  actions: ActionRows;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "RolloutRequest".
 */
export interface RolloutRequest {
  start: Frame;
  actions: ActionRows;
}
export interface ObserveRequest1 {
  stream: string;
  image?: string;
  type?: ImageType;
  latent?: Latent;
  /**
   * action_elements numbers, as a latent is written
   */
  action?: [number, ...number[]] | string;
  /**
   * forget the stream; this frame is its first
   */
  reset?: boolean;
}
/**
 * At most as many elites as samples; samples * iterations * horizon of at most 45000.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Budget".
 */
export interface Budget {
  samples?: number;
  iterations?: number;
  elites?: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "PlanRequest".
 */
export interface PlanRequest {
  start: Frame;
  goal: Frame;
  horizon?: number;
  budget?: Budget;
  seed?: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Model".
 */
export interface Model {
  name: string;
  sha256: string;
  untrained: boolean;
}
/**
 * Microseconds: head to end of body; reading the body, pictures included; waiting; on the worker; all.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Timing".
 */
export interface Timing {
  receive_us: number;
  decode_us: number;
  queue_us: number;
  inference_us: number;
  total_us: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Slot".
 */
export interface Slot {
  slot: string;
  state: "VALID" | "PENDING" | "EMPTY" | "BROKEN";
  detail?: string;
  active: boolean;
  /**
   * largest model that the slot holds
   */
  capacity_bytes?: number;
  /**
   * one of the update keys that the board has now signed the model, as was checked when it came
   */
  signed?: boolean;
  /**
   * an upload that has begun and not ended
   */
  upload?: {
    received_bytes: number;
    bytes: number;
  };
  name?: string;
  untrained?: boolean;
  exact?: boolean;
  bytes?: number;
  sha256?: string;
  image?: {
    width: number;
    height: number;
  };
  latent_elements?: number;
  action_elements?: number;
  history_max?: number;
  actions?: ActionSpace;
  /**
   * what POST routes work with this model
   */
  routes?: string[];
}
/**
 * what the model's actions are, where its pack says so: of each component of an environment action; a row of action_elements repeats them
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ActionSpace".
 */
export interface ActionSpace {
  units?: string;
  bounds?: {
    min: number[];
    max: number[];
  };
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Region".
 */
export interface Region {
  bytes: number;
  used_bytes: number;
  free_bytes: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "EncodeAnswer".
 */
export interface EncodeAnswer {
  latent: Latent;
  model: Model;
  timing: Timing;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "PredictAnswer".
 */
export interface PredictAnswer {
  latent: Latent;
  warnings?: Warnings;
  model: Model;
  timing: Timing;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "RolloutAnswer".
 */
export interface RolloutAnswer {
  /**
   * the start included
   */
  trajectory: Latent[];
  warnings?: Warnings;
  model: Model;
  timing: Timing;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ObserveAnswer".
 */
export interface ObserveAnswer {
  stream: string;
  frame: number;
  surprise: number | null;
  z_score: number | null;
  count: number;
  mean: number | null;
  deviation: number | null;
  evicted: string | null;
  latent: Latent;
  warnings?: Warnings;
  model: Model;
  timing: Timing;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "PlanAnswer".
 */
export interface PlanAnswer {
  actions: Action[];
  trajectory: Latent[];
  cost: number;
  horizon: number;
  budget: Budget;
  predictions: number;
  seed: number;
  model: Model;
  timing: Timing;
}
/**
 * How far a plan is: after every iteration, and from time to time within one.
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "PlanProgress".
 */
export interface PlanProgress {
  /**
   * how many have ended
   */
  iteration: number;
  iterations: number;
  /**
   * steps of the predictor so far
   */
  predictions: number;
  /**
   * the best of the last iteration; null as long as there is none
   */
  cost: number | null;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "SelfTestAnswer".
 */
export interface SelfTestAnswer {
  passed: boolean;
  vectors: {
    vector: number;
    passed: boolean;
  }[];
  /**
   * what the ticks of kernels and ops are: the processor's cycles, or microseconds
   */
  ticks?: "cycles" | "us";
  /**
   * each kernel by itself, on seeded operands; empty where request bodies have too little memory
   */
  kernels?: {
    kernel: string;
    /**
     * it computes, to the bit, what the generic kernels compute on every machine
     */
    passed: boolean;
    ticks: number;
    macs: number;
  }[];
  /**
   * what each op has cost that the vectors have run, all its runs together; not over a broker
   */
  ops?: {
    entry: string;
    /**
     * its place among the entry's ops
     */
    index: number;
    op: string;
    /**
     * of its weight, or of what it gives
     */
    name: string;
    runs: number;
    ticks: number;
    macs: number;
    weight_bytes: number;
    activation_bytes: number;
  }[];
  model: Model;
  timing: Timing;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Log".
 */
export interface Log {
  entries: {
    sequence: number;
    uptime_us: number;
    level: "error" | "warn" | "info";
    text: string;
  }[];
  next: number;
  dropped: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Models".
 */
export interface Models {
  slots: Slot[];
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Device".
 */
export interface Device {
  id: string;
  name: string;
  simulated: boolean;
  board: {
    id: string;
    name: string;
    chip: string;
    chip_revision: string;
    radio: string;
  };
  firmware: {
    name: string;
    version: string;
    /**
     * version of the device core
     */
    core: string;
    /**
     * ON_TRIAL: new, and left again at the next start unless it stays up; RETURNED: a new one did not stay up, and the one before it runs
     */
    state: "VALID" | "ON_TRIAL" | "RETURNED";
    /**
     * largest image that POST /v1/firmware takes; 0: none
     */
    capacity_bytes: number;
    engine: string;
    isa: string;
  };
  uptime_us: number;
  reset: {
    reason: string;
    count: number;
  };
  /**
   * how the board is connected; null when that is not known
   */
  link: {
    /**
     * wifi, ethernet or simulated
     */
    kind: string;
    /**
     * the Wi-Fi's name
     */
    network?: string;
    address?: string;
    rssi_dbm?: number;
  } | null;
  clocks: {
    cpu_hz: number | null;
    psram_hz: number | null;
    flash_hz: number | null;
  };
  memory: {
    fast: Region;
    slow: Region;
    flash_bytes: number;
  };
  queue: {
    in_progress: number;
    capacity: number;
    /**
     * of the capacity, what requests without the owner's token may hold together
     */
    open_max: number;
    /**
     * of these, one address
     */
    open_client_max: number;
  };
  limits: {
    body_bytes_max: number;
    body_depth_max: number;
    rollout_steps_max: number;
    /**
     * longest side of a picture, in pixels
     */
    image_side_max: number;
    /**
     * most pixels of a picture
     */
    image_pixels_max: number;
    streams_max: number;
    /**
     * thousand millions of multiply-accumulates that a model may take to be activated; 0: any number
     */
    model_gmac_max: number;
    plan: {
      horizon_max: number;
      samples_max: number;
      iterations_max: number;
      elites_max: number;
      predictions_max: number;
    };
    /**
     * predictions that one request without the owner's token may ask for
     */
    open_predictions_max: number;
    receive_idle_us_max: number;
    receive_total_us_max: number;
  };
  /**
   * the board has an owner
   */
  claimed?: boolean;
  /**
   * claiming needs no code now
   */
  claim_window?: boolean;
  /**
   * everybody may use the model, without a token
   */
  open_inference?: boolean;
  /**
   * too many boots ended early: no model runs until one is activated
   */
  safe_mode?: boolean;
  /**
   * keys that the board trusts; with any, a model has to be signed by one of them
   */
  update_keys?: string[];
  slots: Slot[];
  mqtt: {
    connected: boolean;
    /**
     * under which the board's topics lie
     */
    topic: string;
    /**
     * the last failure of the connection since it was last there; null when there was none
     */
    failure: {
      detail: string;
      /**
       * failures since the board was last connected
       */
      count: number;
      ago_us: number;
    } | null;
  };
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ClaimRequest".
 */
export interface ClaimRequest {
  /**
   * the digits that the serial console shows; not needed within ten minutes of power-on or a press of the button
   */
  code?: string;
  /**
   * for people
   */
  name?: string;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ClaimAnswer".
 */
export interface ClaimAnswer {
  token: string;
  id: string;
  name: string;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Settings".
 */
export interface Settings {
  name: string;
  /**
   * @maxItems 8
   */
  groups: string[];
  /**
   * reading needs no token
   */
  open_read: boolean;
  /**
   * inference needs no token
   */
  open_inference: boolean;
  /**
   * predictions that one request without the owner's token may ask for; null: 2000
   */
  open_predictions_max: number | null;
  /**
   * web pages of these origins may use the board
   *
   * @maxItems 4
   */
  origins: string[];
  wifi_ssid: string;
  wifi_password: string | null;
  /**
   * MQTT broker; empty: none
   */
  broker_url: string;
  broker_username: string;
  broker_password: string | null;
  /**
   * seconds between telemetry messages; 0: none; null: 60
   */
  telemetry_s: number | null;
  /**
   * tell Home Assistant about the board
   */
  home_assistant: boolean;
  /**
   * thousand millions of multiply-accumulates that a model may take to be activated; 0: any number; null: the board's own bound
   */
  model_gmac_max: number | null;
}
/**
 * what is not named stays; an empty text removes a setting
 *
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "SettingsChange".
 */
export interface SettingsChange {
  name?: string;
  /**
   * @maxItems 8
   */
  groups?: string[];
  /**
   * reading needs no token
   */
  open_read?: boolean;
  /**
   * inference needs no token
   */
  open_inference?: boolean;
  /**
   * predictions that one request without the owner's token may ask for; null: 2000
   */
  open_predictions_max?: number | null;
  /**
   * web pages of these origins may use the board
   *
   * @maxItems 4
   */
  origins?: string[];
  wifi_ssid?: string;
  wifi_password?: string;
  /**
   * MQTT broker; empty: none
   */
  broker_url?: string;
  broker_username?: string;
  broker_password?: string;
  /**
   * seconds between telemetry messages; 0: none; null: 60
   */
  telemetry_s?: number | null;
  /**
   * tell Home Assistant about the board
   */
  home_assistant?: boolean;
  /**
   * thousand millions of multiply-accumulates that a model may take to be activated; 0: any number; null: the board's own bound
   */
  model_gmac_max?: number | null;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "FirmwareAnswer".
 */
export interface FirmwareAnswer {
  project: string;
  version: string;
  bytes: number;
  rebooting: boolean;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "ModelUpdateRequest".
 */
export interface ModelUpdateRequest {
  /**
   * where the file lies
   */
  url: string;
  /**
   * its length
   */
  bytes: number;
  /**
   * of the whole file
   */
  sha256: string;
  /**
   * whether it is to run once it is there
   */
  activate?: boolean;
  /**
   * the board waits a random part of this first, so that a fleet does not come at once
   */
  spread_s?: number;
  /**
   * unless given, the one that does not run
   */
  slot?: string;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "FirmwareUpdateRequest".
 */
export interface FirmwareUpdateRequest {
  /**
   * where the file lies
   */
  url: string;
  /**
   * its length
   */
  bytes: number;
  /**
   * of the whole file
   */
  sha256: string;
  /**
   * whether it is to run once it is there
   */
  activate?: boolean;
  /**
   * the board waits a random part of this first, so that a fleet does not come at once
   */
  spread_s?: number;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Update".
 */
export interface Update {
  state: "IDLE" | "QUEUED" | "DOWNLOADING" | "DOWNLOADED" | "VERIFIED" | "UPDATING" | "UPDATED" | "FAILED";
  kind?: "model" | "firmware";
  slot?: string;
  activate?: boolean;
  url?: string;
  bytes?: number;
  received_bytes?: number;
  sha256?: string;
  code?: Code;
  /**
   * as code: why it failed, or waits for another try
   */
  detail?: string;
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Requests".
 */
export interface Requests {
  requests: {
    id: number;
    method: "GET" | "POST" | "PUT" | "DELETE";
    /**
     * of the route; * stands for a part of it
     */
    path: string;
    /**
     * stranger: without the owner's token; board: the board itself, for an update; cable: whoever holds the board, at its serial console
     */
    by: "owner" | "stranger" | "broker" | "board" | "cable";
    /**
     * the address that it came from
     */
    client?: string;
    state: "receiving" | "decoding" | "queued" | "running" | "ending";
    /**
     * microseconds since its head
     */
    age_us: number;
  }[];
}
/**
 * This interface was referenced by `Schemas`'s JSON-Schema
 * via the `definition` "Stopped".
 */
export interface Stopped {
  stopped: number;
}
