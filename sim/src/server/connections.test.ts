import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { StoppedClock } from "../testing/stoppedClock.js";
import { CONNECTION_LIMITS, type ConnectionLimits, Connections } from "./connections.js";

const tls = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url));
const HEAD = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

let clock: StoppedClock;
let server: Server;
let connections: Connections;
/** The server's side of each connection, in the order in which they were accepted. */
let accepted: Socket[];
/** Answers that have not been given. */
let pending: ServerResponse[];
let clients: Client[];

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  connections.destroyAll();
  await new Promise((resolve) => server.close(resolve));
});

/** A server that answers `/slow` when the test says so, and everything else at once. */
async function start(limits: Partial<ConnectionLimits> = {}, secure = false): Promise<void> {
  [clock, accepted, pending, clients] = [new StoppedClock(), [], [], []];
  const listener: RequestListener = (request, response) => {
    if (!connections.begin(request.socket)) return;
    response.on("close", () => connections.end(request.socket));
    if (request.url === "/slow") return void pending.push(response);
    connections.answering(request.socket);
    connections.answered(request.socket);
    response.end(request.url === "/large" ? Buffer.alloc(64 << 20) : "hello");
  };
  server = secure
    ? createTlsServer({ key: tls("server.key.pem"), cert: tls("server.pem") }, listener)
    : createServer(listener);
  server.on("connection", (socket: Socket) => accepted.push(socket));
  const refusal = { title: "Bad Request", status: 400, code: "BAD", detail: "bad", expected: "good" };
  server.on("clientError", (_error, socket) => connections.refuse(socket, refusal));
  server.on("connect", (_request, socket) => connections.refuse(socket, refusal));
  connections = new Connections(server, { ...CONNECTION_LIMITS, ...limits, clock });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

class Client {
  readonly socket: Socket;
  /** The server's side. */
  readonly other: Socket;
  heard = "";
  closed = false;

  constructor(socket: Socket, other: Socket) {
    this.socket = socket;
    this.other = other;
    socket.on("data", (bytes) => {
      this.heard += bytes;
    });
  }

  /** Says something, and knows that the server has read it. */
  async say(text: string, through: Socket = this.other): Promise<void> {
    const before = through.bytesRead;
    this.socket.write(text);
    await expect.poll(() => through.bytesRead).toBe(before + text.length);
  }

  hears = (text: string | RegExp) => expect.poll(() => this.heard).toMatch(text);
  /** What a client that sends and sends finds in the end. */
  isCutOff = () => expect.poll(() => this.closed || !this.socket.write("x: y\r\n")).toBe(true);
  isClosed = () => expect.poll(() => this.closed).toBe(true);
}

const portOf = (): number => (server.address() as AddressInfo).port;

async function open(localAddress = "127.0.0.1"): Promise<Client> {
  const count = accepted.length;
  const socket = connect({ port: portOf(), host: "127.0.0.1", localAddress, allowHalfOpen: true });
  // Being cut off is what is expected.
  socket.on("error", () => undefined);
  await expect.poll(() => accepted.length).toBe(count + 1);
  const client = new Client(socket, accepted[count] as Socket);
  socket.on("close", () => {
    client.closed = true;
  });
  clients.push(client);
  return client;
}

test("a client that says nothing is closed when a head should have been there", async () => {
  await start();
  const client = await open();
  expect(clock.waiting).toEqual([10_000]);
  clock.pass();
  await expect.poll(() => client.other.destroyed).toBe(true);
  expect([client.heard, connections.count, clock.waiting]).toEqual(["", 0, []]);
});

test("a head that does not end is answered, and its connection ends though its client goes on", async () => {
  await start();
  const client = await open();
  await client.say("GET / HTTP/1.1\r\nhost: x\r\n");
  clock.pass();
  await client.hears(
    /^HTTP\/1\.1 408 Request Timeout\r\ncontent-type: application\/problem\+json\r\n[\s\S]*"code":"HEAD_TIMEOUT"/,
  );
  // What was begun comes to its end, and is not heard.
  await client.say("x: y\r\n\r\n");
  await client.say(HEAD);
  expect(client.other.destroyed).toBe(false);
  expect(clock.waiting).toEqual([5_000]);
  clock.pass();
  await client.isCutOff();
  expect([client.heard.match(/HTTP\/1\.1/g), connections.count, clock.waiting]).toEqual([["HTTP/1.1"], 0, []]);
});

test("what is no HTTP is answered once, and its connection ends though its client goes on", async () => {
  await start();
  const client = await open();
  client.socket.write("hello\r\n\r\n");
  await client.hears(/^HTTP\/1\.1 400 /);
  client.socket.write("hello\r\n\r\n");
  expect(clock.waiting).toEqual([5_000]);
  clock.pass();
  await client.isCutOff();
  expect([client.heard.match(/HTTP\/1\.1/g), connections.count]).toEqual([["HTTP/1.1"], 0]);
});

test("a connection that was used and is silent is closed; one on which a head has begun has the time of a head", async () => {
  await start();
  const client = await open();
  for (let i = 0; i < 2; i++) {
    client.heard = "";
    await client.say(HEAD);
    await client.hears(/hello$/);
    await expect.poll(() => clock.waiting).toEqual([5_000]);
  }
  await client.say("GET");
  clock.pass();
  expect(clock.waiting).toEqual([5_000]);
  clock.pass();
  await client.hears(/HTTP\/1\.1 408 /);
  const silent = await open();
  await silent.say(HEAD);
  await silent.hears(/hello$/);
  await expect.poll(() => clock.waiting).toEqual([5_000, 5_000]);
  clock.pass();
  await expect.poll(() => silent.other.destroyed).toBe(true);
  expect(silent.heard).not.toContain("408");
});

test("a request in progress has all the time it needs, and gives none of it to the next", async () => {
  await start();
  const client = await open();
  await client.say(HEAD.replace("/", "/slow"));
  await expect.poll(() => pending.length).toBe(1);
  expect(clock.waiting).toEqual([]);
  pending[0]?.end("at last");
  await client.hears(/at last$/);
  await expect.poll(() => clock.waiting).toEqual([5_000]);
});

test("an answer that its client does not take ends with the connection", async () => {
  await start();
  const client = await open();
  client.socket.pause();
  await client.say(HEAD.replace("/", "/large"));
  await expect.poll(() => clock.waiting).toEqual([60_000]);
  clock.pass();
  await expect.poll(() => client.other.destroyed).toBe(true);
  expect(connections.count).toBe(0);
});

test("however many clients do not take their answers, a new one is answered", async () => {
  await start({ countMax: 4, perClientMax: 2 });
  const unread: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await open(`127.0.0.${2 + (i >> 1)}`);
    client.socket.pause();
    await client.say(HEAD.replace("/", "/large"));
    unread.push(client);
  }
  await expect.poll(() => clock.waiting.filter((ms) => ms === 60_000)).toHaveLength(4);
  const client = await open();
  await client.say(HEAD);
  await client.hears(/hello$/);
  expect(unread.map(({ other }) => other.destroyed)).toEqual([true, false, false, false]);
  const again = await open("127.0.0.3");
  await expect.poll(() => unread.map(({ other }) => other.destroyed)).toEqual([true, false, true, false]);
  expect(again.other.destroyed).toBe(false);
});

