import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BoardResponse } from "./board.js";
import { type AnsweringBoard, jsonOf, sample } from "./boardSuite.js";

/** What every board makes of pictures, however it is reached. */
export function pictureSuite(start: () => Promise<AnsweringBoard>): void {
  describe("with pictures of all kinds", () => {
    let board: AnsweringBoard;
    beforeAll(async () => {
      board = await start();
    });
    afterAll(() => board?.close());

    const post = (target: string, type: string, body: Uint8Array): Promise<BoardResponse> =>
      board.handle({ method: "POST", target, headers: { "content-type": type }, body });
    const latentOf = async (name: string): Promise<number[]> =>
      jsonOf(await post("/v1/encode", "image/jpeg", sample(name))).latent as number[];

    it("takes a picture in a form, as a web page or curl sends it", async () => {
      const form = new FormData();
      form.append("image", new Blob([Uint8Array.from(sample("coffee.jpg"))], { type: "image/jpeg" }), "coffee.jpg");
      const send = async (files: FormData) => {
        const request = new Request("http://board/", { method: "POST", body: files });
        return post(
          "/v1/encode",
          request.headers.get("content-type") ?? "",
          new Uint8Array(await request.arrayBuffer()),
        );
      };
      expect(jsonOf(await send(form)).latent).toEqual(await latentOf("coffee.jpg"));
      const byAnotherName = await post("/v1/encode", "image/jpg", sample("coffee.jpg"));
      expect(jsonOf(byAnotherName).latent).toEqual(await latentOf("coffee.jpg"));
      form.append("other", new Blob([Uint8Array.from(sample("cat.jpg"))], { type: "image/jpeg" }), "cat.jpg");
      expect(jsonOf(await send(form))).toMatchObject({ status: 422, code: "BODY_INVALID", field: "form" });
    });

    it("refuses a small file with a very long picture before it decodes it", async () => {
      const long = await sharp({
        create: { width: 1, height: 1_000_000, channels: 3, background: "#fff" },
        limitInputPixels: false,
      })
        .png()
        .toBuffer();
      expect(long.length).toBeLessThan(32_000);
      const problem = jsonOf(await post("/v1/encode", "image/png", long));
      expect(problem).toMatchObject({
        status: 422,
        code: "IMAGE_TOO_LARGE",
        detail: "the picture has 1 x 1000000 pixels",
      });
      expect(problem.expected).toMatch(/16384 pixels a side/);
    });

    it("honours the EXIF orientation of a phone's picture", async () => {
      const upright = await sharp(sample("rocket-portrait.jpg")).autoOrient().png().toBuffer();
      const onItsSide = await sharp(sample("rocket-portrait.jpg")).png().toBuffer();
      const latent = await latentOf("rocket-portrait.jpg");
      const distanceTo = async (png: Uint8Array) => {
        const other = jsonOf(await post("/v1/encode", "image/png", png)).latent as number[];
        return Math.hypot(...other.map((value, i) => value - (latent[i] ?? Number.NaN)));
      };
      expect(await distanceTo(upright)).toBe(0);
      expect(await distanceTo(onItsSide)).toBeGreaterThan(1);
    });
  });
}
