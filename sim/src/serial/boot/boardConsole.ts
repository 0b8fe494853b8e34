import type { SimulatedBoard } from "../../board/board.js";
import type { LogLetter } from "./bootLog.js";
import { Cable } from "./cable.js";

/** A Wi-Fi in reach of a simulated chip. */
export interface SimulatedNetwork {
  readonly ssid: string;
  /** Empty: the network is open. */
  readonly password: string;
  readonly rssiDbm?: number;
}

export interface BoardConsoleOptions {
  readonly version: string;
  /** Where the board is in the network; undefined: in none that anybody can reach. */
  readonly url: string | undefined;
  /** Undefined: there is every network, and any password is right. */
  readonly networks: readonly SimulatedNetwork[] | undefined;
  send(bytes: Uint8Array): void;
  log(letter: LogLetter, text: string): void;
  /** Forgets owner, network and all other settings, and starts anew. */
  resetSettings(): void;
}

const RSSI_DBM = -50;
const SERVICE_UNAVAILABLE = 503;

/** What the application of a board does around its serial console, as firmware/main/main.c does it. */
export async function openBoardConsole(board: SimulatedBoard, options: BoardConsoleOptions): Promise<Cable> {
  const { url, networks, log } = options;
  const names = {
    firmware: "synapse",
    version: options.version,
    chip: "ESP32-P4",
    deviceName: board.identity()?.name ?? "",
  };
  const cable = await Cable.open(names, {
    send: (bytes) => options.send(bytes),
    join: (ssid, password) => {
      if (!board.setWifi(ssid, password)) log("E", "the Wi-Fi was not kept: ESP_ERR_INVALID_ARG");
      const known = networks?.some((each) => each.ssid === ssid && each.password === password) ?? true;
      if (known) cable.joined(url ?? "");
      else cable.joinFailed();
    },
    scan: () =>
      cable.networks(
        (networks ?? []).map(({ ssid, password, rssiDbm }) => ({
          ssid,
          rssiDbm: rssiDbm ?? RSSI_DBM,
          locked: password !== "",
        })),
      ),
    claim: () => {
      log("I", "for ten minutes the board can be claimed without its code");
      board.openClaim();
    },
    resetSettings: () => options.resetSettings(),
    help: (text) => log("I", text),
    ask: (number, method, target) => ask(board, cable, number, method, target),
  });
  if (url !== undefined) cable.joined(url);
  return cable;
}

/** As the port's `synapse_esp_ask`: the client is whoever holds the board. */
function ask(board: SimulatedBoard, cable: Cable, number: number, method: string, target: string): void {
  try {
    board
      .open(
        { method, target, client: "cable" },
        {
          head: (status) => cable.answerBegin(number, status),
          chunk: (bytes) => cable.answerAdd(number, bytes),
          end: (whole) => {
            if (whole) cable.answerEnd(number);
          },
        },
      )
      .end();
  } catch {
    // It is being reset, or has crashed.
    cable.answerBegin(number, SERVICE_UNAVAILABLE);
    cable.answerEnd(number);
  }
}