test("a request that the board still works at is not ended for the answer before it", async () => {
  await start();
  const client = await open();
  await client.say(HEAD.replace("/", "/slow").repeat(2));
  await expect.poll(() => pending.length).toBe(2);
  connections.answered(client.other);
  pending[0]?.end("one");
  await client.hears(/one$/);
  expect(clock.waiting).toEqual([]);
  connections.answered(client.other);
  expect(clock.waiting).toEqual([60_000]);
  pending[1]?.end("two");
  await client.hears(/two$/);
  await expect.poll(() => clock.waiting).toEqual([5_000]);
});

test("however fast some clients open connections, another keeps the one that it has", async () => {
  await start({ countMax: 4, perClientMax: 2 });
  const client = await open();
  const others: Client[] = [];
  for (let i = 0; i < 20; i++) others.push(await open(`127.0.0.${2 + (i % 2)}`));
  expect([client.other.destroyed, connections.count]).toEqual([false, 4]);
  await client.say(HEAD);
  await client.hears(/hello$/);
});

test("a connection that asks for a tunnel and breaks ends alone", async () => {
  await start();
  const [client, other] = [await open(), await open()];
  await client.say("CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n");
  await client.hears(/^HTTP\/1\.1 400 /);
  expect(() => client.other.emit("error", new Error("write ECONNRESET"))).not.toThrow();
  client.socket.resetAndDestroy();
  await expect.poll(() => client.other.destroyed).toBe(true);
  await other.say(HEAD);
  await other.hears(/hello$/);
});

