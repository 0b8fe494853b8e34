import { InputError } from "synapse-engine/errors";
import type { BoardEngine, LineFaults } from "synapse-sim";
import { type BoardBroker, brokerAt, serveBroker } from "../boards/boardBroker.js";
import type { CommonOptions } from "./options.js";

/** What `synapse-host sim` was asked for. */
export interface SimOptions extends CommonOptions {
  readonly board: string;
  /** Not with `serial`, nor without it. */
  readonly model?: string;
  readonly port: number;
  readonly host: string;
  readonly engine?: BoardEngine;
  readonly qr: boolean;
  readonly open: boolean;
  readonly count: number;
  readonly browser: boolean;
  readonly mdns: boolean;
  readonly updateKey?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly broker?: string;
  readonly brokerCa?: string;
  readonly brokerCert?: string;
  readonly brokerKey?: string;
  /** A port, or true where none was given. */
  readonly serveBroker?: number | true;
  /** A port, or true where none was given. */
  readonly serial?: number | true;
  readonly flashFile?: string;
  readonly faults?: LineFaults;
}

/**
 * Throws an InputError with code `MODEL_MISSING`, or `FLASH_FILE_ALONE` or `FAULTS_ALONE` where no chip would use the
 * file, or has a cable.
 */
export function modelOf({ model, flashFile, faults }: SimOptions): string {
  if (faults !== undefined) {
    throw new InputError({
      code: "FAULTS_ALONE",
      source: "--faults",
      message: "a board without a serial line has no cable",
      expected: "--serial as well, and no --model",
    });
  }
  if (flashFile !== undefined) {
    throw new InputError({
      code: "FLASH_FILE_ALONE",
      source: "--flash-file",
      message: "a board with a model of its own has no use for it",
      expected: "--serial as well, and no --model",
    });
  }
  if (model !== undefined) return model;
  throw new InputError({
    code: "MODEL_MISSING",
    source: "sim",
    message: "there is no model",
    expected: "--model <file>, or --serial for a chip that is flashed",
  });
}

/** The broker that was asked for. */
export async function brokerOf({ broker, serveBroker: port, host }: SimOptions): Promise<BoardBroker | undefined> {
  if (broker !== undefined) return brokerAt(broker);
  return port === undefined ? undefined : serveBroker(host, port === true ? undefined : port);
}
