import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasMosquitto, startMosquitto } from "synapse-sim/testing/mosquitto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetBoards, secondModel, startFleetBoards } from "../testing/fleetBoards.js";
import { type CliResult, repoPath, runProgram } from "./testing/cliHarness.js";

const COUNT = 3;
let fleet: FleetBoards;
let folder: string;

beforeAll(async () => {
  fleet = await startFleetBoards(COUNT);
  folder = mkdtempSync(join(tmpdir(), "synapse-fleet-cli-"));
  writeFileSync(join(folder, "second.syn"), await secondModel());
});
afterAll(async () => {
  await fleet.close();
  rmSync(folder, { recursive: true, force: true });
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  const state = join(folder, "state");
  return runProgram(["fleet", ...args], folder, { SYNAPSE_BROKER: fleet.broker.url, XDG_STATE_HOME: state, ...env });
}

test("an operator sees the boards, groups some of them, and rolls a model out to those", async () => {
  const listed = JSON.parse((await run(["list", "--json"])).stdout);
  expect(listed.boards.map(({ id }: { id: string }) => id)).toEqual(fleet.ids);
  expect(listed.boards[0]).toMatchObject({ online: true, health: "good", model: { name: "lewm-test" }, groups: [] });

  const [first = "", second = ""] = fleet.ids;
  expect(await run(["group", "add", "hall", "--id", first, "--id", second])).toMatchObject({ code: 0 });
  const hall = JSON.parse((await run(["list", "--group", "hall", "--json"])).stdout);
  expect(hall.boards.map(({ id }: { id: string }) => id)).toEqual([first, second]);

  const push = ["push-model", "second.syn", "--group", "hall", "--soak", "0"];
  const tried = await run([...push, "--dry-run"]);
  expect(tried).toMatchObject({ code: 0 });
  expect(tried.stdout).toContain("2 boards would be updated; nothing was changed");
  const pushed = await run([...push, "--json"]);
  expect(pushed).toMatchObject({ code: 0 });
  const lines = pushed.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ finished: true, counts: { updated: 2, failed: 0 } });
  expect((await run(push)).stderr).toContain("nothing to do: 2 of 2 boards run lewm-test");

  const after = JSON.parse((await run(["list", "--json"])).stdout).boards;
  const digests = after.map(({ model }: { model: { sha256: string } }) => model.sha256);
  expect(digests[0]).toBe(digests[1]);
  expect(digests[2]).not.toBe(digests[0]);
});

test("settings change on all boards, or are refused with the board's own words", async () => {
  const changed = JSON.parse((await run(["settings", "telemetry_s=300", "--json"])).stdout);
  expect(changed.boards.map(({ answer }: { answer: { telemetry_s: number } }) => answer.telemetry_s)).toEqual([
    300, 300, 300,
  ]);
  const refused = await run(["settings", "telemetry_s=-1"]);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stdout).toContain("BODY_INVALID");
  expect(await run(["settings", "telemetry"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("setting=value"),
  });
});

test("commands are answered by each board", async () => {
  const { stdout, code } = await run(["run", "selftest"]);
  expect(code).toBe(0);
  expect(stdout.match(/passed: 2 test vectors/g)).toHaveLength(COUNT);
  expect(stdout).toContain(`${COUNT} done, 0 not`);
});

test("what is wrong is said in one line", async () => {
  const none = await run(["list"], { SYNAPSE_BROKER: "" });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("no broker is named; expected --broker") });
  const silent = await run(["list", "--broker", "mqtt://127.0.0.1:1"]);
  expect(silent).toMatchObject({ code: 2, stderr: expect.stringContaining("the broker is not reached") });
  expect(silent.stderr.trim().split("\n")).toHaveLength(1);
  const plain = await run(["list", "--broker", fleet.broker.url.replace("mqtt:", "mqtts:")]);
  expect(plain).toMatchObject({ code: 2, stderr: expect.stringContaining("mqtt:// where it does not") });
  const unknown = await run(["run", "device", "--id", "ffff"]);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("no board of this broker has that id") });
  const nobody = await run(["run", "device", "--name", "cellar*"]);
  expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining("no board of this broker is chosen") });
  const picture = await run(["push-model", repoPath("samples", "cat.jpg")]);
  expect(picture).toMatchObject({ code: 2, stdout: "" });
  writeFileSync(join(folder, "other.json"), "[]");
  const other = await run(["push-model", "second.syn", "--state", "other.json"]);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("no state of a roll-out") });
});

