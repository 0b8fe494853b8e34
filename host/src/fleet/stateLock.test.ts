import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockState } from "./stateLock.js";

let folder: string;
let state: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-lock-"));
  state = join(folder, "state.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a state file is for one roll-out at a time", async () => {
  const unlock = await lockState(state);
  await expect(lockState(state)).rejects.toMatchObject({
    code: "STATE_IN_USE",
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await unlock();
  expect(existsSync(`${state}.lock`)).toBe(false);
  await (await lockState(state))();
});

test("a lock whose process is gone is taken over; one of another machine is not", async () => {
  // Above what Linux gives out.
  writeFileSync(`${state}.lock`, JSON.stringify({ pid: 2 ** 30, host: hostname() }));
  const unlock = await lockState(state);
  expect(JSON.parse(readFileSync(`${state}.lock`, "utf8"))).toMatchObject({ pid: process.pid });
  await unlock();
  writeFileSync(`${state}.lock`, JSON.stringify({ pid: 2 ** 30, host: "another" }));
  await expect(lockState(state)).rejects.toThrow('process 1073741824 on "another"');
});

test("a lock that says nothing is left to the operator, and a place that cannot be written is named", async () => {
  writeFileSync(`${state}.lock`, "");
  await expect(lockState(state)).rejects.toThrow(`where none runs, remove ${state}.lock`);
  await expect(lockState(join(folder, "none", "state.json"))).rejects.toMatchObject({ code: "WRITE_FAILED" });
});
