import type { FleetOptions } from "./fleetOptions.js";

export interface PushOptions extends FleetOptions {
  readonly all: boolean;
  readonly canaries: number;
  readonly waves: readonly number[];
  readonly parallel: number;
  readonly maxFailures: number;
  readonly soak: number;
  readonly boardTimeout: number;
  readonly brokerTimeout: number;
  readonly waitOffline: number;
  readonly url?: string;
  readonly serveHost?: string;
  readonly servePort: number;
  readonly state?: string;
  readonly retryFailed: boolean;
  readonly dryRun: boolean;
}
