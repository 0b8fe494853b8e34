import type { Slot } from "../api.js";
import { bytesText } from "../format.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";

export function ModelsCard(session: Session) {
  const { board, slots } = session;
  const all = board.device.value?.slots ?? [];
  if (all.length < 2) return null;
  return (
    <Card title="Models" note={slots.note.value} live={true}>
      <ul class="slots">
        {all.map((slot) => (
          <SlotRow key={slot.slot} slot={slot} session={session} />
        ))}
      </ul>
    </Card>
  );
}

function SlotRow({ slot, session: { slots } }: { readonly slot: Slot; readonly session: Session }) {
  const upload = slots.upload.value;
  const busy = upload !== null || slots.trying.value !== null;
  const { received_bytes = 0, bytes: wholeBytes = 1 } = slot.upload ?? {};
  const details = [
    slot.bytes === undefined ? "" : bytesText(slot.bytes),
    slot.sha256 === undefined ? "" : `SHA-256 ${slot.sha256.slice(0, 12)}…`,
    slot.detail ?? "",
    slot.upload === undefined ? "" : `${Math.round((100 * received_bytes) / wholeBytes)} % arrived`,
  ];
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    if (file !== undefined) void slots.send(slot.slot, file);
    input.value = "";
  };
  return (
    <li>
      <p>
        <b>{slot.slot}</b> {stateText(slot)}
        <small>{details.filter(Boolean).join(" · ")}</small>
      </p>
      {upload?.slot === slot.slot ? (
        <div class="upload">
          <progress aria-label={`Upload to ${slot.slot}`} max={upload.bytes} value={upload.sentBytes} />
          <small>
            {upload.sentBytes < upload.bytes
              ? `${Math.floor((100 * upload.sentBytes) / upload.bytes)} % of ${bytesText(upload.bytes)}, ${upload.file}`
              : "sent; the board checks it"}
          </small>
          <button type="button" onClick={() => slots.stop()}>
            Stop the upload
          </button>
        </div>
      ) : (
        !slot.active &&
        slot.state !== "PENDING" && (
          <div class="row">
            <label class={`button ${busy ? "off" : ""}`}>
              {slot.upload === undefined ? "Upload a model" : "Go on with the upload"}
              <input
                type="file"
                accept=".syn"
                disabled={busy}
                aria-label={`${slot.upload === undefined ? "Upload a model" : "Go on with the upload"} to ${slot.slot}`}
                onChange={choose}
              />
            </label>
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

function stateText(slot: Slot): string {
  if (slot.state === "VALID") return slot.active ? `runs ${slot.name}` : "holds a model that does not run";
  return { EMPTY: "is empty", PENDING: "is being tried", BROKEN: "holds nothing that runs" }[slot.state];
}
