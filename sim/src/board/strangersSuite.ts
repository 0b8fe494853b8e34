import { describe, expect, it } from "vitest";
import type { BoardKind } from "../testing/testedBoard.js";
import { jsonOf, LATENT, testBoard } from "./boardSuite.js";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** What only the owner may, of each kind. */
const OWNERS = [
  ["POST", "/v1/reboot"],
  ["GET", "/v1/settings"],
  ["PUT", "/v1/settings"],
  ["DELETE", "/v1/claim"],
  ["PUT", "/v1/models/model_b"],
  ["POST", "/v1/models/model_b/activate"],
  ["POST", "/v1/firmware"],
  ["GET", "/v1/updates"],
  ["POST", "/v1/updates/model"],
  ["DELETE", "/v1/updates"],
  ["GET", "/v1/requests"],
  ["DELETE", "/v1/requests"],
] as const;

/** A board whose owner has opened reading and inference. */
async function openBoard(kind: BoardKind) {
  const board = await kind.create();
  const owner = { authorization: `Bearer ${board.ownerToken}`, "content-type": "application/json" };
  const ask = (method: string, target: string, body?: unknown, client = "127.0.0.1") =>
    board.handle({ method, target, headers: owner, client, ...(body === undefined ? {} : { body: json(body) }) });
  let held = 0;
  let ended = 0;
  /** How many requests the board says that it has. */
  const listed = async () => (jsonOf(await ask("GET", "/v1/requests")) as { requests: unknown[] }).requests.length;
  /** A body that does not go on: it waits until the board has it, or has ended it. */
  const hold = async (client: string, more: Record<string, string> = {}) => {
    let end = (_status: number): void => undefined;
    const over = new Promise<number>((resolve) => {
      end = resolve;
    });
    let status = 0;
    const headers = { "content-type": "application/json", "content-length": "99", ...more };
    const head = (answered: number) => {
      status = answered;
    };
    const done = () => {
      ended++;
      end(status);
    };
    const sink = { head, chunk: () => undefined, end: done };
    const open = board.open({ method: "POST", target: "/v1/plan", headers, client }, sink);
    open.write(json({}).subarray(0, 1));
    held++;
    await expect.poll(async () => (await listed()) + ended).toBe(held);
    const leave = () => {
      ended++;
      open.close();
    };
    return { over, leave };
  };
  return { board, ask, hold };
}

/** Clients without the owner's token on a board that its owner has opened. */
export function strangersSuite(kind: BoardKind): void {
  describe(`strangers on ${kind.title}`, () => {
    const start = () => openBoard(kind);

    it("leave its owner room, whatever they hold, and are ended by their owner", async () => {
      const { board, ask, hold } = await start();
      const held: Awaited<ReturnType<typeof hold>>[] = [];
      for (const client of ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3"])
        held.push(await hold(client));
      expect(await Promise.all([held[2]?.over, held[4]?.over])).toEqual([503, 503]);
      const row = Array.from({ length: LATENT }, () => 0.5);
      const predict = { history: [row], actions: [Array.from({ length: 10 }, () => 0.1)] };
      expect((await ask("POST", "/v1/predict", predict)).status).toBe(200);
      expect((await ask("PUT", "/v1/settings", { name: "shelf" })).status).toBe(200);
      const { requests } = jsonOf(await ask("GET", "/v1/requests")) as {
        requests: { by: string; client: string; state: string }[];
      };
      expect(requests.map(({ by, client, state }) => [by, client, state])).toEqual([
        ["stranger", "127.0.0.1", "receiving"],
        ["stranger", "127.0.0.1", "receiving"],
        ["stranger", "127.0.0.2", "receiving"],
      ]);
      expect(jsonOf(await ask("DELETE", "/v1/requests"))).toEqual({ stopped: 3 });
      expect(await Promise.all([held[0]?.over, held[1]?.over, held[3]?.over])).toEqual([403, 403, 403]);
      await board.close();
    });

    it("have two of the board's four places each, and the owner has all four", async () => {
      const { board, ask, hold } = await start();
      /** What ends those of six requests that have no place; the others are left. */
      const refused = async (places: number, more: Record<string, string>) => {
        const six: Awaited<ReturnType<typeof hold>>[] = [];
        for (let one = 0; one < 6; one++) six.push(await hold("127.0.0.1", more));
        const statuses = await Promise.all(six.slice(places).map(({ over }) => over));
        for (const { leave } of six.slice(0, places)) leave();
        // A connection that was closed is noticed a moment later, and has its place until then.
        const left = async () => (jsonOf(await ask("GET", "/v1/requests")) as { requests: unknown[] }).requests;
        await expect.poll(left, { timeout: 10_000 }).toEqual([]);
        return statuses;
      };
      expect(testBoard().requests.countMax).toBe(4);
      expect(await refused(4, { authorization: `Bearer ${board.ownerToken}` })).toEqual([503, 503]);
      expect(await refused(2, {})).toEqual([503, 503, 503, 503]);
      await board.close();
    });

    it("do nothing that is the owner's, whatever is open", async () => {
      const { board, ask } = await start();
      for (const [method, target] of OWNERS) {
        const answer = await board.handle({ method, target, client: "127.0.0.2" });
        expect([method, target, answer.status, jsonOf(answer).code]).toEqual([method, target, 401, "TOKEN_MISSING"]);
      }
      // A restart would come after all that was asked for.
      await new Promise((resolve) => setImmediate(resolve));
      expect(board.running).toBe(true);
      expect(jsonOf(await ask("GET", "/v1/device")).reset).toEqual({ reason: "power-on", count: 0 });
      await board.close();
    });

    it("lose what was open when it is closed, and a new token ends what the old one began", async () => {
      const { board, ask, hold } = await start();
      const { over } = await hold("127.0.0.2");
      expect((await ask("PUT", "/v1/settings", { open_inference: false })).status).toBe(200);
      expect(await over).toBe(401);
      const begun = new Promise<number>((resolve) => {
        const headers = {
          authorization: `Bearer ${board.ownerToken}`,
          "content-type": "application/json",
          "content-length": "2",
        };
        const sink = { head: (status: number) => resolve(status), chunk: () => undefined, end: () => undefined };
        board.open({ method: "POST", target: "/v1/claim", headers }, sink).write(json({}).subarray(0, 1));
      });
      expect((await ask("POST", "/v1/claim", {})).status).toBe(201);
      expect(await begun).toBe(401);
      expect((await ask("GET", "/v1/settings")).status).toBe(401);
      await board.close();
    });
  });
}
