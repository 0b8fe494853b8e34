import { HEAVY_OP_MACS, HEAVY_ROWS, heavyPack } from "synapse-engine/testing/heavyPack";
import { afterEach, describe, expect, it } from "vitest";
import type { BoardKind, TestedBoard } from "../testing/testedBoard.js";
import { jsonOf, MODEL, testBoard } from "./boardSuite.js";

const OPS = 4_000;
const HEAVY = heavyPack(OPS);
/** Minutes of work in one test vector: nothing here waits for its end. */
const ENDLESS = heavyPack(OPS, 1, 8 * HEAVY_ROWS);
const PATIENCE_MS = 30_000;
/** Thousand millions, with the one digit behind the point that the board tells. */
const giga = (macs: number): string => `${(Math.floor(macs / 1e8) / 10).toFixed(1)} G`;

/** What every build of the board does with a model that has more to do than a board should. */
export function workSuite(kind: BoardKind): void {
  describe(`a model with too much to do on ${kind.title}`, () => {
    let board: TestedBoard;
    afterEach(() => board?.close());

    const start = async (model: Uint8Array = MODEL, gmacMax?: number) => {
      const edited = testBoard((file) => {
        if (gmacMax !== undefined) file.cpu.modelGmacMax = gmacMax;
      });
      board = await kind.create({ board: edited, model });
    };
    const ask = async (method: string, target: string, body?: Uint8Array | object) => {
      const bytes =
        body === undefined || body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
      const type = body instanceof Uint8Array ? "application/octet-stream" : "application/json";
      const headers = {
        authorization: `Bearer ${board.ownerToken}`,
        ...(bytes === undefined ? {} : { "content-type": type }),
      };
      const answer = await board.handle({ method, target, headers, ...(bytes === undefined ? {} : { body: bytes }) });
      return { status: answer.status, ...jsonOf(answer) } as Record<string, unknown>;
    };
    /** Begins a request that takes long, and does not wait for its answer. */
    const begin = (method: string, target: string) => {
      const sink = { head: () => undefined, chunk: () => undefined, end: () => undefined };
      const open = board.open({ method, target, headers: { authorization: `Bearer ${board.ownerToken}` } }, sink);
      open.end();
      return open;
    };
    const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
      while (!(await holds().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 10));
    };

    it("refuses to activate it, with how much it has to do, and runs what it ran", async () => {
      await start();
      expect(await ask("PUT", "/v1/models/model_b", HEAVY)).toMatchObject({ status: 201, state: "VALID" });
      expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({
        status: 422,
        code: "MODEL_TOO_LONG",
        detail:
          `the model's longest run takes ${giga(HEAVY_OP_MACS * OPS)} multiply-accumulates, and this board ` +
          "takes at most 64.0 G",
        expected: expect.stringContaining("model_gmac_max"),
      });
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({ state: "VALID", active: false });
      expect(await ask("POST", "/v1/selftest")).toMatchObject({ passed: true, model: { name: "lewm-test" } });
      expect((await ask("GET", "/v1/device")).limits).toMatchObject({ model_gmac_max: 64 });
    });

    it("has the bound from its board file or its owner, and counts test vectors and single ops", async () => {
      await start(MODEL, 1);
      // 15 runs below the bound, together above it; then an op of more than a sixteenth of it.
      const few = Math.floor(0.9e9 / HEAVY_OP_MACS);
      await ask("PUT", "/v1/models/model_b", heavyPack(few, 15));
      expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({
        code: "MODEL_TOO_LONG",
        detail: expect.stringContaining(`test vectors together take ${giga(15 * few * HEAVY_OP_MACS)}`),
      });
      await ask("PUT", "/v1/models/model_b", heavyPack(1, 1));
      expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({
        code: "MODEL_TOO_LONG",
        detail: expect.stringContaining("one op of the model"),
      });
      expect(await ask("PUT", "/v1/settings", { model_gmac_max: 100 })).toMatchObject({
        status: 200,
        model_gmac_max: 100,
      });
      // Its promised outputs are made up.
      expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({ status: 422, code: "SELFTEST_FAILED" });
    });

    it("answers others while it is tried, and a restart in the middle leads back", {
      timeout: PATIENCE_MS,
    }, async () => {
      await start();
      await ask("PUT", "/v1/settings", { model_gmac_max: 0 });
      await ask("PUT", "/v1/models/model_b", ENDLESS);
      begin("POST", "/v1/models/model_b/activate");
      await expect.poll(() => ask("GET", "/v1/models/model_b")).toMatchObject({ state: "PENDING" });
      expect(await ask("PUT", "/v1/settings", { name: "still here" })).toMatchObject({
        status: 200,
        name: "still here",
      });
      expect(await ask("POST", "/v1/reboot")).toMatchObject({ status: 202 });
      await eventually(async () => ((await ask("GET", "/v1/device")).reset as { count: number }).count === 1);
      expect(await ask("GET", "/v1/models/model_a")).toMatchObject({ active: true });
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({ state: "VALID", active: false });
    });

    it("leaves its self-test when the client does, and tests anew for the next", { timeout: PATIENCE_MS }, async () => {
      await start(ENDLESS);
      const first = begin("POST", "/v1/selftest");
      const inProgress = async () => ((await ask("GET", "/v1/device")).queue as { in_progress: number }).in_progress;
      const states = async () =>
        ((await ask("GET", "/v1/requests")).requests as { state: string }[]).map(({ state }) => state);
      await eventually(async () => (await states()).includes("running"));
      first.close();
      await eventually(async () => (await inProgress()) === 0);
      begin("POST", "/v1/selftest").close();
      expect(await ask("POST", "/v1/reboot")).toMatchObject({ status: 202 });
      await eventually(async () => ((await ask("GET", "/v1/device")).reset as { count: number }).count === 1);
    });
  });
}
