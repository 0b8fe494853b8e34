import { useEffect, useState } from "preact/hooks";
import type { Settings } from "../api.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";
import { Locked } from "./Locked.js";
import { NeedsBoard } from "./NeedsBoard.js";
import { TokenBox } from "./TokenBox.js";

/** For the owner; a visitor is told how to unlock it. */
export function SettingsCard(session: Session) {
  const { board, ownership, preferences } = session;
  const held = ownership.held.value;
  useEffect(() => {
    if (held) void preferences.load();
  }, [held, preferences]);
  if (!held) {
    return (
      <Card title="Settings" note="for the owner">
        <NeedsBoard board={board}>
          <Locked what="Changing settings" session={session} />
        </NeedsBoard>
      </Card>
    );
  }
  const settings = preferences.settings.value;
  return (
    <Card title="Settings" note={preferences.note.value} live={true}>
      <NeedsBoard board={board}>
        {settings !== null && <SettingsForm key={JSON.stringify(settings)} settings={settings} session={session} />}
      </NeedsBoard>
      <Token {...session} />
      <NeedsBoard board={board}>
        <Release {...session} />
      </NeedsBoard>
    </Card>
  );
}

function SettingsForm({
  settings,
  session: { board, preferences },
}: {
  readonly settings: Settings;
  readonly session: Session;
}) {
  const [name, setName] = useState(settings.name);
  const [openRead, setOpenRead] = useState(settings.open_read);
  const [openInference, setOpenInference] = useState(settings.open_inference);
  const changed =
    name !== settings.name || openRead !== settings.open_read || openInference !== settings.open_inference;
  const submit = (event: Event) => {
    event.preventDefault();
    void preferences.save({ name: name.trim(), open_read: openRead, open_inference: openInference });
  };
  return (
    <form onSubmit={submit}>
      <label class="field">
        Board name
        <input
          maxLength={64}
          autocomplete="off"
          placeholder={board.device.value?.name}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <Switch
        label="Public status"
        about="anyone on its network may see status, models and log"
        on={openRead}
        onChange={setOpenRead}
      />
      <Switch
        label="Public use of the model"
        about="anyone on its network may send pictures, imagine and plan"
        on={openInference}
        onChange={setOpenInference}
      />
      <button type="submit" class="full" disabled={!changed || preferences.busy.value}>
        Save
      </button>
    </form>
  );
}

interface SwitchProps {
  readonly label: string;
  readonly about: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
}

function Switch({ label, about, on, onChange }: SwitchProps) {
  return (
    <label class="switch">
      <span>
        {label}
        <small>{about}</small>
      </span>
      <input
        type="checkbox"
        role="switch"
        aria-checked={on}
        checked={on}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    </label>
  );
}

/** For other browsers and programs, as long as this browser holds it. */
function Token({ board, ownership }: Session) {
  const token = ownership.token.value;
  const [shown, setShown] = useState(false);
  if (token === null) return null;
  return (
    <details class="more" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>Show the owner’s token</summary>
      <p class="caption">Other browsers and programs need it. Whoever has it can do everything with the board.</p>
      {shown && <TokenBox token={token} boardName={board.device.value?.name ?? ""} />}
    </details>
  );
}

/** Two steps, because nothing of it comes back. */
function Release({ ownership }: Session) {
  return (
    <details class="more">
      <summary>Remove owner</summary>
      <p class="caption">
        The board forgets its owner and all settings. For ten minutes anyone on its network can then claim it. Models
        stay.
      </p>
      <button
        type="button"
        class="full danger"
        disabled={ownership.busy.value}
        onClick={() => void ownership.release()}
      >
        Remove me as owner
      </button>
    </details>
  );
}
