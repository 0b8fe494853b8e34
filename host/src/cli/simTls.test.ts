import { readFile } from "node:fs/promises";
import { get } from "node:https";
import { expect, test } from "vitest";
import { repoPath, runProgram, startProgram } from "./testing/cliHarness.js";

const TIMEOUT_MS = 120_000;
const FOLDER = repoPath("sim", "fixtures", "tls");
const ARGS = [
  "sim",
  "--board",
  "waveshare-esp32-p4-wifi6",
  "--model",
  repoPath("sim", "fixtures", "lewm-test.syn"),
  "--port",
  "0",
  "--no-mdns",
];
const TLS = ["--tls-cert", "server.pem", "--tls-key", "server.key.pem"];

async function statusOf(url: string): Promise<number | undefined> {
  const ca = await readFile(repoPath("sim", "fixtures", "tls", "authority.pem"));
  return new Promise((resolve, reject) => {
    get(url, { ca }, (response) => resolve(response.resume().statusCode)).on("error", reject);
  });
}

test.each([
  ["a board", []],
  ["a board in a tab", ["--browser"]],
])("%s over HTTPS", { timeout: TIMEOUT_MS }, async (_, more) => {
  const { document, stop } = await startProgram([...ARGS, ...TLS, ...more], FOLDER);
  try {
    expect(document.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    if (document.lanUrl !== null) expect(document.lanUrl).toMatch(/^https:/);
    expect(await statusOf(`${document.url}/`)).toBe(200);
  } finally {
    expect(await stop()).toBe(0);
  }
});

test.each([
  [["--tls-cert", "server.pem"], /--tls-cert and --tls-key: there is a certificate without its key.*\[TLS_HALF\]/],
  [
    ["--broker-key", "client.key.pem"],
    /--broker-cert and --broker-key: there is a key without its certificate.*\[TLS_HALF\]/,
  ],
  [
    ["--tls-cert", "server.pem", "--tls-key", "client.key.pem"],
    /^error: server\.pem and client\.key\.pem: key values mismatch; .*\[TLS_INVALID\]/,
  ],
  [["--tls-cert", "server.pem", "--tls-key", "server.pem"], /^error: server\.pem and server\.pem: .*\[TLS_INVALID\]/],
  [
    ["--broker", "mqtts://127.0.0.1:1", "--broker-ca", "server.key.pem"],
    /^error: server\.key\.pem: there is no certificate.*\[TLS_INVALID\]/,
  ],
  [["--tls-cert", "missing.pem", "--tls-key", "server.key.pem"], /missing\.pem: no such file.*\[FILE_ENOENT\]/],
])("%s is refused in words", { timeout: TIMEOUT_MS }, async (more, says) => {
  const { code, stdout, stderr } = await runProgram([...ARGS, ...more], FOLDER);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(says);
});
