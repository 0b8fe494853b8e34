import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { FileServer } from "../testing/fileServer.js";
import type { BoardKind, TestedBoard } from "../testing/testedBoard.js";
import { keyId, newUpdateKey, pointOf, signedByHand } from "../testing/updateKeys.js";
import { jsonOf, MODEL } from "./boardSuite.js";

/** What every build of the board does when it has update keys. */
export function signatureSuite(kind: BoardKind): void {
  describe(`signed models on ${kind.title}`, () => {
    const trusted = newUpdateKey();
    const stranger = newUpdateKey();
    let board: TestedBoard;
    afterEach(() => board?.close());

    const start = async (updateKeys: readonly Uint8Array[] = [pointOf(trusted.publicKey)]) => {
      board = await kind.create({ updateKeys });
    };
    const ask = async (method: string, target: string, body?: Uint8Array, type = "application/octet-stream") => {
      const headers = {
        authorization: `Bearer ${board.ownerToken}`,
        ...(body === undefined ? {} : { "content-type": type }),
      };
      const answer = await board.handle({ method, target, headers, ...(body === undefined ? {} : { body }) });
      return { status: answer.status, ...jsonOf(answer) } as Record<string, unknown>;
    };

    it("says which keys it trusts, and runs what it came with", async () => {
      await start();
      expect(await ask("GET", "/v1/device")).toMatchObject({ update_keys: [keyId(trusted.publicKey)] });
      expect(await ask("GET", "/v1/models/model_a")).toMatchObject({ state: "VALID", active: true, signed: false });
    });

    it("takes and runs what a key of its signed, also after a reset", async () => {
      await start([pointOf(newUpdateKey().publicKey), pointOf(trusted.publicKey)]);
      expect(await ask("PUT", "/v1/models/model_b", signedByHand(MODEL, trusted))).toMatchObject({
        status: 201,
        signed: true,
      });
      expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({
        status: 200,
        active: true,
        signed: true,
      });
      await board.reset("software");
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({
        state: "VALID",
        active: true,
        signed: true,
        bytes: MODEL.length,
      });
    });

    it("refuses everything else, and says what it wants", async () => {
      await start();
      const put = (file: Uint8Array) => ask("PUT", "/v1/models/model_b", file);
      expect(await put(MODEL)).toMatchObject({ status: 422, code: "SIGNATURE_MISSING" });
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({ state: "EMPTY" });
      expect(await put(signedByHand(MODEL, stranger))).toMatchObject({
        status: 422,
        code: "SIGNATURE_KEY_UNKNOWN",
        detail: expect.stringContaining(keyId(stranger.publicKey)),
        expected: expect.stringContaining(keyId(trusted.publicKey)),
      });
      const wrong = signedByHand(MODEL, { ...trusted, privateKey: stranger.privateKey });
      expect(await put(wrong)).toMatchObject({ status: 422, code: "SIGNATURE_WRONG" });
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({
        state: "BROKEN",
        detail: expect.stringContaining("signed"),
      });
      expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({ status: 409, code: "SLOT_NOT_READY" });
    });

    it("asks the same of what it fetches", async () => {
      await start();
      const files = await FileServer.start();
      try {
        const fetched = async (file: Uint8Array) => {
          files.file = file;
          const sha256 = createHash("sha256").update(file).digest("hex");
          const body = new TextEncoder().encode(JSON.stringify({ url: files.url, bytes: file.length, sha256 }));
          expect(await ask("POST", "/v1/updates/model", body, "application/json")).toMatchObject({ status: 202 });
          for (;;) {
            const update = await ask("GET", "/v1/updates");
            if (update.state === "UPDATED" || update.state === "FAILED") return update;
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        };
        expect(await fetched(MODEL)).toMatchObject({ state: "FAILED", code: "SIGNATURE_MISSING" });
        expect(await fetched(signedByHand(MODEL, trusted))).toMatchObject({ state: "UPDATED" });
        expect(await ask("GET", "/v1/models/model_b")).toMatchObject({ active: true, signed: true });
      } finally {
        await files.close();
      }
    });
  });
}
