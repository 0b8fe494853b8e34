import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { SynapseClient } from "synapse-client";
import { readBoard } from "synapse-sim/boards";
import { expect, test } from "vitest";
import { deviceIdOf, startBoards } from "./startBoards.js";

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const request = async (port: number) => ({
  board: await readBoard(path("boards/waveshare-esp32-p4-wifi6.json")),
  model: path("sim/fixtures/lewm-test.syn"),
  engine: "native" as const,
  host: "127.0.0.1",
  port,
  access: "unclaimed" as const,
  log: () => undefined,
});

test("200 boards in one process have identities, owners and flash of their own", async () => {
  const boards = await startBoards(await request(0), 200);
  try {
    const clients = boards.map(({ url }) => new SynapseClient({ url }));
    await Promise.all(clients.map((client, i) => (i % 2 === 0 ? client.claim({ name: `board ${i}` }) : undefined)));
    const devices = await Promise.all(clients.map((client) => client.device()));
    expect(new Set(devices.map(({ id }) => id)).size).toBe(200);
    expect(devices.map(({ claimed }) => claimed)).toEqual(devices.map((_, i) => i % 2 === 0));
    expect(devices[4]?.name).toBe("board 4");
    expect(new Set(clients.map(({ token }) => token)).size).toBe(101);
  } finally {
    await Promise.all(boards.map((board) => board.close()));
  }
});

test("identities are addresses", () => {
  expect([0, 254, 255, 65_535].map(deviceIdOf)).toEqual([
    "02:00:00:00:00:01",
    "02:00:00:00:00:ff",
    "02:00:00:00:01:00",
    "02:00:00:01:00:00",
  ]);
});

test("when one port is taken none stays open", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => blocker.once("listening", resolve));
  const { port } = blocker.address() as { port: number };
  await expect(startBoards(await request(port), 2)).rejects.toMatchObject({ code: "PORT_UNAVAILABLE" });
  blocker.close();
});
