import { readFileSync } from "node:fs";
import { PICTURE_PIXELS_MAX, PICTURE_SIDE_MAX } from "synapse-engine/image";
import { expect, test } from "vitest";
import { FETCH_RESULTS } from "../board/deviceCore.js";
import { DECODER_LIMITS } from "../image/pictureDecoder.js";
import { CONNECTION_LIMITS } from "./connections.js";

const root = new URL("../../../", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), "utf8");
const CORE = "firmware/components/synapse/core/";
/** Where its lines break says nothing. */
const REFERENCE = read("docs/http.md").replaceAll(/\s+/g, " ");

/** A constant of the core's limits.zig, which may be a product or a number of KiB. */
function limit(name: string): number {
  const [, product = ""] = new RegExp(`^pub const ${name} = ([0-9_ *<]+);$`, "m").exec(read(`${CORE}limits.zig`)) ?? [];
  const factors = product.replace("<< 10", "* 1024").split("*");
  return factors.reduce((value, factor) => value * Number.parseInt(factor.replaceAll("_", ""), 10), 1);
}

/** Those of the core and of the port, which answers what never reaches the core. */
function codes(): string[] {
  const port = read("sim/src/server/requests.ts") + read("sim/src/server/connections.ts");
  const core = [...read(`${CORE}wire/code.zig`).matchAll(/^ {4}([A-Z_]+),$/gm)].map(([, code = ""]) => code);
  expect(core.length).toBeGreaterThan(80);
  return [...new Set([...core, ...[...port.matchAll(/code: "([A-Z_]+)"/g)].map(([, code = ""]) => code)])];
}

test("the reference has every code that the core and its port answer", () => {
  const known = REFERENCE + read("docs/mqtt.md");
  expect(codes().filter((code) => !known.includes(`\`${code}\``))).toEqual([]);
});

test("the API's document lists the codes that the core and its port answer, and no others", () => {
  const { components } = JSON.parse(read("firmware/components/synapse/web/openapi.json"));
  expect([...components.schemas.Code.enum].sort()).toEqual(codes().sort());
});

test("the reference has the bounds of requests, updates and connections as they are", () => {
  const { countMax, perClientMax, requestsMax, headMs, idleMs, answerMs, lingerMs } = CONNECTION_LIMITS;
  expect(limit("tasks_max")).toBe(4);
  const texts = [
    "four requests that change",
    `bodies of at most ${limit("task_body_bytes") / 1024} KiB`,
    `a claim of a board without an owner has ${limit("claim_total_us_max") / 1e6} s`,
    `${countMax} at once, ${perClientMax} of one client`,
    `At most ${requestsMax} requests of one connection`,
    `A head has ${headMs / 1000} s`,
    `the next request on it ${idleMs / 1000} s to begin, and an answer ${answerMs / 1000} s`,
    `the connection is closed ${lingerMs / 1000} s later`,
    `up to ${limit("update_tries_max")} times in a row`,
    `at most ${limit("update_downloads_max")} downloads, receives at most ${limit("update_bytes_factor_max")} ` +
      "times the file's bytes",
    `at most ${limit("update_time_us_max") / 3.6e9} hours`,
    `nothing came for ${limit("update_silence_us_max") / 1e6} s`,
    `or it is ${limit("model_gmac_max_default")}:`,
  ];
  expect(texts.filter((text) => !REFERENCE.includes(text))).toEqual([]);
});

test("pictures are as large for the decoders as for the core", () => {
  expect([PICTURE_SIDE_MAX, PICTURE_PIXELS_MAX]).toEqual([limit("image_side_max"), limit("image_pixels_max")]);
  expect(DECODER_LIMITS.countMax).toBe(2);
  expect(REFERENCE).toContain(
    `decodes two pictures at once at most, and gives up what takes longer than ${DECODER_LIMITS.decodeMsMax / 1000} s`,
  );
  expect(REFERENCE).toContain(
    `${PICTURE_SIDE_MAX.toLocaleString("en-US")} pixels a side and ${PICTURE_PIXELS_MAX / 1e6} megapixels`,
  );
});

test("ends of downloads stand in the order of the C header", () => {
  const header = read("firmware/components/synapse/include/synapse_device.h");
  const named = [...header.matchAll(/SYNAPSE_DEVICE_FETCH_(\w+) = (\d+)/g)].map(([, name, value]) => [
    name?.toLowerCase(),
    Number(value),
  ]);
  expect(FETCH_RESULTS.map((name, value) => [name, value])).toEqual(named);
});
