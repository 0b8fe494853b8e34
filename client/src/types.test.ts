import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the client's types are those of openapi.json", async () => {
  const script = new URL("../../scripts/make-client-types.mjs", import.meta.url).href;
  const { clientTypes } = (await import(script)) as { clientTypes: () => Promise<string> };
  const kept = readFileSync(new URL("./types.ts", import.meta.url), "utf8");
  expect(kept, "run: node scripts/make-client-types.mjs").toBe(await clientTypes());
});
