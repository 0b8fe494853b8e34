import { createConnection, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { block, request, syncRequest, words } from "../../testing/loaderRequests.js";
import { Chip } from "../chip/chip.js";
import { NorFlash } from "../chip/norFlash.js";
import { COMMAND } from "../protocol/loaderProtocol.js";
import { SlipReader, slipFrame } from "../protocol/slip.js";
import { TcpLine } from "./tcpLine.js";
import { Turns } from "./turns.js";

const FLASH_BYTES = 65_536;
let line: TcpLine;
afterEach(() => line.close());

async function start(): Promise<Chip> {
  const silicon = { revision: 103, mac: "02:00:00:00:00:01", flashBytes: FLASH_BYTES };
  const nothing = async () => ({ receive: () => undefined, stop: async () => undefined });
  const chip = new Chip(silicon, new NorFlash(FLASH_BYTES), nothing);
  line = await TcpLine.open(chip, new Turns(), 0, "127.0.0.1");
  return chip;
}

/** A program on the socket, and the answers that it has got. */
function connect(): { socket: Socket; answers: Uint8Array[]; send: (frame: Uint8Array) => void } {
  const reader = new SlipReader(100_000);
  const answers: Uint8Array[] = [];
  const socket = createConnection(line.port, "127.0.0.1");
  socket.on("data", (bytes) => answers.push(...reader.push(bytes)));
  return { socket, answers, send: (frame) => void socket.write(slipFrame(frame)) };
}

describe("programs on one line", () => {
  it("take turns: what the second sends is heard when the first has gone", async () => {
    const chip = await start();
    const [first, second] = [connect(), connect()];
    second.send(syncRequest());
    first.send(syncRequest());
    await expect.poll(() => first.answers.length).toBe(8);
    first.send(request(COMMAND.flashBegin, words(4, 1, 4, 0, 0)));
    first.send(block(COMMAND.flashData, Uint8Array.of(1, 2, 3, 4)));
    await expect.poll(() => first.answers.length).toBe(10);
    expect(second.answers).toEqual([]);
    first.socket.destroy();
    await expect.poll(() => second.answers.length).toBe(8);
    expect([...chip.flash.contents.subarray(0, 5)]).toEqual([1, 2, 3, 4, 0xff]);
    second.socket.destroy();
    await expect.poll(() => chip.mode).toBe("application");
  });
});
