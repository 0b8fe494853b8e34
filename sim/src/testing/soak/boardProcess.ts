import { readFileSync } from "node:fs";
import { SimulatedBoard } from "../../board/board.js";
import { serveBoard } from "../../server/serveBoard.js";
import type { FromBoard, ToBoard } from "./messages.js";

// The board of a soak, in a process of its own so that its memory is measured without that of its clients. Run
// with --expose-gc.

const collect = (globalThis as { gc?: () => void }).gc;
const say = (message: FromBoard): void => void process.send?.(message);

process.on("message", async (message: ToBoard) => {
  if (message.kind === "memory") {
    collect?.();
    const { rss, heapUsed } = process.memoryUsage();
    return say({ kind: "memory", rssBytes: rss, heapBytes: heapUsed });
  }
  const { board, engine, connectionsMax } = message;
  const simulated = await SimulatedBoard.create({ board, model: readFileSync(message.model), engine });
  const { port } = await serveBoard(simulated, {
    port: 0,
    connections: { countMax: connectionsMax, perClientMax: connectionsMax },
  });
  return say({ kind: "started", port, token: simulated.ownerToken ?? "" });
});
process.on("disconnect", () => process.exit(0));
