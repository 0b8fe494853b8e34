import { generateKeyPairSync } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SynapseClient } from "synapse-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repoPath, runProgram, startProgram } from "./testing/cliHarness.js";

const TIMEOUT_MS = 120_000;

let folder: string;
const at = (name: string) => join(folder, name);
const synapse = (...args: string[]) => runProgram(args, folder);
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await synapse(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
};
const refused = async (...args: string[]) => {
  const { code, stdout, stderr } = await synapse(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  return stderr;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-signing-"));
  await copyFile(repoPath("sim", "fixtures", "lewm-test.syn"), at("m.syn"));
  await json("keygen", "update");
  await json("keygen", "other");
  await json("sign", "m.syn", "--key", "update.pem", "-o", "signed.syn");
}, TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("keygen", () => {
  test("keeps the private key to its owner, and never writes over a key", { timeout: TIMEOUT_MS }, async () => {
    expect((await stat(at("update.pem"))).mode & 0o077).toBe(0);
    const before = await readFile(at("update.pem"), "utf8");
    expect(await refused("keygen", "update")).toMatch(/update\.pem: exists already.*\[FILE_EXISTS\]/);
    await copyFile(at("update.pub.pem"), at("half.pub.pem"));
    expect(await refused("keygen", "half")).toMatch(/half\.pub\.pem: exists already/);
    expect(await readdir(folder)).not.toContain("half.pem");
    expect(await readFile(at("update.pem"), "utf8")).toBe(before);
  });
});

describe("sign and verify", () => {
  test("never write over the key", { timeout: TIMEOUT_MS }, async () => {
    const before = await readFile(at("update.pem"), "utf8");
    expect(await refused("sign", "m.syn", "--key", "update.pem", "-o", "./update.pem")).toMatch(
      /update\.pem: is read from.*\[OUTPUT_IS_INPUT\]/,
    );
    expect(await readFile(at("update.pem"), "utf8")).toBe(before);
  });

  test("agree, and inspect shows the key", { timeout: TIMEOUT_MS }, async () => {
    const { keyId } = await json("verify", "signed.syn", "--key", "other.pub.pem", "--key", "update.pub.pem");
    expect(keyId).toMatch(/^[0-9a-f]{32}$/);
    expect(await json("inspect", "signed.syn")).toMatchObject({ signedBy: keyId });
    expect(await json("inspect", "m.syn")).toMatchObject({ signedBy: null });
  });

  test("over the model itself when no other place is named", { timeout: TIMEOUT_MS }, async () => {
    await copyFile(at("m.syn"), at("itself.syn"));
    expect(await json("sign", "itself.syn", "--key", "update.pem")).toMatchObject({ output: "itself.syn" });
    await json("verify", "itself.syn", "--key", "update.pub.pem");
  });

  test("say what is wrong with a key or a file, and write nothing", { timeout: TIMEOUT_MS }, async () => {
    expect(await refused("verify", "m.syn", "--key", "update.pub.pem")).toMatch(
      /m\.syn: the pack is not signed.*\[SIGNATURE_MISSING\]/,
    );
    expect(await refused("verify", "signed.syn", "--key", "other.pub.pem")).toMatch(/\[SIGNATURE_KEY_UNKNOWN\]/);
    expect(await refused("verify", "signed.syn", "--key", "update.pem")).toMatch(
      /update\.pem: not such a key; expected .*the \.pub\.pem \[KEY_INVALID\]/,
    );
    expect(await refused("sign", "m.syn", "--key", "update.pub.pem", "-o", "no.syn")).toMatch(
      /update\.pub\.pem: not such a key; expected a private key.*\[KEY_INVALID\]/,
    );
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    await writeFile(at("p384.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    expect(await refused("sign", "m.syn", "--key", "p384.pem", "-o", "no.syn")).toMatch(
      /a key of another kind \(secp384r1\).*P-256/,
    );
    expect(await refused("sign", "update.pem", "--key", "update.pem", "-o", "no.syn")).toMatch(/\[PACK_/);
    expect(await refused("sign", "m.syn", "--key", "m.syn", "-o", "no.syn")).toMatch(
      /\[(KEY_INVALID|FILE_TOO_LARGE)\]/,
    );
    expect(await readdir(folder)).not.toContain("no.syn");
  });
});

test("a board with an update key takes the signed model from a client, and no other", {
  timeout: TIMEOUT_MS,
}, async () => {
  const args = [
    "--board",
    "waveshare-esp32-p4-wifi6",
    "--model",
    "m.syn",
    "--port",
    "0",
    "--host",
    "127.0.0.1",
    "--no-mdns",
    "--open",
  ];
  const { document, stop } = await startProgram(["sim", ...args, "--update-key", "update.pub.pem"], folder);
  try {
    const client = new SynapseClient({ url: String(document.url), token: String(document.token) });
    await expect(client.uploadModel("model_b", await readFile(at("m.syn")))).rejects.toMatchObject({
      code: "SIGNATURE_MISSING",
      status: 422,
    });
    expect(await client.uploadModel("model_b", await readFile(at("signed.syn")))).toMatchObject({
      state: "VALID",
      signed: true,
    });
    expect(await client.activateModel("model_b")).toMatchObject({ active: true });
  } finally {
    await stop();
  }
});
