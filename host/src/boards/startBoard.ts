import { basename } from "node:path";
import { topicId } from "synapse-client";
import { InputError } from "synapse-engine/errors";
import {
  type Announcement,
  announceBoard,
  type BoardEngine,
  type BoardServer,
  BrokerLink,
  SimulatedBoard,
  serveBoard,
  type TlsIdentity,
  type TlsOptions,
} from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { readInput } from "../files/readInput.js";
import { isUntrained, PACK_BYTES_MAX } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import type { SlotFit } from "../report/slotFit.js";
import { updateKeyPoint } from "../sign/signPack.js";
import { readUpdateKey } from "../sign/updateKeys.js";
import { slotFits } from "./boardFit.js";
import { networkUrl } from "./lanAddress.js";

export interface StartBoardRequest {
  readonly board: Board;
  /** Path of the packed model. */
  readonly model: string;
  /** The fastest that there is, when absent. */
  readonly engine?: BoardEngine | undefined;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly deviceId?: string;
  readonly deviceName?: string;
  /** As of SimulatedBoard. */
  readonly access: "open" | "unclaimed";
  /**
   * Whether the board announces itself in the local network; it does unless this is false, or only this machine is
   * served.
   */
  readonly mdns?: boolean;
  /** Paths of public keys: the board takes only models that one of them signed. */
  readonly updateKeys?: readonly string[];
  /** The broker of a board whose owner has set none. */
  readonly brokerUrl?: string;
  /** Of connections to brokers. */
  readonly brokerTls?: TlsOptions | undefined;
  /** HTTPS instead of HTTP. */
  readonly tls?: TlsIdentity | undefined;
  readonly log: (level: "error" | "warn" | "info", text: string) => void;
}

/** A simulated board that answers over HTTP. */
export interface RunningBoard {
  readonly board: Board;
  readonly model: { readonly file: string; readonly name: string; readonly untrained: boolean };
  /** The board's model slots, and whether the model fits each. */
  readonly slots: readonly SlotFit[];
  readonly engine: BoardEngine;
  /** The owner's token, when the board was made with an owner. */
  readonly token: string | undefined;
  /** For this machine. */
  readonly url: string;
  /** For others in the local network; undefined when it is served to this machine alone, or there is no network. */
  readonly lanUrl: string | undefined;
  /** Under which the board is on a broker: `synapse/020000000001`. */
  readonly topic: string;
  readonly server: BoardServer;
  close(): Promise<void>;
}

/**
 * Puts a model on a simulated board and serves it. Rejects with an InputError when the model does not fit or the port
 * is taken.
 */
export async function startBoard(request: StartBoardRequest): Promise<RunningBoard> {
  const file = await readInput(request.model, "a .syn file", PACK_BYTES_MAX);
  const { header, fileBytes } = readPack(file, request.model);
  const updateKeys = await Promise.all(
    (request.updateKeys ?? []).map(async (path) => updateKeyPoint(await readUpdateKey(path))),
  );
  const simulated = await SimulatedBoard.create({
    board: request.board,
    model: file,
    modelSource: request.model,
    ...(request.engine === undefined ? {} : { engine: request.engine }),
    access: request.access,
    ...(request.deviceId === undefined ? {} : { deviceId: request.deviceId }),
    ...(request.deviceName === undefined ? {} : { deviceName: request.deviceName }),
    updateKeys,
    log: request.log,
  });
  let connected: ConnectedBoard;
  try {
    connected = await connectBoard(simulated, request);
  } catch (error) {
    await simulated.close();
    throw error;
  }
  const { server } = connected;
  return {
    board: request.board,
    model: { file: basename(request.model), name: header.name, untrained: isUntrained(header.meta ?? {}) },
    slots: slotFits(request.board, fileBytes),
    engine: simulated.engine,
    token: simulated.ownerToken,
    url: server.url,
    lanUrl: networkUrl(server),
    topic: `synapse/${topicId(simulated.identity()?.id ?? "")}`,
    server,
    close: () => connected.close(() => simulated.close()),
  };
}

/** How a board that runs is reached. */
export type BoardConnections = Pick<
  StartBoardRequest,
  "host" | "port" | "mdns" | "brokerUrl" | "brokerTls" | "tls" | "log"
>;

export interface ConnectedBoard {
  readonly server: BoardServer;
  /** Ends the connections; `stop` ends the board, before its link goes, so that the broker tells the will. */
  close(stop?: () => Promise<void>): Promise<void>;
}

/**
 * Serves a board that runs, announces it and gives it its link to a broker. Rejects with an InputError when the port is
 * taken; then nothing is left of it.
 */
export async function connectBoard(simulated: SimulatedBoard, request: BoardConnections): Promise<ConnectedBoard> {
  const { port, host, tls } = request;
  const server = await serveBoard(simulated, { port, host, ...(tls === undefined ? {} : { tls }) });
  let announcement: Announcement | undefined;
  try {
    const onWarning = (message: string) => request.log("warn", message);
    announcement = request.mdns === false ? undefined : await announceBoard(simulated, server, { onWarning });
    // Last, so that a board which cannot be served was never there for those who watch the broker.
    const fallback = request.brokerUrl === undefined ? {} : { fallbackUrl: request.brokerUrl };
    const link = new BrokerLink(simulated, { log: request.log, tls: request.brokerTls, ...fallback });
    return {
      server,
      close: async (stop) => {
        await announcement?.close();
        await server.close();
        await stop?.();
        await link.close();
      },
    };
  } catch (error) {
    await announcement?.close();
    await server.close();
    throw error;
  }
}

/** As `startBoard`, on any free port when the one asked for is taken. */
export async function startBoardSomewhere(request: StartBoardRequest): Promise<RunningBoard> {
  try {
    return await startBoard(request);
  } catch (error) {
    if (!(error instanceof InputError && error.code === "PORT_UNAVAILABLE")) throw error;
    return startBoard({ ...request, port: 0 });
  }
}
