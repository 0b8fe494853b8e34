import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** The tools that the document asks for, and Python for its file server. */
const hasTools = ["bash", "curl", "jq", "python3"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
if (!hasTools) console.warn("curl, jq or Python 3 is not installed, so the commands of docs/http.md are not run");

interface Block {
  readonly code: string;
  /** The JSON that the document shows as the answer, if it does. */
  readonly answer: string | undefined;
}

/** The commands of the document in their order. An answer follows its commands without a word between. */
function blocksOf(document: string): Block[] {
  const fences = document.matchAll(/^```sh\n([\s\S]*?)^```$(?:\n```json\n([\s\S]*?)^```$)?/gm);
  return [...fences].map(([, code = "", answer]) => ({ code, answer }));
}

/** Runs until it is stopped, so the document gives it a terminal of its own. */
const isServer = ({ code }: Block): boolean => /^(npx synapse-host sim|python3 -m http\.server) /.test(code);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What the board there says of itself, once it is there. */
async function answered(url: string): Promise<object> {
  for (;;) {
    const response = await fetch(`${url}/v1/device`).catch(() => undefined);
    if (response?.ok) return (await response.json()) as object;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** In a clone `npx` finds this program; without it nothing is looked up on the network. */
const PRELUDE = 'npx() { shift; node host/bin/synapse-host.js "$@"; }\n';
const MARK = "=== block ";

describe.skipIf(!hasTools)("the commands of docs/http.md, from top to bottom", () => {
  let folder: string;
  let blocks: Block[];
  let outputs: string[];
  let base: string;
  const servers: ChildProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "synapse-http-document-"));
    // What the commands write lies beside the repository's folders, not in them.
    for (const name of readdirSync(ROOT)) if (!name.startsWith(".")) symlinkSync(join(ROOT, name), join(folder, name));
    let document = readFileSync(join(ROOT, "docs", "http.md"), "utf8");
    // Nobody else may have these ports.
    const ports = new Map<string, number>();
    for (const port of ["8123", "8124", "8880"]) {
      ports.set(port, await freePort());
      document = document.replaceAll(port, String(ports.get(port)));
    }
    base = `http://127.0.0.1:${ports.get("8123")}`;
    const all = blocksOf(document);
    blocks = all.filter((block) => !isServer(block));
    const [board, ...others] = all.filter(isServer);
    expect(others).toHaveLength(2);
    for (const server of [board, ...others.filter(({ code }) => code.startsWith("python3"))]) start(server as Block);
    await answered(base);
    const script = PRELUDE + blocks.map(({ code }, i) => `printf "\\n${MARK}${i}\\n"\n${code}`).join("");
    // Answers end without a new line.
    outputs = (await output(script))
      .replaceAll("}{", "}\n{")
      .split(new RegExp(`^${MARK}\\d+\\n`, "m"))
      .slice(1);
    start(others.find(({ code }) => code.startsWith("npx")) as Block);
    expect(await answered(`http://127.0.0.1:${ports.get("8124")}`)).toMatchObject({
      update_keys: [expect.stringMatching(/^[0-9a-f]{32}$/)],
    });
  });
  afterAll(() => {
    for (const { pid } of servers) if (pid !== undefined) process.kill(-pid);
    rmSync(folder, { recursive: true, force: true });
  });

  function start({ code }: Block): void {
    servers.push(spawn("bash", ["-c", PRELUDE + code], { cwd: folder, stdio: "ignore", detached: true }));
  }

  function output(script: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn("bash", ["-s"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
      let text = "";
      child.stdout.on("data", (bytes: Buffer) => {
        text += bytes;
      });
      child.on("error", reject);
      child.on("close", () => resolve(text));
      child.stdin.end(script);
    });
  }

  test("are answered, and refused only where the document says so", () => {
    expect(outputs).toHaveLength(blocks.length);
    const refused = blocks.flatMap(({ code, answer }, i) => {
      const said = /^\{"title":.*"status":\d+.*$/m.exec(outputs[i] ?? "")?.[0];
      const expected = answer?.startsWith('{"title"') === true;
      return (said !== undefined) === expected ? [] : [{ code, said }];
    });
    expect(refused).toEqual([]);
  });

  test("are answered as the document shows", () => {
    for (const [i, { code, answer }] of blocks.entries()) {
      // Long ones are shown by their beginning.
      if (answer === undefined || answer.includes("…")) continue;
      const said = (outputs[i] ?? "").trim().split("\n").at(-1) ?? "";
      expect({ code, said: stable(said) }).toEqual({ code, said: stable(answer) });
    }
  });

  test("end with the updated model running from the slot that was free, and the new firmware", async () => {
    const device = (await (await fetch(`${base}/v1/device`)).json()) as {
      slots: { slot: string; active: boolean }[];
      firmware: object;
    };
    expect(device.slots.find(({ active }) => active)?.slot).toBe("model_a");
    expect(device).toMatchObject({ claimed: true, firmware: { version: "2.0.0" } });
  });
});

/** An answer without what differs from run to run: bytes that are free, times, and lines of the log. */
function stable(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) =>
    ["latency_ms", "next", "heap_free", "psram_free"].includes(key) ? typeof value : value,
  );
}
