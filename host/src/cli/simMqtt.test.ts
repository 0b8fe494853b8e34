import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import mqtt from "mqtt";
import { SynapseMqttClient } from "synapse-client";
import { hasMosquitto, startMosquitto } from "synapse-sim/testing/mosquitto";
import { afterEach, describe, expect, test } from "vitest";
import { repoPath } from "./testing/cliHarness.js";

const BASE = "synapse/020000000001";
const CAT = repoPath("samples", "cat.jpg");

/** What a program has written, and the next moment at which it has written something that matches. */
class Program {
  static readonly all: Program[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve, reject) => this.child.on("close", resolve).on("error", reject));
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    Program.all.push(this);
  }

  async until(found: (text: string) => boolean): Promise<string> {
    while (!found(this.stdout)) {
      const more = new Promise((resolve) => this.child.stdout?.once("data", resolve));
      const over = this.ended.then((code) =>
        Promise.reject(new Error(`the program ended with ${code}: ${this.stdout}${this.stderr}`)),
      );
      await Promise.race([more, over]);
    }
    return this.stdout;
  }

  /** All that it wrote, once it has ended well. */
  async output(): Promise<string> {
    const code = await this.ended;
    if (code !== 0) throw new Error(`the program ended with ${code}: ${this.stdout}${this.stderr}`);
    return this.stdout;
  }

  stop(): Promise<number | null> {
    this.child.kill("SIGINT");
    return this.ended;
  }

  static killAll(): void {
    for (const { child } of Program.all.splice(0)) child.kill("SIGKILL");
  }
}

process.on("exit", () => Program.killAll());
afterEach(() => Program.killAll());

interface Started {
  readonly url: string;
  readonly token: string | null;
  readonly topic: string;
  readonly broker: { readonly url: string; readonly lanUrl: string | null; readonly embedded: boolean };
  readonly boards?: readonly { readonly id: string; readonly topic: string }[];
}

/** `synapse-host sim` as a user starts it, once it has said where it is. */
async function startSim(...more: string[]): Promise<{ program: Program; document: Started }> {
  const args = [
    "--board",
    "waveshare-esp32-p4-wifi6",
    "--model",
    repoPath("sim", "fixtures", "lewm-test.syn"),
    "--port",
    "0",
  ];
  const program = new Program(process.execPath, [
    repoPath("host", "bin", "synapse-host.js"),
    ...["sim", ...args, "--host", "127.0.0.1", "--json", ...more],
  ]);
  return { program, document: JSON.parse(await program.until((text) => text.endsWith("}\n"))) };
}

/** Until the board has said that it is there: then it listens, too. */
async function online(client: SynapseMqttClient): Promise<void> {
  for await (const { kind, data } of client.messages()) if (kind === "status" && data.state === "online") return;
}

test("boards of --serve-broker are on a broker of their own process, and gone with it", async () => {
  const { program, document } = await startSim("--open", "--count", "2", "--serve-broker", "0");
  expect(document.broker).toEqual({
    url: expect.stringMatching(/^mqtt:\/\/127\.0\.0\.1:\d+$/),
    lanUrl: null,
    embedded: true,
  });
  expect(document.boards?.map(({ topic }) => topic)).toEqual([BASE, "synapse/020000000002"]);
  const connection = await mqtt.connectAsync(document.broker.url);
  try {
    for (const { id } of document.boards ?? []) {
      const client = new SynapseMqttClient({ connection, device: id });
      await online(client);
      const { latent } = await client.encode({ bytes: await readFile(CAT), type: "image/jpeg" });
      expect(latent).toHaveLength(32);
    }
  } finally {
    await connection.endAsync(true);
  }
  expect(await program.stop()).toBe(0);
});

test("a broker whose usual port is taken stops with its boards all the same", async () => {
  const other = createServer();
  // Whoever has the port, it is taken.
  await new Promise<void>((resolve) => other.once("error", () => resolve()).listen(1883, "127.0.0.1", resolve));
  try {
    const { program, document } = await startSim("--serve-broker");
    expect(document.broker.url).not.toMatch(/:1883$/);
    expect(await program.stop()).toBe(0);
  } finally {
    other.close();
  }
});

