import { createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileServer } from "../testing/fileServer.js";
import type { FetchResult } from "./deviceCore.js";
import { Downloads } from "./downloads.js";
import { fetchFailure } from "./fetchFailure.js";

let files: FileServer;
beforeEach(async () => {
  files = await FileServer.start();
  files.file = new TextEncoder().encode("a file");
});
afterEach(() => files.close());

interface Downloaded {
  readonly head: readonly (number | string)[] | undefined;
  readonly text: string;
  readonly result: FetchResult;
}

function download(url: string, fetchFile?: ConstructorParameters<typeof Downloads>[1]): Promise<Downloaded> {
  return new Promise((resolve) => {
    let head: (number | string)[] | undefined;
    let text = "";
    const events = {
      head: (_: number, ...told: (number | string)[]) => {
        head = told;
      },
      chunk: (_: number, bytes: Uint8Array) => {
        text += new TextDecoder().decode(bytes);
      },
      end: (_: number, result: FetchResult) => resolve({ head, text, result }),
    };
    new Downloads(events, fetchFile).start(1, url, 0, Promise.resolve(true));
  });
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

test("a download that is taken back before it has begun asks for no file and tells nothing", async () => {
  for (const takeBack of [
    (downloads: Downloads) => downloads.cancel(1),
    (downloads: Downloads) => downloads.forgetAll(),
  ]) {
    const happened: string[] = [];
    const events = {
      head: () => void happened.push("head"),
      chunk: () => void happened.push("chunk"),
      end: (_: number, result: string) => void happened.push(result),
    };
    const downloads = new Downloads(events, async (url) => {
      happened.push(url);
      throw new Error("nobody is there");
    });
    const begin = Promise.resolve(true);
    downloads.start(1, "http://files/a", 0, begin);
    takeBack(downloads);
    downloads.start(2, "http://files/b", 0, begin);
    downloads.start(3, "http://files/c", 0, Promise.resolve(false));
    await expect.poll(() => happened.toSorted()).toEqual(["broken", "http://files/b", "unreachable"]);
  }
});

test("a file is told with its status, length and type", async () => {
  expect(await download(files.url)).toEqual({
    head: [200, 6, "application/octet-stream"],
    text: "a file",
    result: "whole",
  });
  files.claimedBytes = "";
  files.mediaType = "text/html";
  expect(await download(files.url)).toEqual({ head: [200, 0, "text/html"], text: "a file", result: "whole" });
});

test("redirects are followed, but not in a circle and not to other schemes", async () => {
  const other = await FileServer.start();
  try {
    other.location = files.url;
    expect(await download(other.url)).toMatchObject({ text: "a file", result: "whole" });
    for (const [location, result] of [
      ["/file", "redirects"],
      [other.url, "redirects"],
      ["file:///etc/passwd", "scheme"],
      ["data:,x", "scheme"],
      ["http://h:99999/", "address"],
    ] as const) {
      other.location = location;
      expect(await download(other.url)).toEqual({ head: undefined, text: "", result });
    }
    let hops = 0;
    const answer = { status: 302, headers: { get: () => `/${++hops}` }, body: null };
    expect(await download("http://files/", async () => answer)).toMatchObject({ result: "redirects" });
    expect(hops).toBeLessThan(20);
  } finally {
    await other.close();
  }
});

test("a user and a password in the address go to its own server, and to no other", async () => {
  const other = await FileServer.start();
  try {
    files.location = other.url;
    expect(await download(files.url.replace("//", "//us%65r:p%3Aw@"))).toMatchObject({ result: "whole" });
    expect(files.authorizations).toEqual([`Basic ${btoa("user:p:w")}`]);
    expect(other.authorizations).toEqual([""]);
  } finally {
    await other.close();
  }
});

test("where there is no file, the reason is told", async () => {
  const closed = createServer();
  const gone = await listening(closed);
  await new Promise((resolve) => closed.close(resolve));
  expect(await download(`http://${gone}/`)).toMatchObject({ result: "refused" });
  const hangsUp = createServer((socket) => socket.destroy());
  const plain = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  // Without a certificate there is no cipher that both sides know.
  const noCipher = createTlsServer({});
  try {
    expect(await download(`http://${await listening(hangsUp)}/`)).toMatchObject({ result: "broken" });
    expect(await download(`https://${await listening(plain)}/`)).toMatchObject({ result: "tls" });
    expect(await download(`https://${await listening(noCipher)}/`)).toMatchObject({ result: "tls" });
  } finally {
    for (const server of [hangsUp, plain, noCipher]) server.close();
  }
  for (const url of ["http://127.0.0.1:99999/", "http://127.0.0.1:25/", "http://[::z]/", "ftp://127.0.0.1/"]) {
    expect(await download(url)).toMatchObject({ result: "address" });
  }
  files.breakAfter = 3;
  expect(await download(files.url)).toMatchObject({ text: "a f", result: "broken" });
});

test("failures of Node's network are told apart by their codes", () => {
  const failed = (code: string, message = "") =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(message), { code }) });
  const cases: readonly (readonly [string, FetchResult])[] = [
    ["ENOTFOUND", "name"],
    ["EAI_AGAIN", "name"],
    ["ECONNREFUSED", "refused"],
    ["ENETUNREACH", "unreachable"],
    ["UND_ERR_CONNECT_TIMEOUT", "timeout"],
    ["UND_ERR_HEADERS_TIMEOUT", "timeout"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
    ["CERT_HAS_EXPIRED", "certificate"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls"],
    ["ECONNRESET", "broken"],
  ];
  for (const [code, result] of cases) expect([code, fetchFailure(failed(code))]).toEqual([code, result]);
  expect(
    fetchFailure(
      failed("ECONNRESET", "Client network socket disconnected before secure TLS connection was established"),
    ),
  ).toBe("broken");
  expect(fetchFailure(new TypeError("Failed to fetch"))).toBe("broken");
  expect(fetchFailure("no error")).toBe("broken");
});
