import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SimulatedChip, type SimulatedChipOptions, serveBoard, startSimulatedChip } from "synapse-sim";
import { makeAppImage } from "synapse-sim/app-image";
import { makeFlash } from "synapse-sim/testing/flashImage";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { findBoard } from "../boards/boards.js";
import { repoPath, runInside } from "./testing/cliHarness.js";

const PASSWORD = "correct horse";

let chip: SimulatedChip | undefined;
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "synapse-provision-"));
});
afterEach(() => chip?.close());
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A chip that has been flashed, as `sim --serial` serves it; its board's address. */
async function startChip(options: Partial<SimulatedChipOptions> = {}): Promise<{ port: string; url: string }> {
  const board = await findBoard("waveshare-esp32-p4-wifi6");
  let url = "";
  chip = await startSimulatedChip({
    board,
    flash: makeFlash(board, { partitions: { ota_0: makeAppImage() } }),
    serve: async (simulated) => {
      const server = await serveBoard(simulated, { port: 0, host: "127.0.0.1" });
      url = server.url;
      return server;
    },
    ...options,
  });
  await chip.idle();
  return { port: chip.url, url };
}

const env = () => ({ SYNAPSE_WIFI_PASSWORD: PASSWORD, HOME: home, XDG_CONFIG_HOME: home });
const claim = async (url: string): Promise<Record<string, string>> =>
  JSON.parse((await runInside(["claim", url, "--json"], { env: env() })).stdout);
const settingsOf = async (url: string, token: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${url}/v1/settings`, { headers: { authorization: `Bearer ${token}` } })).json()) as Record<
    string,
    unknown
  >;

test("a chip that runs joins the network it is told over its cable, keeps it, and is claimed then", async () => {
  const { port, url } = await startChip();
  const args = ["provision", "--sim", port, "--wifi", "📡 home", "--json"];
  const { code, stdout, stderr } = await runInside(args, { env: env() });
  expect({ code, json: JSON.parse(stdout) }).toEqual({
    code: 0,
    json: { command: "provision", port, ssid: "📡 home", url },
  });
  expect(stdout + stderr + chip?.console).not.toContain("horse");
  const { token } = await claim(url);
  expect(await settingsOf(url, token as string)).toMatchObject({ wifi_ssid: "📡 home" });
  // Its flash has it at the next start.
  chip?.reset();
  await chip?.idle();
  expect(new TextDecoder().decode(chip?.flash.contents)).toContain(PASSWORD);
});

test("the password may be wrong, the network out of reach, or open", async () => {
  const networks = [
    { ssid: "a".repeat(32), password: PASSWORD },
    { ssid: "cafe", password: "" },
  ];
  const { port } = await startChip({ networks });
  const ask = (ssid: string, ...more: string[]) => runInside(["provision", "--port", port, "--wifi", ssid, ...more]);
  const told = (ssid: string, password: string) =>
    runInside(["provision", "--port", port, "--wifi", ssid], { env: { SYNAPSE_WIFI_PASSWORD: password } });
  for (const [ssid, password] of [
    ["a".repeat(32), "another horse"],
    ["nowhere", PASSWORD],
  ] as const) {
    const { code, stderr } = await told(ssid, password);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("[PROVISION_REFUSED]") });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
  expect(await told("a".repeat(32), PASSWORD)).toMatchObject({ code: 0 });
  expect(await ask("cafe", "--open-wifi")).toMatchObject({ code: 0 });
});

test.each([
  ["x".repeat(7), "WIFI_PASSWORD"],
  ["", "WIFI_PASSWORD"],
  ["x".repeat(64), "WIFI_PASSWORD"],
  [`${"é".repeat(32)}`, "WIFI_PASSWORD"],
])("a password of %j is refused before it leaves this machine", async (password, says) => {
  const args = ["provision", "--port", "socket://127.0.0.1:1", "--wifi", "home"];
  const { code, stderr } = await runInside(args, { env: { SYNAPSE_WIFI_PASSWORD: password } });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(`[${says}]`) });
  if (password !== "") expect(stderr).not.toContain(password);
});

test.each([
  ["", "WIFI_SSID"],
  ["🏠".repeat(9), "WIFI_SSID"],
  ["a".repeat(33), "WIFI_SSID"],
])("a network named %j is refused", async (ssid, says) => {
  const { code, stderr } = await runInside(["provision", "--port", "socket://127.0.0.1:1", "--wifi", ssid], {
    env: env(),
  });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(`[${says}]`) });
});

test("no port is one line", async () => {
  expect(await runInside(["provision", "--wifi", "home"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("[PORT_NEEDED]"),
  });
});

test("nothing of a password that is typed is shown", async () => {
  const { port } = await startChip();
  const program = repoPath("host", "bin", "synapse-host.js");
  const script = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""
typed = False
while True:
    try:
        more = os.read(fd, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if b"password of home: " in shown and not typed:
        typed = True
        os.write(fd, b"correct horsee\\x7f\\r")
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  const args = ["-c", script, process.execPath, program, "provision", "--sim", port, "--wifi", "home"];
  const child = spawn("python3", args, { stdio: ["ignore", "pipe", "inherit"] });
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect({ code, shown }).toMatchObject({ code: 0, shown: expect.stringContaining("the board has joined") });
  expect(shown).not.toContain("horse");
  chip?.reset();
  await chip?.idle();
  expect(new TextDecoder().decode(chip?.flash.contents)).toContain(PASSWORD);
});
