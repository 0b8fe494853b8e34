import { useEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";
import { NeedsBoard } from "./NeedsBoard.js";
import { TokenBox } from "./TokenBox.js";

/** Claiming, the token that claiming gave, and entering it elsewhere. */
export function OwnerCard(session: Session) {
  const { board, ownership } = session;
  const { issued, gate, entering } = ownership;
  if (issued.value !== null) return <IssuedToken token={issued.value} session={session} />;
  const asked = gate.value ?? (entering.value ? "token" : null);
  if (asked === null) return null;
  return (
    <NeedsBoard board={board}>{asked === "claim" ? <ClaimForm {...session} /> : <TokenForm {...session} />}</NeedsBoard>
  );
}

function IssuedToken({ token, session: { board, ownership } }: { readonly token: string; readonly session: Session }) {
  const done = useRef<HTMLButtonElement>(null);
  useEffect(() => done.current?.focus(), []);
  return (
    <Card title="This board is yours">
      <p class="caption">
        This is the owner’s token. This browser keeps it, and shows it in Settings. Whoever has it can do everything
        with the board; the board itself cannot show it again.
      </p>
      <TokenBox token={token} boardName={board.device.value?.name ?? ""} />
      <button type="button" class="full primary" ref={done} onClick={() => ownership.putAway()}>
        I've saved it
      </button>
    </Card>
  );
}

function ClaimForm({ board, ownership }: Session) {
  const [name, setName] = useState("");
  const [code, setCode] = useState("");
  const open = board.device.value?.claim_window === true;
  const submit = (event: Event) => {
    event.preventDefault();
    void ownership.claim(name.trim(), open ? "" : code.trim());
  };
  return (
    <Card title="Claim this board">
      <p class="caption">
        {open
          ? "It is not claimed, and does nothing until it is. Whoever claims it becomes its owner and gets its token."
          : "It is not claimed. Claiming takes the code from its serial console, a press of its button, " +
            "or switching it off and on."}
      </p>
      <form onSubmit={submit}>
        <label class="field">
          Board name (optional)
          <input
            maxLength={64}
            autocomplete="off"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        {!open && (
          <label class="field">
            Code from its serial console (8 digits)
            <input
              inputMode="numeric"
              autocomplete="off"
              value={code}
              onInput={(event) => setCode(event.currentTarget.value)}
            />
          </label>
        )}
        <button type="submit" class="full primary" disabled={ownership.busy.value}>
          Claim
        </button>
      </form>
    </Card>
  );
}

function TokenForm({ ownership }: Session) {
  const [token, setToken] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const asked = ownership.gate.value === null;
  useEffect(() => {
    if (asked) field.current?.focus();
  }, [asked]);
  const submit = async (event: Event) => {
    event.preventDefault();
    await ownership.enter(token.trim());
    setToken("");
  };
  return (
    <Card title="This board has an owner">
      <p class="caption">
        Paste the owner’s token to unlock it: the text that was shown when the board was claimed. The browser that
        claimed it shows it in its Settings.
      </p>
      <form onSubmit={(event) => void submit(event)}>
        <label class="field">
          Token
          <input
            type="password"
            autocomplete="off"
            required
            ref={field}
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <div class="row">
          <button type="submit" class="primary" disabled={ownership.busy.value}>
            Use this token
          </button>
          {asked && (
            <button
              type="button"
              onClick={() => {
                ownership.entering.value = false;
              }}
            >
              Not now
            </button>
          )}
        </div>
      </form>
    </Card>
  );
}
