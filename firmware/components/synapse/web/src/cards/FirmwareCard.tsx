import { useRef } from "preact/hooks";
import type { Device, Firmware } from "../api.js";
import { bytesText } from "../format.js";
import type { FirmwareUpdate } from "../state/firmwareUpdate.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";
import { FileButton } from "./FileButton.js";
import { returnFocus, UploadProgress } from "./UploadProgress.js";

/** For the owner, of a board that can update itself. */
export function FirmwareCard({ board, ownership, slots, update }: Session) {
  const device = board.device.value;
  const place = useRef<HTMLDivElement>(null);
  if (device === null || device.firmware.capacity_bytes === 0 || !ownership.held.value) return null;
  const { firmware } = device;
  const upload = update.upload.value;
  const awaited = update.awaited.value;
  const onTrial = firmware.state === "ON_TRIAL";
  const note =
    awaited !== null ? "restarting" : onTrial ? STATES.ON_TRIAL : update.note.value || STATES[firmware.state];
  const send = async (file: File) => {
    await update.send(file);
    returnFocus(place.current);
  };
  return (
    <Card title="Firmware" note={note} live={true}>
      <div ref={place} class="item" tabIndex={-1}>
        {awaited !== null ? (
          <p class="busy">
            The board restarts with <b>{`${awaited.project} ${awaited.version}`}</b>
            <small>
              This takes some seconds. Should it stay silent, switch it off and on: it then returns to the firmware
              before.
            </small>
          </p>
        ) : (
          <p>
            <b>{`${firmware.name} ${firmware.version}`}</b> runs
            <small>{aboutText(firmware, update)}</small>
          </p>
        )}
        {upload !== null && (
          <UploadProgress label="Upload of the firmware" upload={upload} onStop={() => update.stop()} />
        )}
        {!update.busy.value && (
          <div class="upload">
            {onTrial ? (
              <small>The next one can be uploaded when this one is confirmed.</small>
            ) : (
              <>
                <FileButton
                  text="Upload a firmware"
                  accept=".bin"
                  disabled={slots.busy.value}
                  onFile={(file) => void send(file)}
                />
                <small>{wantedText(device)}</small>
              </>
            )}
            {firmware.version !== board.pageVersion && (
              <button type="button" onClick={() => location.reload()}>
                Load the page of {firmware.version}
              </button>
            )}
          </div>
        )}
      </div>
    </Card>
  );
}

const STATES = { VALID: "confirmed", ON_TRIAL: "on trial", RETURNED: "returned to the one before" } as const;

function aboutText({ state, version }: Firmware, update: FirmwareUpdate): string {
  const tried = update.tried.value;
  const other = tried !== null && tried.version !== version ? tried.version : null;
  if (state === "ON_TRIAL")
    return (
      "On trial; confirmed when it stays up for a minute. " +
      "If the board restarts before that, the firmware before runs again."
    );
  if (state === "RETURNED")
    return `${other ?? "The last update"} did not stay up for a minute, so the board returned to this one.`;
  if (other !== null) return `As before: ${other} did not start, or did not stay up for a minute.`;
  return tried === null ? "" : "Confirmed: it has stayed up for a minute.";
}

function wantedText({ board, firmware }: Device): string {
  const most = bytesText(firmware.capacity_bytes);
  return `A .bin file for ${board.chip} rev ${board.chip_revision}, at most ${most}. The board restarts with it.`;
}
