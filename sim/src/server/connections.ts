import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Server as TlsServer } from "node:tls";
import { type BoardClock, realClock } from "../board/clock.js";
import { clientOf } from "./client.js";
import { type Refusal, refuseConnection } from "./refusal.js";

/**
 * How many connections and requests are open at once, and how long each connection may keep its place
 * without a request in progress.
 */
export interface ConnectionLimits {
  readonly countMax: number;
  /** Of one client: see `clientOf`. */
  readonly perClientMax: number;
  /**
   * Of one connection, those whose answers have not ended: answers to requests that were sent without waiting lie in
   * memory until those before them were taken.
   */
  readonly requestsMax: number;
  /** From the beginning of a connection to the end of the first request's head; the handshake of TLS counts. */
  readonly headMs: number;
  /** From the end of an answer to the first byte of the next request; the whole of its head has `headMs`. */
  readonly idleMs: number;
  /** From the end of an answer as the board gives it until the client has taken it. */
  readonly answerMs: number;
  /** A client that was answered before it had said everything has this long to read the answer. */
  readonly lingerMs: number;
  readonly clock: BoardClock;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  countMax: 64,
  perClientMax: 16,
  requestsMax: 8,
  headMs: 10_000,
  idleMs: 5_000,
  answerMs: 60_000,
  lingerMs: 5_000,
  clock: realClock,
};

interface Connection {
  /** As it was accepted. */
  readonly raw: Socket;
  /** What no two connections to one port have in common at a time. */
  readonly peer: string;
  readonly client: string;
  /** What HTTP is spoken on; under TLS that is there after the handshake. */
  socket: Socket | undefined;
  /** Requests whose answers have not ended. */
  requests: number;
  /** Those of them that the board has not answered whole. */
  unanswered: number;
  /** An answer has begun: nothing else can be said before it has ended. */
  answering: boolean;
  /** Everything was said, or is not wanted: the connection only ends. */
  closing: boolean;
  /** Of the time that it has now. */
  cancel: () => void;
}

