import { readFileSync } from "node:fs";
import { get as getPlain, type IncomingMessage } from "node:http";
import { get } from "node:https";
import { connect } from "node:net";
import { connect as connectSecure } from "node:tls";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";
import { chromium } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { BrokerLink } from "../mqtt/brokerLink.js";
import { findChromium } from "../testing/chromium.js";
import { hasMosquitto, type Mosquitto, startMosquitto } from "../testing/mosquitto.js";
import type { TlsIdentity } from "../tls.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

/** Made by scripts/make-test-certificates.sh. */
const path = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));
const pem = (name: string): string => readFileSync(path(name), "utf8");
const identity = (name: string): TlsIdentity => ({ certificate: pem(`${name}.pem`), key: pem(`${name}.key.pem`) });
const AUTHORITY = pem("authority.pem");

let board: SimulatedBoard | undefined;
let server: BoardServer | undefined;
let link: BrokerLink | undefined;
let broker: Mosquitto | undefined;
afterEach(async () => {
  await server?.close();
  await link?.close();
  await board?.close();
  await broker?.close();
  board = server = link = broker = undefined;
});

const newBoard = async (): Promise<SimulatedBoard> => {
  board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine: "native" });
  return board;
};
const serve = async (tls: TlsIdentity): Promise<string> => {
  server = await serveBoard(await newBoard(), { port: 0, tls });
  return server.url;
};

function answer(
  ask: (then: (response: IncomingMessage) => void) => { on(event: "error", then: (error: Error) => void): unknown },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = ask((response) => {
      let text = `${response.statusCode} `;
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve(text)).on("error", reject);
    });
    request.on("error", reject);
  });
}

describe("a board over HTTPS", () => {
  test("answers whoever trusts its authority", async () => {
    const url = await serve(identity("server"));
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await answer((then) => get(`${url}/v1/device`, { ca: AUTHORITY }, then))).toMatch(
      /^200 \{.*"simulated":true/,
    );
    await expect(answer((then) => get(`${url}/v1/device`, then))).rejects.toThrow(/self-signed|unable to (get|verify)/);
  });

  test("outlives plain HTTP, noise and half a handshake", async () => {
    const url = await serve(identity("server"));
    await expect(answer((then) => getPlain(url.replace("https", "http"), then))).rejects.toThrow();
    const port = Number(new URL(url).port);
    for (const noise of ["", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01"]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.end(noise));
        socket.on("error", () => undefined).on("close", () => resolve());
        socket.resume();
      });
    }
    expect(await answer((then) => get(`${url}/v1/device`, { ca: AUTHORITY }, then))).toMatch(/^200 /);
  });

  test("refuses a head that is not HTTP in the words of a board", async () => {
    const { port } = new URL(await serve(identity("server")));
    const text = await new Promise<string>((resolve) => {
      let got = "";
      const socket = connectSecure(
        { port: Number(port), host: "127.0.0.1", ca: AUTHORITY, servername: "localhost" },
        () => socket.write("nonsense\r\n\r\n"),
      );
      socket.setEncoding("utf8").on("data", (piece: string) => (got += piece));
      socket.on("close", () => resolve(got));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 .*"code":"HEAD_MALFORMED"/s);
  });

  test("is not served with what is no certificate, or another's key", async () => {
    const bad = { code: "TLS_INVALID" };
    await expect(serve({ certificate: "none", key: pem("server.key.pem") })).rejects.toMatchObject(bad);
    await board?.close();
    await expect(serve({ certificate: pem("server.pem"), key: pem("client.key.pem") })).rejects.toMatchObject(bad);
  });
});

const executable = findChromium();

describe.skipIf(executable === undefined)(
  "the page at an address that is not this machine's name",
  { timeout: 60_000 },
  () => {
    /** Whether the page at a board's URL offers the live camera to somebody who types another host name. */
    const offersLive = async (url: string): Promise<boolean> => {
      const args = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];
      const browser = await chromium.launch({
        executablePath: executable as string,
        args: [...args, "--host-resolver-rules=MAP board.example 127.0.0.1", "--ignore-certificate-errors"],
      });
      try {
        const page = await browser.newPage();
        await page.goto(`${url.replace("127.0.0.1", "board.example")}/#token=${board?.ownerToken}`);
        await page.getByRole("region", { name: "Picture", exact: true }).waitFor();
        const live = page.getByRole("button", { name: "Live" });
        if ((await live.count()) === 0) return false;
        await live.click();
        await page.getByText(/^\d+ frames$/).waitFor();
        return true;
      } finally {
        await browser.close();
      }
    };

    test("has the live camera over HTTPS", async () => {
      expect(await offersLive(await serve(identity("server")))).toBe(true);
    });

    test("has the file chooser alone over HTTP", async () => {
      server = await serveBoard(await newBoard(), { port: 0 });
      expect(await offersLive(server.url)).toBe(false);
    });
  },
);

describe.skipIf(!hasMosquitto())("a board on a broker that speaks TLS and asks for certificates (mosquitto)", () => {
  const start = () =>
    startMosquitto({
      tls: { certificate: path("server.pem"), key: path("server.key.pem"), clientAuthority: path("authority.pem") },
    });
  const linkWith = async (tls: ConstructorParameters<typeof BrokerLink>[1]): Promise<string[]> => {
    const log: string[] = [];
    link = new BrokerLink(await newBoard(), { reconnectMs: 50, log: (_, text) => log.push(text), ...tls });
    return log;
  };
  const eventually = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  test("connects with its own, and is seen by others", async () => {
    broker = await start();
    await linkWith({ fallbackUrl: broker.url, tls: { authorities: AUTHORITY, identity: identity("client") } });
    const { certificate: cert, key } = identity("client");
    const client = await mqtt.connectAsync(broker.url, { ca: AUTHORITY, cert, key });
    const status = new Promise<string>((resolve) => client.on("message", (_, payload) => resolve(payload.toString())));
    await client.subscribeAsync("synapse/+/status");
    expect(JSON.parse(await status)).toMatchObject({ state: "online" });
    await client.endAsync();
  });

  test("stays away from a broker that it cannot check, and says why", async () => {
    broker = await start();
    const log = await linkWith({ fallbackUrl: broker.url, tls: { identity: identity("client") } });
    await eventually(() => log.some((line) => /self-signed|unable to (get|verify)/.test(line)));
    expect(log).toContainEqual(
      expect.stringMatching(/^broker mqtts:.*; expected an authority that is trusted here \(--broker-ca\)$/),
    );
    expect(link?.connected).toBe(false);
  });

  test("is turned away without a certificate, and says so", async () => {
    broker = await start();
    const log = await linkWith({ fallbackUrl: broker.url, tls: { authorities: AUTHORITY } });
    await eventually(() =>
      log.some((line) =>
        line.endsWith("certificate required; expected a certificate of the board's own (--broker-cert)"),
      ),
    );
    expect(link?.connected).toBe(false);
  });
});
