import { useRef } from "preact/hooks";
import type { Slot } from "../api.js";
import { bytesText } from "../format.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";
import { FileButton } from "./FileButton.js";
import { Locked } from "./Locked.js";
import { returnFocus, UploadProgress } from "./UploadProgress.js";

export function ModelsCard(session: Session) {
  const { board, slots, ownership } = session;
  const all = board.device.value?.slots ?? [];
  const keys = board.device.value?.update_keys ?? [];
  if (all.length < 2) return null;
  return (
    <Card title="Models" note={slots.note.value} live={true}>
      <ul class="slots">
        {all.map((slot) => (
          <SlotRow key={slot.slot} slot={slot} withKeys={keys.length > 0} session={session} />
        ))}
      </ul>
      <p class="caption">{fitText(all)}</p>
      {!ownership.held.value && <Locked what="Uploading and switching models" session={session} />}
      {keys.length > 0 && (
        <p class="caption">
          Takes only models signed by {keys.length === 1 ? "its update key" : "one of its update keys"}:{" "}
          {keys.map((key) => shortened(key)).join(", ")}
        </p>
      )}
    </Card>
  );
}

interface RowProps {
  readonly slot: Slot;
  /** The board has update keys, so it matters whether the model is signed. */
  readonly withKeys: boolean;
  readonly session: Session;
}

function SlotRow({ slot, withKeys, session: { slots, update, ownership } }: RowProps) {
  const place = useRef<HTMLLIElement>(null);
  const upload = slots.upload.value;
  const busy = slots.busy.value || update.busy.value;
  const uploadText = slot.upload === undefined ? "Upload a model" : "Go on with the upload";
  const send = async (file: File) => {
    await slots.send(slot.slot, file);
    returnFocus(place.current);
  };
  return (
    <li ref={place} class="item" tabIndex={-1}>
      <p>
        <b>{slot.slot}</b> {stateText(slot)}
        <small>{detailsText(slot, withKeys)}</small>
      </p>
      {upload?.slot === slot.slot ? (
        <UploadProgress label={`Upload to ${slot.slot}`} upload={upload} onStop={() => slots.stop()} />
      ) : (
        ownership.held.value &&
        !slot.active &&
        slot.state !== "PENDING" && (
          <div class="row">
            <FileButton
              text={uploadText}
              label={`${uploadText} to ${slot.slot}`}
              accept=".syn"
              disabled={busy}
              onFile={(file) => void send(file)}
            />
            {slot.state === "VALID" && (
              <button type="button" class="primary" disabled={busy} onClick={() => void slots.activate(slot.slot)}>
                Run it<span class="sr"> from {slot.slot}</span>
              </button>
            )}
          </div>
        )
      )}
    </li>
  );
}

/** Of a slot that holds nothing that runs only the reason matters. */
function detailsText(slot: Slot, withKeys: boolean): string {
  const { received_bytes = 0, bytes: wholeBytes = 1 } = slot.upload ?? {};
  const facts =
    slot.state === "BROKEN" && slot.upload === undefined
      ? []
      : [
          slot.bytes === undefined ? "" : bytesText(slot.bytes),
          withKeys && slot.signed !== undefined ? (slot.signed ? "signed" : "not signed") : "",
          slot.sha256 === undefined ? "" : `SHA-256 ${shortened(slot.sha256)}`,
        ];
  const arrived = slot.upload === undefined ? "" : `${Math.round((100 * received_bytes) / wholeBytes)} % arrived`;
  const room = slot.capacity_bytes === undefined ? "" : `Largest model here: ${bytesText(slot.capacity_bytes)}`;
  return [...facts, slot.detail ?? "", arrived, room].filter(Boolean).join(" · ");
}

/** Whether the next version of the model that runs, if it is as large, can be uploaded while this one runs. */
function fitText(all: readonly Slot[]): string {
  const running = all.find(({ active }) => active);
  const bytes = running?.bytes;
  if (running === undefined || bytes === undefined) return "";
  const fits = all.every(({ capacity_bytes = 0 }) => capacity_bytes >= bytes);
  return `${running.name} ${fits ? "fits both slots" : `fits only ${running.slot}: cannot be updated in place`}`;
}

/** Of a digest or a key, as much as one compares by eye. */
function shortened(hex: string): string {
  return `${hex.slice(0, 12)}…`;
}

function stateText(slot: Slot): string {
  if (slot.state === "VALID") return slot.active ? `runs ${slot.name}` : "ready, not active";
  return { EMPTY: "is empty", PENDING: "is being tested", BROKEN: "cannot be used" }[slot.state];
}
