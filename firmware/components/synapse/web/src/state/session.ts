import { effect, untracked } from "@preact/signals";
import { BoardApi } from "../api.js";
import { createTokenStore } from "../token.js";
import type { Transport } from "../transport.js";
import { Board } from "./board.js";
import { FirmwareUpdate } from "./firmwareUpdate.js";
import { Imagination } from "./imagination.js";
import { Link } from "./link.js";
import { Live } from "./live.js";
import { Notices } from "./notices.js";
import { Others } from "./others.js";
import { Ownership } from "./ownership.js";
import { Planning } from "./planning.js";
import { Preferences } from "./preferences.js";
import { Sight } from "./sight.js";
import { Slots } from "./slots.js";

/** Everything a visit to one board remembers. */
export interface Session {
  readonly notices: Notices;
  readonly board: Board;
  readonly ownership: Ownership;
  readonly others: Others;
  readonly sight: Sight;
  readonly live: Live;
  readonly imagination: Imagination;
  readonly planning: Planning;
  readonly slots: Slots;
  readonly update: FirmwareUpdate;
  readonly preferences: Preferences;
}

export function createSession(transport: Transport): Session {
  const token = createTokenStore();
  const link = new Link();
  const api = new BoardApi(transport, token, link);
  const notices = new Notices();
  const board = new Board(api, link);
  const sight = new Sight(api, board, notices);
  const session: Session = {
    notices,
    board,
    ownership: new Ownership(api, token, board, notices, transport.isOwner === true),
    others: new Others(api, board, notices),
    sight,
    live: new Live(sight, notices),
    imagination: new Imagination(api, board, sight, notices),
    planning: new Planning(api, board, sight, notices),
    slots: new Slots(api, board, notices),
    update: new FirmwareUpdate(api, board, notices),
    preferences: new Preferences(api, board, notices),
  };
  forgetWithTheModel(session);
  forgetWithTheOwner(session);
  interruptWhileLost(session);
  // Paths begin at the picture; another picture has none yet.
  effect(() => {
    sight.current.value;
    session.imagination.forget();
  });
  board.watch();
  return session;
}

/** Latents of one model mean nothing to another. */
function forgetWithTheModel({ board, sight, live, planning }: Session): void {
  let before = "";
  effect(() => {
    const now = board.modelKey.value;
    if (now === "" || now === before) return;
    untracked(() => {
      // The answer of a new model may have come before the news of it.
      if (planning.goal.value !== null && planning.goal.value.model !== now) planning.forget();
      if (sight.seen.value === null || sight.seen.value.model === now) return;
      live.stop();
      sight.forget();
    });
    before = now;
  });
}

/** What the owner did is not for whoever comes next. */
function forgetWithTheOwner({ ownership, sight, live, planning, update, preferences }: Session): void {
  effect(() => {
    if (ownership.gate.value === null) return;
    untracked(() => {
      live.stop();
      sight.forget();
      planning.forget();
      update.forget();
      preferences.forget();
    });
  });
}

/** Nobody waits for a board that is gone; what it says when it is back counts. */
function interruptWhileLost({
  notices,
  board,
  ownership,
  sight,
  live,
  imagination,
  planning,
  slots,
  update,
  preferences,
}: Session): void {
  let wasLost = false;
  effect(() => {
    const lost = board.link.lost.value;
    untracked(() => {
      if (lost && !wasLost) {
        // The banner says it too, and more.
        if (notices.trouble.value?.onlySilence === true) notices.clear();
        live.stop();
        for (const work of [sight, imagination]) work.interrupt();
        planning.cancel();
        slots.stop();
        update.stop();
      }
      if (!lost && wasLost && ownership.held.value && ownership.gate.value === null) void preferences.refresh();
    });
    wasLost = lost;
  });
}
