import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { brokerAt } from "../boards/boardBroker.js";
import { brokerFields, listenCommand } from "./brokerText.js";
import { createContext } from "./context.js";

const folder = mkdtempSync(join(tmpdir(), "synapse-path-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "mosquitto_sub"), "#!/bin/sh\n", { mode: 0o755 });

const context = (PATH?: string) => {
  const stream = { write: () => true };
  return createContext(stream, stream, PATH === undefined ? {} : { PATH }, new AbortController().signal);
};

test("mosquitto_sub is named where it is installed and needs no password", async () => {
  const command = "mosquitto_sub -h 10.0.0.2 -p 1883 -v -t 'synapse/#' -T 'synapse/+/cmd/#'";
  expect(await listenCommand(context(`/nowhere:${folder}`), brokerAt("mqtt://10.0.0.2"))).toBe(command);
  expect(await listenCommand(context("/nowhere"), brokerAt("mqtt://10.0.0.2"))).toBeUndefined();
  expect(await listenCommand(context(), brokerAt("mqtt://10.0.0.2"))).toBeUndefined();
  for (const other of ["mqtt://user:secret@10.0.0.2", "mqtts://10.0.0.2", "ws://10.0.0.2/mqtt"]) {
    expect(await listenCommand(context(folder), brokerAt(other))).toBeUndefined();
  }
});

test("boards without an owner are said to refuse commands", async () => {
  const fields = async (token: string | undefined) =>
    Object.fromEntries(await brokerFields(context(), brokerAt("mqtt://u:secret@b"), [{ topic: "synapse/0a", token }]));
  expect((await fields(undefined)).commands).toContain("403 UNCLAIMED");
  const owned = await fields("token");
  expect(owned.commands).toBeUndefined();
  expect(owned.topics).toContain("synapse/0a/status");
  expect(JSON.stringify(owned)).not.toContain("secret");
});