test("a board without an owner is on its broker, and refuses commands", async () => {
  const { program, document } = await startSim("--serve-broker", "0");
  const connection = await mqtt.connectAsync(document.broker.url);
  try {
    const client = new SynapseMqttClient({ connection, device: "02:00:00:00:00:01" });
    await online(client);
    await expect(client.selftest()).rejects.toMatchObject({ status: 403, code: "UNCLAIMED" });
    await fetch(`${document.url}/v1/claim`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(await client.selftest()).toMatchObject({ passed: true });
  } finally {
    await connection.endAsync(true);
  }
  expect(await program.stop()).toBe(0);
});

test("a broker that is not there is said, and the board runs and ends all the same", async () => {
  const { program, document } = await startSim("--open", "--broker", "mqtt://127.0.0.1:1");
  expect((await fetch(`${document.url}/v1/device`)).status).toBe(200);
  while (!program.stderr.includes("broker mqtt://127.0.0.1:1: connect ECONNREFUSED"))
    await new Promise((resolve) => program.child.stderr?.once("data", resolve));
  expect(await program.stop()).toBe(0);
});

test("two brokers at once, and what is no broker, are wrong input", async () => {
  const args = ["sim", "--board", "waveshare-esp32-p4-wifi6", "--model", repoPath("sim", "fixtures", "lewm-test.syn")];
  const refused = async (...more: string[]) => {
    const program = new Program(process.execPath, [repoPath("host", "bin", "synapse-host.js"), ...args, ...more]);
    expect(await program.ended).toBe(2);
    return program.stderr;
  };
  expect(await refused("--broker", "mqtt://a", "--serve-broker")).toContain(
    "cannot be used with option '--serve-broker [port]'",
  );
  expect(await refused("--broker", "http://a")).toContain("[BROKER_URL]");
  expect(await refused("--browser", "--serve-broker")).toContain("cannot be used with option");
});

const programs = hasMosquitto() && hasCurl();
if (!programs) {
  console.warn(
    "mosquitto or curl is not installed: sim is not tested with them (apt-get install mosquitto mosquitto-clients " +
      "curl)",
  );
}
describe.skipIf(!programs && !process.env.CI)("with mosquitto's programs and curl", () => {
  test("a board says that it is there, answers commands of MQTT 5 and HTTP alike, and is away after Ctrl-C", async () => {
    const broker = await startMosquitto();
    const common = ["-h", "127.0.0.1", "-p", String(broker.port)];
    try {
      const { program, document } = await startSim("--open", "--broker", broker.url);
      expect(document.broker).toEqual({ url: broker.url, lanUrl: null, embedded: false });
      expect(await statusAt(common)).toMatchObject({
        state: "online",
        id: "02:00:00:00:00:01",
        model: { name: "lewm-test" },
      });

      const answers = await listen([...common, "-V", "mqttv5"], "panel/answers", "%D|%C|%P|%p");
      const command = ["-t", `${BASE}/cmd/encode`, "-V", "mqttv5", "-q", "1", "-f", CAT];
      const properties = [
        "response-topic panel/answers",
        "correlation-data cat-1",
        "user-property accept application/json",
      ];
      const given = properties.flatMap((property) => ["-D", "publish", ...property.split(" ")]);
      await new Program("mosquitto_pub", [...common, ...command, ...given]).output();
      const line = (await answers.output()).split("\n").find((text) => text.startsWith("cat-1|"));
      const [, contentType, userProperties, ...payload] = line?.split("|") ?? [];
      expect(contentType).toBe("application/json");
      expect(userProperties?.split(" ")).toEqual(expect.arrayContaining(["status:200", "device:02:00:00:00:00:01"]));
      const answer = JSON.parse(payload.join("|")) as { latent: number[] };

      const http = new Program("curl", [
        ...["-sS", "--fail", "--data-binary", `@${CAT}`, "-H", "content-type: image/jpeg", `${document.url}/v1/encode`],
      ]);
      expect(answer.latent).toEqual(JSON.parse(await http.output()).latent);

      expect(await program.stop()).toBe(0);
      expect(await statusAt(common)).toEqual({ state: "offline" });
    } finally {
      await broker.close();
    }
  });

  test("a client of 3.1.1 names its command in the topic", async () => {
    const broker = await startMosquitto();
    const common = ["-h", "127.0.0.1", "-p", String(broker.port), "-V", "mqttv311"];
    try {
      const { program } = await startSim("--open", "--broker", broker.url);
      expect(await statusAt(common)).toMatchObject({ state: "online" });
      const answer = await listen(common, `${BASE}/res/7`, "%p");
      await new Program("mosquitto_pub", [...common, "-q", "1", "-t", `${BASE}/cmd/device/7`, "-m", "{}"]).output();
      const line = (await answer.output()).split("\n").find((text) => text.startsWith("{")) ?? "";
      expect(JSON.parse(line)).toMatchObject({ id: "02:00:00:00:00:01", mqtt: { connected: true, topic: BASE } });
      expect(await program.stop()).toBe(0);
    } finally {
      await broker.close();
    }
  });
});

async function statusAt(common: readonly string[]): Promise<unknown> {
  return JSON.parse(await new Program("mosquitto_sub", [...common, "-t", `${BASE}/status`, "-C", "1"]).output());
}

/**
 * mosquitto_sub for one message, once it is subscribed: it does not say so, but prints the retained message of the
 * topic after that.
 */
async function listen(common: readonly string[], topic: string, format: string): Promise<Program> {
  await new Program("mosquitto_pub", [...common, "-q", "1", "-r", "-t", "panel/ready", "-m", "ready"]).output();
  const program = new Program("mosquitto_sub", [...common, "-t", topic, "-t", "panel/ready", "-C", "2", "-F", format]);
  await program.until((text) => text.includes("ready\n"));
  return program;
}

function hasCurl(): boolean {
  try {
    execFileSync("curl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