test("what an option or a file says wrong is found before any board is asked", async () => {
  const push = ["push-model", "second.syn"];
  const refused: readonly [args: readonly string[], said: string][] = [
    [["--canaries", "-1"], "whole number from 0 to 1000"],
    [["--waves", "50,10"], "rising percentages"],
    [["--waves", "10, ,50"], "rising percentages"],
    [["--url", "ftp://files/second.syn"], "no address that boards fetch from"],
    [["--serve-host", "192.168.1.2:80"], "no name or address of a machine"],
    [["--state", "none/state.json"], "WRITE_FAILED"],
    [["--state", "/dev/null"], "FILE_KIND"],
    [["--broker-ca", "second.json"], "no such file"],
  ];
  for (const [args, said] of refused)
    expect(await run([...push, ...args])).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  const { code, stdout } = await run([...push, "--parallel", "0", "--json"]);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ command: "fleet push-model", error: { code: "USAGE" } });
  expect(stdout.trim().split("\n")).toHaveLength(1);
  expect(await run(["list", "--group", "nobody"])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`none of the ${COUNT} boards`),
  });
});

test("names that would write elsewhere on a terminal, or are endless, are shown as text", async () => {
  const [id = ""] = fleet.ids;
  const { connectFleet } = await import("../fleet/connectFleet.js");
  const connection = await connectFleet({ url: fleet.broker.url });
  const topic = "synapse/0badc0de/status";
  const name = `\u001b[2J\u202eevil\n${"x".repeat(5_000)}`;
  const status = { state: "online", name, board: "\u009b31mboard", groups: ["\u001b]0;title\u0007"], model: null };
  try {
    await connection.client.publishAsync(topic, JSON.stringify(status), { qos: 1, retain: true });
    const { stdout } = await run(["list"]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stdout).toContain(id);
    expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThan(220);
  } finally {
    await connection.client.publishAsync(topic, "", { qos: 1, retain: true });
    await connection.close();
  }
});

test.skipIf(!hasMosquitto())(
  "the access list of examples/mosquitto is enough for boards and operators, and for nobody else",
  async () => {
    const users = ["operator", "dashboard", "020000000001", "020000000002"].map((name) => ({
      name,
      password: `pw-${name}`,
    }));
    const broker = await startMosquitto({ users, acl: repoPath("examples", "mosquitto", "acl") });
    const { host } = new URL(broker.url);
    const boards = await startFleetBoards(2, { brokerUrl: (id) => `mqtt://${id}:pw-${id}@${host}` });
    const as = (user: string, args: readonly string[]) =>
      run([...args, "--user", user], { SYNAPSE_BROKER: broker.url, SYNAPSE_BROKER_PASSWORD: `pw-${user}` });
    try {
      expect(await as("operator", ["run", "selftest"])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("2 done"),
      });
      const push = ["push-model", "second.syn", "--soak", "0", "--state", "acl.json"];
      const dashboard = await as("dashboard", ["list", "--json"]);
      expect(JSON.parse(dashboard.stdout).boards).toHaveLength(2);
      const forbidden = await as("dashboard", push);
      expect(forbidden).toMatchObject({ code: 2, stderr: expect.stringContaining("BROKER_FORBIDS") });
      // A board commands no other board.
      const board = await as("020000000001", ["run", "reboot", "--id", "020000000002"]);
      expect(board.code).not.toBe(0);
      expect(await as("operator", push)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("2 of 2 boards run"),
      });
    } finally {
      await boards.close();
      await broker.close();
    }
  },
);

test.skipIf(!hasMosquitto())("a broker that asks who one is gets it from the environment, or says no", async () => {
  const broker = await startMosquitto({ user: { name: "operator", password: "s3cret" } });
  try {
    const env = { SYNAPSE_BROKER: broker.url, SYNAPSE_BROKER_PASSWORD: "s3cret" };
    expect(await run(["list", "--user", "operator", "--json"], env)).toMatchObject({ code: 0 });
    const refused = await run(["list", "--user", "operator"], { ...env, SYNAPSE_BROKER_PASSWORD: "wrong" });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("does not let this user in") });
    expect(refused.stderr).not.toContain("wrong");
  } finally {
    await broker.close();
  }
});
