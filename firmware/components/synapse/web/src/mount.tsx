import { render } from "preact";
import { App } from "./cards/App.js";
import { createSession } from "./state/session.js";
import type { Transport } from "./transport.js";

/** Shows the page in `root`, for the board at the other end of `transport`. */
export function mount(root: Element, transport: Transport): void {
  render(<App session={createSession(transport)} />, root);
}
