/** What a request may say beyond `fetch`: how much of its body has left. */
export type BoardRequestInit = RequestInit & { readonly onUploadProgress?: (sentBytes: number) => void };

/**
 * Carries requests to a board, wherever it runs. Fails like `fetch`: a TypeError when the board is not reached, an
 * AbortError when asked to stop.
 */
export interface Transport {
  (path: string, init?: BoardRequestInit): Promise<Response>;
  /** Every request comes from the board's owner, whatever token the page has. */
  readonly isOwner?: boolean;
}

/** To the board that served the page. `fetch` cannot tell how much of a body was sent, so uploads go the older way. */
export const networkTransport: Transport = (path, init = {}) => {
  const { onUploadProgress, ...rest } = init;
  return onUploadProgress === undefined ? fetch(path, rest) : send(path, rest, onUploadProgress);
};

function send(path: string, init: RequestInit, onUploadProgress: (sentBytes: number) => void): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(init.method ?? "GET", path);
    request.responseType = "arraybuffer";
    new Headers(init.headers).forEach((value, name) => {
      request.setRequestHeader(name, value);
    });
    request.upload.addEventListener("progress", (event) => onUploadProgress(event.loaded));
    request.addEventListener("load", () => resolve(responseOf(request)));
    request.addEventListener("error", () => reject(new TypeError("the connection broke")));
    request.addEventListener("abort", () => reject(new DOMException("the request was stopped", "AbortError")));
    const { signal } = init;
    if (signal?.aborted) return reject(new DOMException("the request was stopped", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(init.body as XMLHttpRequestBodyInit | null);
  });
}

function responseOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const body = request.response as ArrayBuffer;
  return new Response(body.byteLength === 0 ? null : body, { status: request.status, headers });
}
