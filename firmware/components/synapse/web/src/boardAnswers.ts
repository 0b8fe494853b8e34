/** What a board takes and answers, as far as the page uses it (openapi.json). */

export interface Slot {
  readonly slot: string;
  readonly state: "VALID" | "PENDING" | "EMPTY" | "BROKEN";
  readonly active: boolean;
  /** Of the largest model that the slot holds; of boards with flash. */
  readonly capacity_bytes?: number;
  readonly detail?: string;
  readonly upload?: { readonly received_bytes: number; readonly bytes: number };
  readonly name?: string;
  readonly untrained?: boolean;
  readonly bytes?: number;
  readonly sha256?: string;
  /** By one of the board's update keys; of slots that hold a model. */
  readonly signed?: boolean;
  readonly image?: { readonly width: number; readonly height: number };
  readonly latent_elements?: number;
  readonly action_elements?: number;
  readonly actions?: ActionSpace;
  readonly routes?: readonly string[];
}

/** What the values of an action are, where the model says so: each bound is one number for each value of an environment action. */
export interface ActionSpace {
  readonly units?: string;
  readonly bounds?: { readonly min: readonly number[]; readonly max: readonly number[] };
}

export interface MemoryRegion {
  readonly bytes: number;
  readonly used_bytes: number;
}

export interface PlanLimits {
  readonly horizon_max: number;
  readonly samples_max: number;
  readonly iterations_max: number;
  readonly elites_max: number;
  readonly predictions_max: number;
}

export interface Firmware {
  readonly name: string;
  readonly version: string;
  readonly state: "VALID" | "ON_TRIAL" | "RETURNED";
  /** 0: it is only updated over the serial port. */
  readonly capacity_bytes: number;
  readonly engine: string;
  readonly isa: string;
}

/** A firmware that the board has taken. */
export interface TakenFirmware {
  readonly project: string;
  readonly version: string;
  readonly rebooting: boolean;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly simulated: boolean;
  readonly board: { readonly name: string; readonly chip: string; readonly chip_revision: string };
  readonly firmware: Firmware;
  readonly uptime_us: number;
  readonly reset: { readonly reason: string; readonly count: number };
  readonly clocks: { readonly cpu_hz: number | null; readonly psram_hz: number | null; readonly flash_hz: number | null };
  readonly memory: { readonly fast: MemoryRegion; readonly slow: MemoryRegion };
  readonly queue: {
    readonly in_progress: number;
    readonly capacity: number;
    /** Requests that are in progress without the owner's token, at most. */
    readonly open_max?: number;
  };
  readonly limits: {
    readonly rollout_steps_max: number;
    readonly plan: PlanLimits;
    /** Predictions of one request without the owner's token, at most. */
    readonly open_predictions_max?: number;
  };
  readonly claimed?: boolean;
  readonly claim_window?: boolean;
  /** Whether everybody may use the model, without a token. */
  readonly open_inference?: boolean;
  readonly safe_mode?: boolean;
  /** With any, the board takes only models that one of them signed. */
  readonly update_keys?: readonly string[];
  readonly slots: readonly Slot[];
  readonly mqtt?: {
    readonly connected: boolean;
    readonly topic: string;
    readonly failure?: { readonly detail: string; readonly count: number } | null;
  };
}

export interface Timing {
  readonly receive_us: number;
  readonly decode_us: number;
  readonly queue_us: number;
  readonly inference_us: number;
  readonly total_us: number;
}

export type Latent = readonly number[];
export type Action = readonly number[];

/** The model that gave an answer, by the SHA-256 of its pack. */
export interface AnsweringModel {
  readonly sha256: string;
}

export interface Seeing {
  readonly latent: Latent;
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

export interface RolloutAnswer {
  readonly trajectory: readonly Latent[];
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

export interface Observation {
  readonly frame: number;
  readonly surprise: number | null;
  readonly z_score: number | null;
  readonly count: number;
  readonly mean: number | null;
  readonly latent: Latent;
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

/** A frame as the board reads it: a latent that is known, or a picture. */
export type Frame = { readonly latent: Latent } | { readonly image: string; readonly type: string };

export interface Budget {
  readonly samples: number;
  readonly iterations: number;
  readonly elites: number;
}

export interface PlanRequest {
  readonly start: Frame;
  readonly goal: Frame;
  readonly horizon: number;
  readonly budget: Budget;
}

export interface PlanProgress {
  readonly iteration: number;
  readonly iterations: number;
  readonly predictions: number;
  readonly cost: number | null;
}

export interface PlanAnswer {
  readonly actions: readonly Action[];
  readonly trajectory: readonly Latent[];
  readonly cost: number;
  readonly predictions: number;
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

export interface Settings {
  readonly name: string;
  readonly open_read: boolean;
  readonly open_inference: boolean;
}
