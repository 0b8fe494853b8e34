import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BoardKind, TestedBoard } from "../testing/testedBoard.js";
import { json, jsonOf, LATENT, MODEL, sample } from "./boardSuite.js";
import { POWER_CUTS } from "./deviceCore.js";

/** What every build of the board does. */
export function everyBoardSuite(kind: BoardKind): void {
  describe(kind.title, () => {
    const create = () => kind.create();

    describe("with a second model", () => {
      let other: TestedBoard;
      let latent: unknown;
      beforeEach(async () => {
        other = await create();
        [, latent] = await encodes();
      });
      afterEach(() => other.close());

      const ask = (method: string, target: string, body?: Uint8Array, headers: Record<string, string> = {}) =>
        other.handle({
          method,
          target,
          headers: { authorization: `Bearer ${other.ownerToken}`, ...headers },
          ...(body === undefined ? {} : { body }),
        });
      const slot = async (name: string) => jsonOf(await ask("GET", `/v1/models/${name}`));
      const encodes = async () => {
        const answer = await ask("POST", "/v1/encode", sample("cat.jpg"), { "content-type": "image/jpeg" });
        return [answer.status, jsonOf(answer).latent];
      };

      it("takes it, runs it when told to, and still does after a reset", async () => {
        const uploaded = await ask("PUT", "/v1/models/model_b", MODEL);
        expect([uploaded.status, jsonOf(uploaded)]).toMatchObject([
          201,
          { slot: "model_b", state: "VALID", active: false },
        ]);
        const activated = await ask("POST", "/v1/models/model_b/activate");
        expect([activated.status, jsonOf(activated)]).toMatchObject([
          200,
          { slot: "model_b", state: "VALID", active: true },
        ]);
        expect(jsonOf(activated).vectors_passed).toBeGreaterThan(0);
        expect(await encodes()).toEqual([200, latent]);
        await other.reset("software");
        expect(await slot("model_b")).toMatchObject({ state: "VALID", active: true, name: "lewm-test" });
        expect(await slot("model_a")).toMatchObject({ state: "VALID", active: false });
        expect(await encodes()).toEqual([200, latent]);
        expect(jsonOf(await ask("GET", "/v1/device")).reset).toEqual({ reason: "software", count: 1 });
      });

      it("refuses a broken one and runs on", async () => {
        const damaged = Uint8Array.from(MODEL);
        damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
        const refused = await ask("PUT", "/v1/models/model_b", damaged);
        expect([refused.status, jsonOf(refused).code]).toEqual([422, "DIGEST_WRONG"]);
        expect(await slot("model_b")).toMatchObject({ state: "BROKEN", detail: expect.stringContaining("checksum") });
        const text = await ask("PUT", "/v1/models/model_b", new TextEncoder().encode("x".repeat(200)));
        expect([text.status, jsonOf(text).code]).toEqual([422, "NOT_A_PACK"]);
        expect(await encodes()).toEqual([200, latent]);
      });

      it("goes on with an upload that broke off", async () => {
        const head = {
          method: "PUT",
          target: "/v1/models/model_b",
          headers: { "content-length": String(MODEL.length), authorization: `Bearer ${other.ownerToken}` },
        };
        const open = other.open(head, { head: () => undefined, chunk: () => undefined, end: () => undefined });
        open.write(MODEL.subarray(0, 70_000));
        // Over a network they take a while.
        const upload = { received_bytes: 70_000, bytes: MODEL.length };
        await expect.poll(() => slot("model_b")).toMatchObject({ upload });
        open.close();
        await expect.poll(() => slot("model_b")).toMatchObject({ state: "BROKEN", upload });
        const rest = await ask("PUT", "/v1/models/model_b", MODEL.subarray(70_000), {
          "content-range": `bytes 70000-${MODEL.length - 1}/${MODEL.length}`,
        });
        expect([rest.status, jsonOf(rest).state]).toEqual([201, "VALID"]);
      });

      it.each(POWER_CUTS)(
        "comes back from a cut of power (%s) in the middle of an upload, and takes the model then",
        async (cut) => {
          const operations = await other.flashOperations();
          await other.cutPower(20, cut);
          await expect(ask("PUT", "/v1/models/model_b", MODEL)).rejects.toThrow("lost its power");
          expect(await other.flashOperations()).toBe(operations + 21);
          expect(other.running).toBe(false);
          await expect(ask("GET", "/v1/device")).rejects.toThrow("no power");
          await other.reset();
          expect(jsonOf(await ask("GET", "/v1/device"))).toMatchObject({
            reset: { reason: "power-on", count: 1 },
            slots: [
              { slot: "model_a", state: "VALID", active: true },
              { slot: "model_b", state: "BROKEN", detail: "the upload ended early" },
            ],
          });
          expect(await encodes()).toEqual([200, latent]);
          expect((await ask("PUT", "/v1/models/model_b", MODEL)).status).toBe(201);
          expect((await ask("POST", "/v1/models/model_b/activate")).status).toBe(200);
          expect(await encodes()).toEqual([200, latent]);
        },
      );

      it("is reset in the middle of inference", async () => {
        const answer = ask("POST", "/v1/encode", sample("cat.jpg"), { "content-type": "image/jpeg" });
        const lost = expect(answer).rejects.toThrow("was reset");
        await other.reset("watchdog");
        await lost;
        expect(await encodes()).toEqual([200, latent]);
      });

      it("is reset twice at once in the middle of inference", async () => {
        const frame = { latent: Array(LATENT).fill(0.5) };
        const answer = ask("POST", "/v1/plan", json({ start: frame, goal: frame }), {
          "content-type": "application/json",
        });
        const lost = expect(answer).rejects.toThrow("was reset");
        await Promise.all([other.reset("watchdog"), other.reset("brownout")]);
        await lost;
        expect(jsonOf(await ask("GET", "/v1/device")).reset).toMatchObject({ reason: "brownout" });
        expect(await encodes()).toEqual([200, latent]);
      });

      it("is reset in the middle of an answer, which then is none", async () => {
        const frame = { latent: Array(LATENT).fill(0.5) };
        const plan = { start: frame, goal: frame, budget: { samples: 300, iterations: 30, elites: 30 } };
        const headers = {
          authorization: `Bearer ${other.ownerToken}`,
          "content-type": "application/json",
          accept: "text/event-stream",
        };
        for (const cut of [() => other.reset("watchdog"), () => other.setLink(false)]) {
          const lost = expect(ask("POST", "/v1/plan", json(plan), headers)).rejects.toThrow("before it answered");
          await cut();
          await lost;
        }
        await other.setLink(true);
        expect(await encodes()).toEqual([200, latent]);
      });
    });

    describe("as it comes from the factory", () => {
      let fresh: TestedBoard;
      const lines: string[] = [];
      beforeEach(async () => {
        lines.length = 0;
        fresh = await kind.create({ access: "unclaimed", log: (text) => void lines.push(text) });
      });
      afterEach(() => fresh.close());

      const ask = async (method: string, target: string, body?: object, token?: string) => {
        const headers = {
          "content-type": "application/json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        };
        const answer = await fresh.handle({
          method,
          target,
          headers,
          ...(body === undefined ? {} : { body: json(body) }),
        });
        return { status: answer.status, ...jsonOf(answer) } as Record<string, unknown>;
      };

      it("is claimed once, and answers its owner from then on, also after a reset", async () => {
        expect(await ask("GET", "/v1/device")).toMatchObject({ status: 200, claimed: false, claim_window: true });
        expect(await ask("GET", "/v1/models")).toMatchObject({ status: 403, code: "UNCLAIMED" });
        const { token, ...claimed } = await ask("POST", "/v1/claim", { name: "on the shelf" });
        expect(claimed).toMatchObject({ status: 201, name: "on the shelf" });
        expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
        expect(await ask("POST", "/v1/claim", {})).toMatchObject({ status: 401, code: "TOKEN_MISSING" });
        expect(await ask("GET", "/v1/models")).toMatchObject({ status: 401 });
        expect(await ask("GET", "/v1/models", undefined, "wrong")).toMatchObject({ status: 401, code: "TOKEN_WRONG" });
        await fresh.reset();
        expect(await ask("GET", "/v1/device", undefined, token as string)).toMatchObject({
          status: 200,
          claimed: true,
          name: "on the shelf",
        });
      });

      it("takes the code of its serial console when the window is closed", async () => {
        await fresh.reset("watchdog");
        expect(await ask("POST", "/v1/claim", {})).toMatchObject({ status: 403, code: "CLAIM_CLOSED" });
        const last = lines.filter((line) => line.includes("claim code")).at(-1);
        const code = /claim code (\d{4} \d{4})/.exec(last ?? "")?.[1];
        expect(code).toBeDefined();
        expect(await ask("POST", "/v1/claim", { code })).toMatchObject({ status: 201 });
      });

      it("reboots when its owner says so", async () => {
        const { token } = await ask("POST", "/v1/claim", {});
        expect(await ask("POST", "/v1/reboot")).toMatchObject({ status: 401 });
        expect(await ask("POST", "/v1/reboot", undefined, token as string)).toMatchObject({
          status: 202,
          rebooting: true,
        });
        await expect
          .poll(async () => ask("GET", "/v1/device", undefined, token as string).catch(() => undefined))
          .toMatchObject({ reset: { reason: "software", count: 1 } });
      });
    });

    it("can be closed while it works", async () => {
      const other = await create();
      const frame = { latent: Array(LATENT).fill(0.5) };
      const budget = { samples: 300, iterations: 30, elites: 30 };
      const answer = other.handle({
        method: "POST",
        target: "/v1/plan",
        headers: { "content-type": "application/json", authorization: `Bearer ${other.ownerToken}` },
        body: json({ start: frame, goal: frame, budget }),
      });
      const lost = expect(answer).rejects.toThrow("closed");
      await other.close();
      await lost;
      await expect(async () => other.handle({ method: "GET", target: "/v1/device" })).rejects.toThrow("closed");
    });
  });
}
