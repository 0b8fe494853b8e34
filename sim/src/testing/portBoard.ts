import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BoardRequest, BoardResponse, OpenRequest, ResponseSink } from "../board/board.js";
import type { Board } from "../board/boardSchema.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import type { ResetReason } from "../board/deviceAbi.js";
import type { PowerCut } from "../board/deviceCore.js";
import { freePort } from "./mosquitto.js";
import { flashImage } from "./portFlash.js";
import type { BoardKind, TestedBoard } from "./testedBoard.js";

const BUILD = fileURLToPath(new URL("../../../firmware/test_host/build.mjs", import.meta.url));
const RESTART = 64;
const POWER_CUT = 65;
const LOST = "the board was reset, or lost its power or its link, before it answered";

/** Builds the program if it is not current; answers its path, or why there is none, which says what to install. */
export function buildPortBoard({ plain = false } = {}): { readonly program?: string; readonly missing?: string } {
  const built = spawnSync(process.execPath, [BUILD, ...(plain ? ["--plain"] : [])], { encoding: "utf8" });
  if (built.status === 0) return { program: built.stdout.trim() };
  const reason = built.stderr.trim();
  // What does not compile is a fault; what is not installed is not.
  if (!/apt-get install|Linux only|is missing/.test(reason)) throw new Error(reason);
  return { missing: reason };
}

export interface PortBoardOptions {
  readonly board: Board;
  readonly model: Uint8Array;
  /** As in BoardOptions of the simulated board. */
  readonly access?: "open" | "unclaimed";
  readonly updateKeys?: readonly Uint8Array[];
  readonly log?: (line: string) => void;
  /** Without sanitizers. */
  readonly plain?: boolean;
}

/**
 * The firmware's C as a process on this machine (firmware/test_host), reached over HTTP as a board is. Its flash is a
 * file that outlives the process; a reset kills the process and starts it again.
 */
