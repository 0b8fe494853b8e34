import { tabTransport } from "./tabTransport.js";
import type { Transport } from "./transport.js";

// Runs before the board's page, and makes what the page asks with reach the board in this tab.
const board = tabTransport(new Worker("worker.js", { type: "module" }));

/** For the browser's console: `await board("/v1/device")`. */
(globalThis as unknown as { board: Transport }).board = board;

window.fetch = (input, init) => board(String(input), init);

/** As much of XMLHttpRequest as the page's upload uses. */
class TabRequest extends EventTarget {
  readonly upload = new EventTarget();
  status = 0;
  responseText = "";
  #method = "";
  #path = "";
  #headers: Record<string, string> = {};

  open(method: string, path: string): void {
    this.#method = method;
    this.#path = path;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  async send(body: Blob): Promise<void> {
    const onUploadProgress = (loaded: number) =>
      this.upload.dispatchEvent(new ProgressEvent("progress", { lengthComputable: true, loaded, total: body.size }));
    try {
      const answer = await board(this.#path, { method: this.#method, headers: this.#headers, body, onUploadProgress });
      this.responseText = await answer.text();
      this.status = answer.status;
      this.dispatchEvent(new ProgressEvent("load"));
    } catch {
      this.dispatchEvent(new ProgressEvent("error"));
    }
  }
}
(globalThis as unknown as { XMLHttpRequest: unknown }).XMLHttpRequest = TabRequest;

// Where the page is no secure context, it works while its server does.
navigator.serviceWorker?.register("serviceWorker.js").catch((error: Error) => console.info(`not kept for offline use: ${error.message}`));