test("a connection on which too many requests wait for their answers is closed", async () => {
  await start();
  const [client, other] = [await open(), await open()];
  await client.say(HEAD.replace("/", "/slow").repeat(8));
  await expect.poll(() => pending.length).toBe(8);
  expect(client.other.destroyed).toBe(false);
  client.socket.write(HEAD.replace("/", "/slow").repeat(3));
  await expect.poll(() => client.other.destroyed).toBe(true);
  expect([pending.length, connections.count, other.other.destroyed]).toEqual([8, 1, false]);
});

test("of one client's connections the longest silent one gives way, and those of others do not", async () => {
  await start({ perClientMax: 2 });
  const other = await open("127.0.0.2");
  const [first, second] = [await open(), await open()];
  // It was silent for longer before, but not since.
  await first.say(HEAD);
  await first.hears(/hello$/);
  await expect.poll(() => clock.waiting.length).toBe(3);
  const third = await open();
  await expect.poll(() => second.other.destroyed).toBe(true);
  expect([first, third, other].map((client) => client.other.destroyed)).toEqual([false, false, false]);
});

test("a client whose connections all have requests in progress gets no further one, and others do", async () => {
  await start({ perClientMax: 2 });
  for (const client of [await open(), await open()]) await client.say(HEAD.replace("/", "/slow"));
  await expect.poll(() => pending.length).toBe(2);
  const refused = await open();
  await expect.poll(() => refused.other.destroyed).toBe(true);
  const other = await open("127.0.0.2");
  await other.say(HEAD);
  await other.hears(/hello$/);
});

test("however many connections are silent, a new one is answered", async () => {
  await start({ countMax: 4, perClientMax: 2 });
  const silent: Client[] = [];
  for (let i = 0; i < 20; i++) {
    silent.push(await open(`127.0.0.${2 + (i >> 1)}`));
    if (i % 3 === 0) await (silent.at(-1) as Client).say("GET / HTTP/1.1\r\n");
  }
  expect(connections.count).toBe(4);
  const client = await open();
  await client.say(HEAD);
  await client.hears(/hello$/);
  expect(silent.filter((each) => !each.other.destroyed)).toHaveLength(3);
});

test("under TLS a head is answered in TLS, and what does not finish its handshake is closed", async () => {
  await start({}, true);
  const plain = await open();
  await plain.say("\x16\x03\x01");
  const secure = connectTls({ port: portOf(), host: "127.0.0.1", rejectUnauthorized: false });
  const [[other]] = (await Promise.all([once(server, "secureConnection"), once(secure, "secureConnect")])) as [
    [Socket],
    unknown,
  ];
  const client = new Client(secure, other);
  clients.push(client);
  await client.say("GET / HTTP/1.1\r\n");
  clock.pass();
  await client.hears(/^HTTP\/1\.1 408 /);
  await expect.poll(() => plain.other.destroyed).toBe(true);
  expect(plain.heard).toBe("");
  await expect.poll(() => connections.count).toBe(0);
});
