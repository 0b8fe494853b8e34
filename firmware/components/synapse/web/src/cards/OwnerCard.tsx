import { useEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";

/** Claiming, the token that claiming gave, and entering it elsewhere. */
export function OwnerCard(session: Session) {
  const { ownership } = session;
  const { issued, gate, entering } = ownership;
  if (issued.value !== null) return <IssuedToken token={issued.value} onDone={() => ownership.putAway()} />;
  if (gate.value === "claim") return <ClaimForm {...session} />;
  if (gate.value === "token" || entering.value) return <TokenForm {...session} />;
  return null;
}

function IssuedToken({ token, onDone }: { readonly token: string; readonly onDone: () => void }) {
  const done = useRef<HTMLButtonElement>(null);
  useEffect(() => done.current?.focus(), []);
  return (
    <Card title="This board is yours">
      <p class="caption">This browser keeps its token. Other programs and other browsers need it; it is not shown again.</p>
      <code class="token">{token}</code>
      <button type="button" class="full" ref={done} onClick={onDone}>
        I have kept it
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
    <Card title="Make this board yours">
      <p class="caption">
        {open
          ? "It answers nobody until somebody claims it. Whoever does gets its token."
          : "Somebody who holds it in their hands can claim it: with the code from its serial console, its button, or by powering it off and on."}
      </p>
      <form onSubmit={submit}>
        <label class="field">
          Name of the board, if you like
          <input maxLength={64} autocomplete="off" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        {!open && (
          <label class="field">
            Code from its serial console
            <input inputMode="numeric" autocomplete="off" value={code} onInput={(event) => setCode(event.currentTarget.value)} />
          </label>
        )}
        <button type="submit" class="full primary" disabled={ownership.busy.value}>
          Claim this board
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
      <p class="caption">Enter the token that claiming it gave.</p>
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
