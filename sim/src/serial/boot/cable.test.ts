import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { makeAppImage } from "../../board/appImage.js";
import { MODEL, testBoard } from "../../board/boardSuite.js";
import { makeFlash } from "../../testing/flashImage.js";
import { type SimulatedChip, startSimulatedChip } from "../startSimulatedChip.js";

let chip: SimulatedChip;
let socket: Socket;
let heard = "";
afterEach(async () => {
  socket?.destroy();
  await chip?.close();
});

/** A chip that has started, and a program on its line. */
async function plugIn(): Promise<void> {
  const board = testBoard();
  const partitions = { ota_0: makeAppImage({ version: "1.2.3" }), model_a: MODEL };
  chip = await startSimulatedChip({ board, flash: makeFlash(board, { partitions }), engine: "wasm" });
  await chip.idle();
  const { hostname, port } = new URL(chip.url);
  socket = connect(Number(port), hostname);
  heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    heard += text;
  });
  await new Promise((resolve) => socket.once("connect", resolve));
}

const until = (what: RegExp) => expect.poll(() => heard, { timeout: 20_000 }).toMatch(what);

test("a program asks over the cable what the board is, without a token, and gets it in frames", async () => {
  await plugIn();
  socket.write("\nask 17 POST /v1/selftest 574c2d51\n");
  await until(/~17:\d+:\.\d+:/);
  const frames = [...heard.matchAll(/~17:(\d+):([^:\s]*):([0-9a-f]{8})\r\n/g)].map(([, , payload = ""]) => payload);
  expect(frames.slice(0, 2)).toEqual(["+", "=200"]);
  const body = Buffer.concat(frames.slice(2, -1).map((text) => Buffer.from(text, "base64")));
  expect(frames.at(-1)).toBe(`.${body.length}`);
  expect(JSON.parse(body.toString())).toMatchObject({ passed: true, model: { name: "lewm-test" } });
  // What programs say to each other is not on the console that people read.
  expect(chip.console).not.toContain("~17");
});

test("people type words: the board says which there are, and can be claimed without its code", async () => {
  await plugIn();
  socket.write("hello\r\nclaim\r\n");
  await until(
    /I \(\d+\) main: "claim" lets[^\r\n]*\r\n[\s\S]*I \(\d+\) main: for ten minutes the board can be claimed/,
  );
});

test("a reset of the settings forgets the owner, and the board starts anew with its models", async () => {
  await plugIn();
  const ask = (method: string, target: string) =>
    chip.running?.handle({ method, target, headers: { "content-type": "application/json" } });
  const claimed = await chip.running?.handle({
    method: "POST",
    target: "/v1/claim",
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode("{}"),
  });
  expect(claimed?.status).toBe(201);
  expect(await ask("GET", "/v1/device")).toMatchObject({ status: 401 });
  socket.write("reset settings\n");
  await until(/rst:0xc \(SW_CPU_RESET\)[\s\S]*unclaimed; claim code/);
  await chip.idle();
  const device = await ask("GET", "/v1/device");
  expect(JSON.parse(new TextDecoder().decode(device?.body))).toMatchObject({
    claimed: false,
    slots: [{ state: "VALID", active: true }, {}],
  });
});

test.each([
  ["power-on", "0x1 (POWERON)"],
  ["software", "0xc (SW_CPU_RESET)"],
  ["watchdog", "0x7 (HP_SYS_HP_WDT_RESET)"],
  ["brownout", "0xf (BROWN_OUT_RESET)"],
  ["panic", "0xc (SW_CPU_RESET)"],
] as const)("a chip that resets by %s says so, and so does its board", async (cause, says) => {
  await plugIn();
  const before = chip.console.length;
  chip.reset(cause);
  await chip.idle();
  expect(chip.console.slice(before)).toContain(`rst:${says},boot:0x30f`);
  const metrics = await chip.running?.handle({ method: "GET", target: "/v1/device" });
  expect(JSON.parse(new TextDecoder().decode(metrics?.body))).toMatchObject({ reset: { reason: cause } });
});
