/** What a board takes and answers (openapi.json), as the page asks for it: with vectors as numbers, never as text. */
import type * as api from "synapse-client/api";

export type {
  ActionSpace,
  ActivateAnswer,
  ClaimAnswer,
  ClaimRequest,
  Device,
  FirmwareAnswer,
  PlanProgress,
  Region,
  Settings,
  SettingsChange,
  Slot,
  Stopped,
  Timing,
} from "synapse-client/api";

export type Latent = readonly number[];
export type Action = readonly number[];

type InNumbers<Answer> = {
  readonly [Key in keyof Answer]: Key extends "latent"
    ? Latent
    : Key extends "trajectory" | "actions"
      ? readonly Latent[]
      : Answer[Key];
};

export type Seeing = InNumbers<api.EncodeAnswer>;
export type RolloutAnswer = InNumbers<api.RolloutAnswer>;
export type Observation = InNumbers<api.ObserveAnswer>;
export type PlanAnswer = InNumbers<api.PlanAnswer>;
export type PlanServerEvent = api.PlanServerEvent;

export type Firmware = api.Device["firmware"];
export type PlanLimits = api.Device["limits"]["plan"];
export type Budget = Readonly<Required<api.Budget>>;

/** A frame as the board reads it: a latent that is known, or a picture. */
export type Frame = InNumbers<api.LatentObject> | { readonly [Key in keyof api.ImageObject]: string };

export interface PlanRequest {
  readonly start: Frame;
  readonly goal: Frame;
  readonly horizon: number;
  readonly budget: Budget;
}
