import { type OpenRequest, VirtualBoard } from "../../board/virtualBoard.js";
import { createWasmCore } from "../../board/wasmCore.js";
import { decodePicture } from "./decodePicture.js";
import {
  type BoardMessage,
  type PageMessage,
  type RequestMessage,
  type StartMessage,
  TAB_FILES,
  type TabBoard,
} from "./protocol.js";
import { tabClock } from "./tabClock.js";

/** The part of a worker's global scope that is used. */
interface WorkerScope {
  postMessage(message: StartMessage): void;
  onmessage: ((event: MessageEvent<RequestMessage>) => void) | null;
}
const scope = globalThis as unknown as WorkerScope;

async function file(name: string): Promise<Response> {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} was answered with ${response.status}`);
  return response;
}

/**
 * A board from the factory, with the model of the page's server in its flash, which is in memory and goes with the tab.
 */
async function startBoard(): Promise<VirtualBoard> {
  const [about, core, model] = await Promise.all([
    file(TAB_FILES.board).then((response) => response.json() as Promise<TabBoard>),
    file(TAB_FILES.core).then((response) => response.arrayBuffer()),
    file(TAB_FILES.model).then((response) => response.arrayBuffer()),
  ]);
  const { board, modelSource } = about;
  return VirtualBoard.start(
    {
      board,
      model: new Uint8Array(model),
      modelSource,
      deviceName: `${board.name} in this tab`,
      log: (level, text) => (level === "error" ? console.error(text) : console.info(text)),
    },
    "wasm",
    {
      createCore: (options, port, clock) => createWasmCore(new Uint8Array(core), options, port, clock),
      decodeImage: decodePicture,
      clock: tabClock,
    },
  );
}

/** Carries one request to the board and its answer back. */
function exchange(board: VirtualBoard, head: RequestMessage, port: MessagePort): void {
  let ended = false;
  let open: OpenRequest | undefined;
  const send = (message: BoardMessage) => port.postMessage(message);
  const end = (whole: boolean) => {
    ended = true;
    send({ kind: "end", whole });
    port.close();
  };
  try {
    open = board.open(head, {
      head: (status, headers) => send({ kind: "head", status, headers }),
      chunk: (bytes) => send({ kind: "chunk", bytes: bytes as Uint8Array<ArrayBuffer> }),
      end,
    });
  } catch {
    // Without power, a link or a core that runs, a board does not answer at all.
    end(false);
    return;
  }
  const opened = open;
  port.onmessage = ({ data }: MessageEvent<PageMessage>) => {
    if (ended) return;
    if (data.kind === "end") return opened.end();
    if (data.kind === "body") {
      opened.write(new Uint8Array(data.bytes));
      if (!ended) send({ kind: "taken" });
      return;
    }
    ended = true;
    opened.close();
    port.close();
  };
}

try {
  const board = await startBoard();
  scope.onmessage = ({ data, ports: [port] }) => {
    if (port !== undefined) exchange(board, data, port);
  };
  scope.postMessage({ kind: "running", ownerToken: board.ownerToken ?? "" });
} catch (error) {
  scope.postMessage({ kind: "failed", message: (error as Error).message });
}
