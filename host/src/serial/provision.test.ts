import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { runInside } from "../cli/testing/cliHarness.js";
import { IMPROV, ImprovReader, improvCommand, improvPacket, improvResult } from "./improv.js";
import { findPort } from "./openPort.js";
import { provisionPort } from "./provisionPort.js";

let server: Server | undefined;
afterEach(() => void server?.close());

/** A board that says its log between packets, and answers commands as `answer` does. */
async function boardThat(answer: (command: number, texts: string[]) => Uint8Array[]): Promise<string> {
  const open = (socket: Socket) => {
    const reader = new ImprovReader();
    socket.on("error", () => undefined).write("I (12) wifi: IMPROVED\r\nIMPR");
    socket.on("data", (bytes) => {
      for (const { data } of reader.push(bytes)) {
        const { command, texts } = improvResult(data) ?? { command: 0, texts: [] };
        for (const packet of answer(command, texts)) socket.write(packet);
      }
    });
  };
  server = createServer(open);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `socket://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ready = improvPacket(IMPROV.state, Uint8Array.of(2));
const env = { SYNAPSE_WIFI_PASSWORD: "correct horse" };

test("a board is told network and password, and says where it is then", async () => {
  const said: string[][] = [];
  const url = await boardThat((command, texts) => {
    if (command !== 1) return [ready];
    said.push(texts);
    const place = new TextEncoder().encode("http://192.0.2.7/");
    return [improvPacket(IMPROV.result, Uint8Array.from([1, place.length + 1, place.length, ...place]))];
  });
  const { code, stdout } = await runInside(["provision", "--port", url, "--wifi", "📡 net", "--json"], { env });
  expect({ code, json: JSON.parse(stdout) }).toMatchObject({ code: 0, json: { url: "http://192.0.2.7/" } });
  expect(said).toEqual([["📡 net", "correct horse"]]);
});

test("a board that cannot join says so in one line, which has no password in it", async () => {
  const url = await boardThat((command) => [command === 1 ? improvPacket(IMPROV.error, Uint8Array.of(3)) : ready]);
  const { code, stderr } = await runInside(["provision", "--port", url, "--wifi", "net"], { env });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("[PROVISION_REFUSED]") });
  expect(stderr).not.toContain("horse");
});

test("what does not speak Improv is said to be silent", async () => {
  const { port } = await findPort(await boardThat(() => []));
  const options = { ssid: "a", password: "", answerMs: 50, joinMs: 50, signal: new AbortController().signal };
  await expect(provisionPort(port, options)).rejects.toMatchObject({ code: "PROVISION_SILENT" });
});

test("packets are found whole in whatever pieces they come, and damaged ones are none", () => {
  const packet = improvCommand(1, ["net", "word"]);
  // The example of the protocol's page: a request for the current state.
  expect([...improvCommand(2, [])].slice(0, 11)).toEqual([73, 77, 80, 82, 79, 86, 1, 3, 2, 2, 0]);
  const stream = Uint8Array.from([...new TextEncoder().encode("log IMPR\n"), ...packet, 1, 2, ...packet]);
  const one = new ImprovReader();
  expect([...stream].flatMap((byte) => one.push(Uint8Array.of(byte)))).toHaveLength(2);
  for (let at = 0; at < packet.length - 1; at++) {
    const damaged = Uint8Array.from(packet);
    damaged[at] = (damaged[at] as number) ^ 0x40;
    expect(new ImprovReader().push(damaged), `byte ${at}`).toEqual([]);
  }
});
