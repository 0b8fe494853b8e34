import { mount } from "synapse-page/mount";
import { tabTransport } from "./tabTransport.js";

const board = tabTransport(new Worker("worker.js", { type: "module" }));

/** For the browser's console: `await board("/v1/device")`. */
(globalThis as unknown as { board: typeof board }).board = board;

mount(document.getElementById("app") as Element, board);

// Where the page is no secure context, it works while its server does.
navigator.serviceWorker
  ?.register("serviceWorker.js")
  .catch((error: Error) => console.info(`not kept for offline use: ${error.message}`));