export class PortBoard implements TestedBoard {
  readonly #options: PortBoardOptions;
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "synapse-port-"));
  #port = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #answers: ((line: string) => void)[] = [];
  /** What the process has printed since it started last. */
  #lines: string[] = [];
  #ownerToken: string | undefined;
  #closed = false;
  /** Why a request that ends now has no answer. */
  #why = "the board lost its connection";
  #link = true;
  readonly #open = new Set<() => void>();
  #resets: Promise<void> = Promise.resolve();

  private constructor(options: PortBoardOptions, program: string) {
    this.#options = options;
    this.#program = program;
  }

  static async create(options: PortBoardOptions): Promise<PortBoard> {
    const { program, missing } = buildPortBoard({ plain: options.plain ?? false });
    if (program === undefined) throw new Error(missing);
    const board = new PortBoard(options, program);
    writeFileSync(board.#flash, flashImage(options.board, options.model));
    await board.#start("power-on");
    if ((options.access ?? "open") === "open") await board.#claimOpen();
    return board;
  }

  get #flash(): string {
    return join(this.#folder, "flash.bin");
  }

  get ownerToken(): string | undefined {
    return this.#ownerToken;
  }

  /** `http://127.0.0.1:port`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  async #start(reason: ResetReason): Promise<void> {
    this.#port = await freePort();
    this.#lines = [];
    const gmac = this.#options.board.cpu.modelGmacMax;
    const more = gmac === undefined ? [] : ["--model-gmac-max", String(gmac)];
    const keys = (this.#options.updateKeys ?? []).flatMap((key) => ["--update-key", Buffer.from(key).toString("hex")]);
    const child = spawn(
      this.#program,
      ["--flash", this.#flash, "--http", String(this.#port), "--reset", reason, ...more, ...keys],
      { stdio: ["pipe", "ignore", "pipe"], env: { ...process.env, ASAN_OPTIONS: "detect_leaks=1:abort_on_error=0" } },
    );
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    void this.#exited.then((code) => this.#ended(child, code));
    child.stdin?.on("error", () => undefined);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
        this.#lines.push(line);
        this.#options.log?.(line);
        if (line === "serving") resolve();
        if (line.startsWith("done: ")) this.#answers.shift()?.(line.slice("done: ".length));
      });
      child.once("exit", (code) => reject(new Error(`the board ended with ${code}:\n${this.#lines.join("\n")}`)));
    });
  }

  #ended(child: ChildProcess, code: number | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (code === POWER_CUT) this.#why = "the board lost its power";
    if (code === RESTART && !this.#closed) {
      this.#why = "the board was reset";
      void this.#start("software").catch(() => undefined);
    }
  }

  async #kill(why: string): Promise<void> {
    const child = this.#child;
    this.#why = why;
    this.#child = undefined;
    this.#answers = [];
    if (child === undefined) return;
    child.kill("SIGKILL");
    await this.#exited;
  }

  /** Ends the process as power does, and starts it again; one reset after the other. */
  reset(reason: ResetReason = "power-on"): Promise<void> {
    this.#resets = this.#resets.then(async () => {
      await this.#kill(LOST);
      await this.#start(reason);
    });
    return this.#resets;
  }

  /** A command of which the process says something, in lines that begin with `kind`. */
  async commandLines(line: string, kind: string): Promise<string[]> {
    const before = this.#lines.length;
    await this.command(line);
    return this.#lines
      .slice(before)
      .flatMap((told) => (told.startsWith(`${kind}: `) ? [told.slice(kind.length + 2)] : []));
  }

  /** A line on the process's standard input; answers what it says when it has done it. */
  command(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#child === undefined) return reject(new Error("the board has no power"));
      this.#answers.push(resolve);
      this.#child.stdin?.write(`${line}\n`);
    });
  }

  /** Erases and writes since the process started; also after a cut of power, of which the process tells. */
  async flashOperations(): Promise<number> {
    if (this.#child !== undefined) return Number((await this.command("operations")).split(" ")[1]);
    const last = this.#lines.findLast((line) => line.startsWith("power: "));
    return Number(last?.slice("power: ".length));
  }

  /** Power goes in the middle of the flash operation `after` operations from now. */
  async cutPower(after: number, cut: PowerCut): Promise<void> {
    await this.command(`cut ${after} ${cut}`);
  }

  /** Puts the board's clock forward. */
  async skip(seconds: number): Promise<void> {
    await this.command(`skip ${seconds}`);
  }

  /** The link is lost, or comes back: while it is down no connection exists and none can be made; the board runs on. */
  async setLink(up: boolean): Promise<void> {
    this.#link = up;
    if (!up) {
      this.#why = LOST;
      for (const cut of this.#open) cut();
    }
    await this.command(up ? "link up" : "link down");
  }

  async openClaim(): Promise<void> {
    await this.command("open-claim");
  }

  /** A question as the console asks it, and what the component answers. */
  async ask(method: string, target: string): Promise<{ status: number; body: string }> {
    const answer = await this.command(`ask ${method} ${target}`);
    const space = answer.indexOf(" ");
    return { status: Number(answer.slice(0, space)), body: answer.slice(space + 1) };
  }

  /** Ends it as an application does that stops the component; a leak or a fault is an error. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    this.#why = "the board is closed";
    if (child !== undefined) {
      child.stdin?.end("stop\n");
      const code = await this.#exited;
      if (code !== 0) throw new Error(`the board ended with ${code}:\n${this.#lines.slice(-60).join("\n")}`);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Writes bytes into the flash of a board that has no power. */
  program(offset: number, bytes: Uint8Array): void {
    const file = openSync(this.#flash, "r+");
    writeSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
  }

  async #claimOpen(): Promise<void> {
    const ask = async (method: string, target: string, body: object, headers: Record<string, string> = {}) => {
      const answer = await this.handle({
        method,
        target,
        headers: { "content-type": "application/json", ...headers },
        body: new TextEncoder().encode(JSON.stringify(body)),
      });
      const text = new TextDecoder().decode(answer.body);
      if (answer.status >= 300) throw new Error(`${method} ${target} answered ${answer.status}: ${text}`);
      return JSON.parse(text) as Record<string, unknown>;
    };
    const { token } = await ask("POST", "/v1/claim", {});
    this.#ownerToken = token as string;
    await ask("PUT", "/v1/settings", { open_read: true, open_inference: true }, { authorization: `Bearer ${token}` });
  }

  /** One request on a connection of its own, as it arrives. */
  open(head: Omit<BoardRequest, "body">, sink: ResponseSink): OpenRequest {
    if (this.#closed) throw new Error("the board is closed");
    if (!this.#link) throw new Error("the board has lost its link");
    if (this.#child === undefined) throw new Error("the board has no power, or is being reset");
    let over = false;
    const end = (whole: boolean) => {
      if (!over) sink.end(whole);
      over = true;
      this.#open.delete(cut);
    };
    // Without a length Node sends a body in chunks where there may be one.
    const bodyless = head.method === "GET" || head.method === "HEAD";
    const request = httpRequest(
      this.url + head.target,
      {
        method: head.method,
        headers: { ...(bodyless ? {} : { "content-length": "0" }), ...head.headers },
        agent: new Agent({ keepAlive: false }),
        // Another client than 127.0.0.1 is another address of this machine.
        ...(head.client === undefined ? {} : { localAddress: head.client }),
      },
      (response) => {
        const headers = Object.entries(response.headers).map(([name, value]): [string, string] => [
          name,
          String(value),
        ]);
        sink.head(response.statusCode ?? 0, headers);
        response.on("data", (chunk: Buffer) => sink.chunk(chunk));
        response.on("end", () => end(response.complete));
        response.on("error", () => end(false));
      },
    );
    const cut = () => void request.destroy();
    this.#open.add(cut);
    request.on("error", () => end(false));
    request.on("close", () => end(false));
    request.flushHeaders();
    return {
      write: (bytes) => void request.write(bytes),
      end: () => void request.end(),
      close: () => {
        over = true;
        this.#open.delete(cut);
        request.destroy();
      },
    };
  }

  handle(request: BoardRequest): Promise<BoardResponse> {
    return new Promise((resolve, reject) => {
      let status = 0;
      let headers: Record<string, string> = {};
      const chunks: Uint8Array[] = [];
      const length = { "content-length": String(request.body?.length ?? 0) };
      const open = this.open(
        { ...request, headers: { ...(request.body === undefined ? {} : length), ...request.headers } },
        {
          head: (answered, list) => {
            status = answered;
            headers = Object.fromEntries(list);
          },
          chunk: (bytes) => void chunks.push(bytes),
          end: (whole) => {
            if (whole) resolve({ status, headers, body: new Uint8Array(Buffer.concat(chunks)) });
            // The process may not have been seen to end.
            else void this.#settled().then(() => reject(new Error(this.#why)));
          },
        },
      );
      if (request.body !== undefined && request.body.length > 0) open.write(request.body);
      open.end();
    });
  }

  async #settled(): Promise<void> {
    await Promise.race([this.#exited, new Promise((resolve) => setTimeout(resolve, 200))]);
  }
}

/** The firmware's C on this machine, as a kind of board beside those that are simulated. */
export const PORT_KIND: BoardKind = {
  title: "the firmware's port",
  engine: "esp32p4",
  create: ({ board = testBoard(), model = MODEL, ...options } = {}) => PortBoard.create({ board, model, ...options }),
};
