import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Serves one file on this machine, in parts when asked for them, and does what servers should not when told to. */
export class FileServer {
  readonly #server: Server;
  file: Uint8Array = new Uint8Array();
  /** The next answer breaks after so many bytes. */
  breakAfter: number | undefined;
  /** Every answer does. */
  breaksAlways = false;
  /** False: it begins the file anew whatever part is asked for. */
  ranges = true;
  /** What the answers say of their length, in place of the truth. Empty: nothing. */
  claimedBytes: string | undefined;
  mediaType = "application/octet-stream";
  /** What the next requests are answered, in place of the file. */
  refusals: number[] = [];
  /** Where every answer redirects to. */
  location: string | undefined;
  /** The Range header of each request, or an empty text. */
  readonly asked: string[] = [];
  /** The Authorization header of each request, or an empty text. */
  readonly authorizations: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const range = request.headers.range ?? "";
      this.asked.push(range);
      this.authorizations.push(request.headers.authorization ?? "");
      const refusal = this.refusals.shift();
      if (refusal !== undefined) return void response.writeHead(refusal).end();
      if (this.location !== undefined) return void response.writeHead(302, { location: this.location }).end();
      const from = this.ranges ? Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0) : 0;
      const body = this.file.subarray(from);
      const length = this.claimedBytes === "" ? {} : { "content-length": this.claimedBytes ?? body.length };
      response.writeHead(from > 0 ? 206 : 200, { ...length, "content-type": this.mediaType });
      if (this.breakAfter === undefined) return void response.end(body);
      response.write(body.subarray(0, this.breakAfter), () => response.destroy());
      if (!this.breaksAlways) this.breakAfter = undefined;
    });
  }

  static async start(): Promise<FileServer> {
    const files = new FileServer();
    await new Promise<void>((resolve) => files.#server.listen(0, "127.0.0.1", resolve));
    return files;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/file`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