/**
 * Keeps silent, slow and many clients from denying a server to others. Connections on which the board has no request to
 * answer give way to new ones: of the client that has most, the longest silent first, then those whose clients have not
 * taken their answers. None outlives its time, whatever its client sends meanwhile. Node's own timeouts are looked at
 * every 30 s only, and end no connection whose client goes on sending.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #bySocket = new WeakMap<Duplex, Connection>();
  readonly #byPeer = new Map<string, Connection>();
  /** On which no request is in progress, the longest silent first. */
  readonly #silent = new Set<Connection>();
  /** On which every request was answered, and not all of it was taken; the longest waiting first. */
  readonly #untaken = new Set<Connection>();

  /** Of a server that does not listen yet. */
  constructor(server: Server, limits: ConnectionLimits) {
    this.#limits = limits;
    const secure = server instanceof TlsServer;
    server.headersTimeout = 0;
    server.requestTimeout = 0;
    // Said to clients, too.
    server.keepAliveTimeout = limits.idleMs;
    server.on("connection", (raw: Socket) => this.#accept(raw, secure));
    server.on("secureConnection", (socket: Socket) => {
      const connection = this.#byPeer.get(peerOf(socket));
      if (connection !== undefined) this.#speak(connection, socket);
    });
  }

  /** Open connections of all clients. */
  get count(): number {
    return this.#byPeer.size;
  }

  #accept(raw: Socket, secure: boolean): void {
    const client = clientOf(raw.remoteAddress ?? "");
    const { countMax, perClientMax } = this.#limits;
    const ofClient = [...this.#byPeer.values()].filter((connection) => connection.client === client);
    const room =
      (ofClient.length < perClientMax || this.#giveWay((connection) => connection.client === client)) &&
      (this.#byPeer.size < countMax || this.#giveWay(() => true));
    if (!room) return void raw.destroy();
    const connection: Connection = {
      raw,
      peer: peerOf(raw),
      client,
      socket: undefined,
      requests: 0,
      unanswered: 0,
      answering: false,
      closing: false,
      cancel: () => undefined,
    };
    this.#byPeer.set(connection.peer, connection);
    this.#bySocket.set(raw, connection);
    raw.on("close", () => this.#forget(connection));
    this.#silent.add(connection);
    if (!secure) this.#speak(connection, raw);
    this.#within(connection, this.#limits.headMs, () => this.#tooSlow(connection, 0));
  }

  #speak(connection: Connection, socket: Socket): void {
    connection.socket = socket;
    // Node takes its own listener away from a connection that asks for a tunnel, and what then goes wrong with it would
    // end the program.
    socket.on("error", () => undefined);
    this.#bySocket.set(socket, connection);
  }

  /**
   * Ends the connection of those asked for that has been silent for longest, or else waits for its client, of the
   * client that has most connections: however fast some open new ones, who has fewer than they keeps them. False when
   * the board has requests of all of them to answer.
   */
  #giveWay(asked: (connection: Connection) => boolean): boolean {
    const held = new Map<string, number>();
    for (const { client } of this.#byPeer.values()) held.set(client, (held.get(client) ?? 0) + 1);
    let chosen: Connection | undefined;
    let most = 0;
    for (const connection of [...this.#silent, ...this.#untaken]) {
      const count = held.get(connection.client) ?? 0;
      if (count <= most || !asked(connection)) continue;
      chosen = connection;
      most = count;
    }
    if (chosen !== undefined) this.#destroy(chosen);
    return chosen !== undefined;
  }

  #forget(connection: Connection): void {
    connection.cancel();
    if (this.#byPeer.get(connection.peer) === connection) this.#byPeer.delete(connection.peer);
    this.#silent.delete(connection);
    this.#untaken.delete(connection);
  }

  #destroy(connection: Connection): void {
    this.#forget(connection);
    connection.raw.destroy();
  }

  /** Ends all of them. */
  destroyAll(): void {
    for (const connection of this.#byPeer.values()) this.#destroy(connection);
  }

  #within(connection: Connection, milliseconds: number, action: () => void): void {
    connection.cancel();
    connection.cancel = this.#limits.clock.after(milliseconds, action);
  }

  /** A head that was begun is answered. */
  #tooSlow(connection: Connection, bytesBefore: number): void {
    const { socket } = connection;
    if (socket === undefined || socket.bytesRead === bytesBefore) this.#destroy(connection);
    else
      this.refuse(socket, {
        title: "Request Timeout",
        status: 408,
        code: "HEAD_TIMEOUT",
        detail: "the request's head did not arrive in time",
        expected: `all of it within ${this.#limits.headMs / 1000} s`,
      });
  }

  /** A request begins; false when its connection is not to be heard any more. */
  begin(socket: Duplex): boolean {
    const connection = this.#bySocket.get(socket);
    if (connection === undefined || connection.closing || connection.raw.destroyed) return false;
    if (connection.requests >= this.#limits.requestsMax) {
      this.#destroy(connection);
      return false;
    }
    connection.cancel();
    connection.requests++;
    connection.unanswered++;
    this.#silent.delete(connection);
    this.#untaken.delete(connection);
    return true;
  }

  /** The answer of a request begins. */
  answering(socket: Duplex): void {
    const connection = this.#bySocket.get(socket);
    if (connection !== undefined) connection.answering = true;
  }

  /** The board has given the whole answer of a request. */
  answered(socket: Duplex): void {
    const connection = this.#bySocket.get(socket);
    if (connection === undefined || connection.closing || --connection.unanswered > 0) return;
    this.#untaken.add(connection);
    this.#within(connection, this.#limits.answerMs, () => this.#destroy(connection));
  }

  /** A request's answer has ended, or will never come. */
  end(socket: Duplex): void {
    const connection = this.#bySocket.get(socket);
    if (connection === undefined) return;
    connection.answering = false;
    if (--connection.requests > 0 || connection.closing || connection.raw.destroyed) return;
    connection.unanswered = 0;
    this.#untaken.delete(connection);
    this.#silent.add(connection);
    const bytesBefore = connection.socket?.bytesRead ?? 0;
    const { headMs, idleMs } = this.#limits;
    this.#within(connection, idleMs, () => {
      if (connection.socket?.bytesRead === bytesBefore) this.#destroy(connection);
      else this.#within(connection, Math.max(0, headMs - idleMs), () => this.#tooSlow(connection, bytesBefore));
    });
  }

  /** Answers what is no request, and hears no more of the connection. */
  refuse(socket: Duplex, refusal: Refusal): void {
    const connection = this.#bySocket.get(socket);
    if (connection?.closing) return;
    if (connection === undefined || connection.answering || !socket.writable) return void socket.destroy();
    this.linger(socket);
    refuseConnection(socket, refusal);
  }

  /**
   * A connection that is closed while its client still sends is reset, and the client may never see the answer. So only
   * the board's side is closed at first, and what still comes is thrown away, until the time is over.
   */
  linger(socket: Duplex): void {
    const connection = this.#bySocket.get(socket);
    if (connection === undefined || connection.closing) return;
    connection.closing = true;
    this.#untaken.delete(connection);
    this.#silent.add(connection);
    (socket as Socket).destroySoon = () => void socket.end();
    this.#within(connection, this.#limits.lingerMs, () => this.#destroy(connection));
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
