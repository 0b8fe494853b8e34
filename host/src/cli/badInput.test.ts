import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isConstant } from "../format/header.js";
import { readPack } from "../pack/readPack.js";
import { writePack } from "../pack/writePack.js";
import { repoPath, runInside, smallCheckpoint } from "./testing/cliHarness.js";

const CAT = repoPath("samples", "cat.jpg");
const TIMEOUT_MS = 120_000;

let files: Awaited<ReturnType<typeof smallCheckpoint>>;
const at = (name: string) => join(files.folder, name);

beforeAll(async () => {
  files = await smallCheckpoint();
  const { code, stderr } = await runInside(["pack", files.checkpoint, "--config", files.config, "-o", at("m.syn")]);
  expect(code, stderr).toBe(0);
  const pack = await readFile(at("m.syn"));
  await writeFile(at("cut.syn"), pack.subarray(0, 5000));
  await writeFile(
    at("damaged.syn"),
    Buffer.concat([pack.subarray(0, 60_000), Buffer.from([(pack[60_000] as number) ^ 1]), pack.subarray(60_001)]),
  );
  await writeFile(at("future.syn"), Buffer.concat([pack.subarray(0, 8), Buffer.from([9]), pack.subarray(9)]));
  const { header, blobsOffset } = readPack(pack, "m.syn");
  const tensors = header.tensors.map((tensor) =>
    isConstant(tensor) ? { ...tensor, offset: tensor.offset - blobsOffset } : tensor,
  );
  const meta = { ...header.meta, statistics: { action: { mean: "half", std: null } } };
  await writeFile(
    at("strange.syn"),
    writePack({ ...header, tensors, meta }, [{ offset: 0, bytes: pack.subarray(blobsOffset) }]),
  );
  const entries = header.entries.map((entry) => (entry.name === "predict" ? { ...entry, name: "rollout" } : entry));
  await writeFile(
    at("named.syn"),
    writePack({ ...header, tensors, entries, golden: [] }, [{ offset: 0, bytes: pack.subarray(blobsOffset) }]),
  );
  const config = await readFile(files.config, "utf8");
  await writeFile(at("twice.json"), config.replace('"parts": {', '"parts": {}, "parts": {'));
  await writeFile(at("still.json"), '{"mean": [0, 0], "std": [1, 0]}');
  await writeFile(at("empty.syn"), "");
  await writeFile(at("short.json"), "[[1, 2]]");
  await writeFile(at("broken.json"), '{"x":');
  await writeFile(at("words.json"), '[["left", "right"]]');
  // Whole pictures that an image library reads and a board does not.
  await writeFile(at("drawing.svg"), '<svg xmlns="http://www.w3.org/2000/svg" width="28" height="28"/>');
  await writeFile(at("gif.jpg"), Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64"));
  await writeFile(at("picture.webp"), Buffer.from("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==", "base64"));
  await writeFile(at("photo.jpg"), (await readFile(CAT)).subarray(0, 3000));
  await mkdir(at("no-pictures"));
  await writeFile(at("short.rgb"), "RGB");
}, TIMEOUT_MS);
afterAll(() => files.remove());

/** Command lines with `@` for the folder of test files, the error's code and what its line must name. */
const TABLE: readonly (readonly [command: string, code: string, says: RegExp])[] = [
  ["inspect @/missing.syn", "FILE_ENOENT", /missing\.syn: no such file; expected a \.syn file/],
  ["inspect @", "FILE_KIND", /is a folder; expected a \.syn file/],
  ["inspect @/small.safetensors", "MAGIC", /not a \.syn file/],
  ["inspect @/empty.syn", "MAGIC|TRUNCATED", /empty\.syn/],
  ["inspect @/cut.syn", "TRUNCATED", /cut\.syn at byte 5000: the file has 5000 bytes of \d+/],
  ["inspect @/damaged.syn", "DIGEST", /damaged\.syn at byte 32: the SHA-256 .* differs/],
  ["inspect @/future.syn", "VERSION", /version 9\.0/],
  ["inspect @/m.syn --board esp99", "BOARD_UNKNOWN", /expected a board file, or one of .*waveshare/],
  ["inspect @/m.syn --board @/missing.json", "BOARD_UNREADABLE", /missing\.json/],
  ["run @/cut.syn encode photo.jpg", "TRUNCATED", /cut\.syn/],
  ["run @/m.syn classify", "ENTRY_UNKNOWN", /no entry "classify"; expected encode, predict, rollout/],
  ["run @/m.syn encode", "INPUT_MISSING", /needs image .* expected a picture, or --image <file>/],
  ["run @/m.syn encode @/missing.jpg", "FILE_ENOENT", /missing\.jpg: no such file; expected a JPEG or PNG picture/],
  [
    "run @/m.syn encode @/short.rgb",
    "IMAGE_RAW_SIZE",
    /short\.rgb: raw RGB of 3 bytes; expected 2352 bytes \(28 x 28 x 3\)/,
  ],
  ["run @/m.syn encode @/photo.jpg", "IMAGE_UNREADABLE", /photo\.jpg: the picture cannot be decoded/],
  [
    "run @/m.syn encode @/short.json",
    "IMAGE_FORMAT",
    /short\.json: the bytes are no JPEG and no PNG; expected a whole JPEG or PNG/,
  ],
  ["run @/m.syn encode @/drawing.svg", "IMAGE_FORMAT", /drawing\.svg/],
  ["run @/m.syn encode @/gif.jpg", "IMAGE_FORMAT", /gif\.jpg/],
  ["run @/m.syn encode @/picture.webp", "IMAGE_FORMAT", /picture\.webp/],
  [
    "run @/m.syn predict --latent @/short.json --actions @/short.json",
    "ROWS_LATENT",
    /short\.json at \$\[0\]: 2 numbers; expected 32/,
  ],
  ["run @/m.syn encode @/photo.jpg --actions @/short.json", "INPUT_UNUSED", /no input for --actions/],
  ["run @/m.syn encode --input nothing=@/short.json", "INPUT_MISSING|INPUT_UNUSED", /entry encode/],
  [`run @/m.syn rollout --image ${CAT}`, "INPUT_MISSING", /rollout needs actions; expected --actions/],
  [
    `run @/m.syn rollout --image ${CAT} --actions @/short.json`,
    "ROWS_ACTION",
    /short\.json at \$\[0\]: 2 numbers; expected 10/,
  ],
  [`run @/m.syn rollout --image ${CAT} --actions @/words.json`, "ROWS_ACTION", /words\.json at \$\[0\]/],
  [`run @/m.syn rollout --image ${CAT} --actions @/broken.json`, "JSON_SYNTAX", /broken\.json: not JSON/],
  ["run @/m.syn rollout --actions @/short.json", "ROWS_ACTION|INPUT_MISSING", /./],
  // A pack of another writer may have an entry of this name, and that is what runs then.
  ["run @/named.syn rollout", "INPUT_MISSING", /entry rollout needs latents/],
  [
    "pack @/missing.safetensors --config configs/lewm-test.json -o @/new.syn",
    "CHECKPOINT_NOT_FOUND",
    /missing\.safetensors/,
  ],
  ["pack @/m.syn --config configs/lewm-test.json -o @/new.syn", "CHECKPOINT_UNKNOWN_FORMAT", /m\.syn/],
  [
    "pack @/small.safetensors --config configs/lewm-test.json --action-stats @/still.json -o @/new.syn",
    "STATISTICS_SCHEMA",
    /still\.json at std\[1\]: a standard deviation of 0 cannot be divided by; expected more than 0; 1 for a value/,
  ],
  ["pack @/small.safetensors --config @/broken.json -o @/new.syn", "JSON_SYNTAX", /broken\.json/],
  [
    "pack @/small.safetensors --config @/twice.json -o @/new.syn",
    "JSON_DUPLICATE_KEY",
    /twice\.json at character \d+: the key "parts" occurs twice/,
  ],
  ["pack @/small.safetensors --config @/short.json -o @/new.syn", "CONFIG_SCHEMA", /short\.json/],
  ["pack @/small.safetensors --config configs/lewm.json -o @/new.syn", "WEIGHT_SHAPE", /has shape .*; expected/],
  [
    "pack @/small.safetensors --config configs/lewm-test.json --type i9 -o @/new.syn",
    "TYPE_UNKNOWN",
    /"i9".*expected one of f32/,
  ],
  [
    "pack @/small.safetensors --config configs/lewm-test.json --action-stats @/short.json -o @/new.syn",
    "STATISTICS_SCHEMA",
    /short\.json/,
  ],
  ["pack @/small.safetensors --config configs/lewm-test.json -o @/nowhere/new.syn", "WRITE_FAILED", /nowhere/],
  [
    "pack @/small.safetensors --config configs/lewm-test.json -o @/./small.safetensors",
    "OUTPUT_IS_INPUT",
    /small\.safetensors: is read from/,
  ],
  ["compare @/m.syn @/small.safetensors", "INPUT_MISSING", /expected --images <folder>/],
  ["compare @/m.syn @/small.safetensors --images @/no-pictures", "NO_PICTURES", /no-pictures: holds no pictures/],
  ["compare @/m.syn @/small.safetensors --images @/nowhere", "FILE_ENOENT", /nowhere/],
  [
    "compare @/strange.syn @/small.safetensors --images samples",
    "STATISTICS_SCHEMA",
    /strange\.syn meta\.statistics at action\.(mean|std)/,
  ],
  ["compare @/m.syn @/m.syn --images samples", "CHECKPOINT_UNKNOWN_FORMAT", /m\.syn/],
  ["bench @/damaged.syn", "DIGEST", /damaged\.syn/],
  ["bench @/m.syn --entry dream", "ENTRY_UNKNOWN", /"dream"; expected encode, predict/],
  ["sim --board waveshare-esp32-p4-wifi6 --model @/cut.syn --port 0", "PACK_TRUNCATED", /cut\.syn/],
  ["sim --board @/short.json --model @/m.syn --port 0", "BOARD_INVALID", /short\.json/],
];

describe("what the user gave is wrong: one line, a code, exit code 2, nothing on stdout, nothing written", () => {
  test.each(TABLE)("%s", { timeout: TIMEOUT_MS }, async (command, errorCode, says) => {
    const before = await readdir(files.folder);
    const args = command
      .split(" ")
      .map((word) => word.replace("@", files.folder).replace(/^(configs|samples)/, (name) => repoPath(name)));
    const { code, stdout, stderr } = await runInside(args);
    const [line = "", ...hint] = stderr.trimEnd().split("\n");
    expect(line).toMatch(says);
    expect(line).toMatch(new RegExp(`^error: .* \\[(${errorCode})\\]$`));
    expect(hint.every((text) => text.startsWith("hint: "))).toBe(true);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(await readdir(files.folder)).toEqual(before);
  });
});

test.each([
  ["", /Usage: synapse-host/],
  ["bnch x.syn", /unknown command 'bnch'\n\(Did you mean bench\?\)/],
  ["pack w.safetensors", /required option '--config <file>' not specified/],
  [
    "run m.syn encode --engine cuda",
    /argument 'cuda' is invalid\. Allowed choices are native, wasm, wasm-baseline, rv32/,
  ],
  ["run m.syn encode --threads 0", /Expected a whole number from 1 to 64/],
  ["run m.syn encode --input photo.jpg", /Expected <port>=<file>/],
  ["compare m.syn w.pt --min-cosine 2", /Expected a number from -1 to 1/],
  ["inspect", /missing required argument 'model'/],
])("the command line %j is refused with exit code 2", async (command, says) => {
  const { code, stdout, stderr } = await runInside(command.split(" ").filter(Boolean));
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(says);
});

test("--verbose and SYNAPSE_DEBUG show the stack, nothing else does", async () => {
  expect((await runInside(["inspect", at("cut.syn")])).stderr).not.toContain("    at ");
  expect((await runInside(["inspect", at("cut.syn"), "--verbose"])).stderr).toContain("    at ");
  expect((await runInside(["inspect", at("cut.syn")], { env: { SYNAPSE_DEBUG: "1" } })).stderr).toContain("    at ");
});

test("Ctrl-C in the middle of packing exits with 130 and leaves the old file alone", {
  timeout: TIMEOUT_MS,
}, async () => {
  await writeFile(at("old.syn"), "old");
  const before = await readdir(files.folder);
  const result = await runInside(["pack", files.checkpoint, "--config", files.config, "-o", at("old.syn")], {
    tty: true,
    interruptOnStderr: true,
  });
  expect(result.code).toBe(130);
  expect(result.stdout).toBe("");
  expect(await readFile(at("old.syn"), "utf8")).toBe("old");
  expect(await readdir(files.folder)).toEqual(before);
});

test("colours and progress are for terminals; NO_COLOR and FORCE_COLOR decide otherwise", {
  timeout: TIMEOUT_MS,
}, async () => {
  const args = ["pack", files.checkpoint, "--config", files.config, "-o", at("c.syn")];
  const pipe = await runInside(args);
  expect(pipe.stdout + pipe.stderr).not.toContain("\u001b");
  const terminal = await runInside(args, { tty: true });
  expect(terminal.stdout).toContain("\u001b[1m");
  expect(terminal.stderr).toMatch(/pack .*%/);
  const plain = await runInside(["inspect", at("c.syn")], { tty: true, env: { NO_COLOR: "1" } });
  expect(plain.stdout).not.toContain("\u001b");
  const forced = await runInside(["inspect", at("c.syn")], { env: { FORCE_COLOR: "1" } });
  expect(forced.stdout).toContain("\u001b[1m");
});
