import { describe, expect, it } from "vitest";
import { type BoardEngine, SimulatedBoard } from "./board.js";
import type { Board } from "./boardSchema.js";
import { json, MODEL, testBoard } from "./boardSuite.js";

/** What boards in this process do beside what every board does: refuse to be made, and tell whoever attends to them. */
export function simulatedBoardSuite(engine: BoardEngine): void {
  describe(`the ${engine} board in its process`, () => {
    const create = () => SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });

    it("refuses a model that does not fit, and says by how many bytes", async () => {
      const createEdited = (edit: (board: Board) => void) =>
        SimulatedBoard.create({ board: testBoard(edit), model: MODEL, engine });
      // Just enough for the core itself: what it says that it needs when there is nothing.
      const tooSmall = await createEdited((edited) => {
        edited.psram.reservedBytes = edited.psram.bytes - 64;
      }).catch((error: Error) => error.message);
      const bodies = Number(/(\d+) bytes are needed/.exec(String(tooSmall))?.[1]);
      expect(bodies).toBeGreaterThan(4 * 2097152);
      await expect(
        createEdited((edited) => {
          edited.psram.reservedBytes = edited.psram.bytes - bodies - 64;
        }),
      ).rejects.toMatchObject({ code: "MODEL_EXCEEDS_PSRAM", message: expect.stringMatching(/\d+ bytes are missing/) });
      await expect(
        createEdited((edited) => {
          edited.psram.reservedBytes = edited.psram.bytes - bodies + 64;
        }),
      ).rejects.toMatchObject({ message: expect.stringContaining("64 bytes are missing") });
      await expect(
        createEdited((edited) => {
          edited.sram.freeBytes = 16384;
        }),
      ).rejects.toMatchObject({ code: "MODEL_EXCEEDS_SRAM", message: expect.stringMatching(/\d+ bytes are missing/) });
      await expect(
        createEdited((edited) => {
          for (const partition of edited.partitions) if (partition.name === "model_a") partition.size = 8192;
        }),
      ).rejects.toMatchObject({
        code: "MODEL_EXCEEDS_FLASH",
        message: expect.stringContaining(`${MODEL.length - 8192} bytes are missing`),
      });
    });

    it("refuses a damaged model with the runtime's words", async () => {
      const damaged = Uint8Array.from(MODEL);
      damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
      await expect(
        SimulatedBoard.create({ board: testBoard(), model: damaged, modelSource: "x.syn", engine }),
      ).rejects.toMatchObject({
        code: "MODEL_INVALID",
        source: "x.syn",
      });
    });

    it("can be reset, and closed, by whoever hears its log", async () => {
      let act = (): Promise<void> => Promise.resolve();
      const acted: Promise<void>[] = [];
      const log = (_level: string, text: string) => {
        if (text === "a model was uploaded") acted.push(act());
      };
      const heard = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, log });
      const upload = () =>
        heard.handle({
          method: "PUT",
          target: "/v1/models/model_b",
          headers: { authorization: `Bearer ${heard.ownerToken}` },
          body: MODEL,
        });
      act = () => heard.reset("watchdog");
      await expect(upload()).rejects.toThrow("was reset");
      await Promise.all(acted);
      act = () => heard.close();
      await expect(upload()).rejects.toThrow("the board is closed");
      await Promise.all(acted);
      expect(acted).toHaveLength(2);
    });

    it("stays off when its power goes while it says goodbye before a reboot", async () => {
      const board = await create();
      const headers = { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` };
      let left = (): void => undefined;
      const leaving = new Promise<void>((resolve) => {
        left = resolve;
      });
      let stops = 0;
      const asked = new Promise<void>((resolve) => {
        const nothing = () => undefined;
        const network = {
          publish: () => true,
          subscribe: nothing,
          settingsChanged: nothing,
          up: nothing,
          lost: nothing,
        };
        board.attach({
          ...network,
          down: () => void stops++,
          leave: () => {
            resolve();
            return leaving;
          },
        });
      });
      expect((await board.handle({ method: "POST", target: "/v1/reboot", headers })).status).toBe(202);
      await asked;
      board.cutPower(0, "dropped");
      await expect(
        board.handle({ method: "PUT", target: "/v1/settings", headers, body: json({ name: "x" }) }),
      ).rejects.toThrow("lost its power");
      left();
      // All that was waiting for the goodbye goes on before this does.
      // A board that starts itself anew stops once more.
      await new Promise((resolve) => setImmediate(resolve));
      expect([board.running, stops]).toEqual([false, 1]);
      await board.reset();
      expect(board.running).toBe(true);
      await board.close();
    });
  });
}
