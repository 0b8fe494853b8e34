import { useEffect, useState } from "preact/hooks";
import type { Settings } from "../api.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";

/** For the owner; a browser without a token is offered to enter it. */
export function SettingsCard(session: Session) {
  const { ownership, preferences } = session;
  const held = ownership.held.value;
  useEffect(() => {
    if (held) void preferences.load();
  }, [held, preferences]);
  if (!held) {
    return (
      <Card title="Settings" note="for the owner">
        <button
          type="button"
          class="full"
          onClick={() => {
            ownership.entering.value = true;
          }}
        >
          Enter the owner’s token
        </button>
      </Card>
    );
  }
  const settings = preferences.settings.value;
  return (
    <Card title="Settings" note={preferences.note.value} live={true}>
      {settings !== null && <SettingsForm key={JSON.stringify(settings)} settings={settings} session={session} />}
      <Release {...session} />
    </Card>
  );
}

function SettingsForm({ settings, session: { board, preferences } }: { readonly settings: Settings; readonly session: Session }) {
  const [name, setName] = useState(settings.name);
  const [openRead, setOpenRead] = useState(settings.open_read);
  const [openInference, setOpenInference] = useState(settings.open_inference);
  const changed = name !== settings.name || openRead !== settings.open_read || openInference !== settings.open_inference;
  const submit = (event: Event) => {
    event.preventDefault();
    void preferences.save({ name: name.trim(), open_read: openRead, open_inference: openInference });
  };
  return (
    <form onSubmit={submit}>
      <label class="field">
        Name of the board
        <input
          maxLength={64}
          autocomplete="off"
          placeholder={board.device.value?.name}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <Switch label="Everybody may look" about="status, models, metrics and log need no token" on={openRead} onChange={setOpenRead} />
      <Switch
        label="Everybody may use the model"
        about="pictures, rollouts and plans need no token"
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
      <input type="checkbox" role="switch" aria-checked={on} checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
    </label>
  );
}

/** Two steps, because nothing of it comes back. */
function Release({ ownership }: Session) {
  return (
    <details class="more">
      <summary>Give the board away</summary>
      <p class="caption">
        It forgets its owner and everything that was set, and can then be claimed by anyone near it for ten minutes. Models stay.
      </p>
      <button type="button" class="full danger" disabled={ownership.busy.value} onClick={() => void ownership.release()}>
        Release this board
      </button>
    </details>
  );
}
