import { useEffect } from "preact/hooks";
import type { Device } from "../api.js";
import type { Session } from "../state/session.js";

export function PageHeader({ board, update }: Session) {
  const device = board.device.value;
  const awaited = update.awaited.value;
  const silence = board.silence.value;
  const name = device?.name ?? "Synapse";
  useEffect(() => {
    document.title = device === null ? "Synapse" : `${name} · Synapse`;
  }, [device, name]);
  return (
    <header class="page-header">
      <span
        class={`light ${awaited !== null ? "" : silence !== null ? "off" : device === null ? "" : "on"}`}
        aria-hidden="true"
      />
      <div>
        <h1>{name}</h1>
        <p role="status">{awaited !== null ? `restarts with ${awaited.version}…` : (silence ?? aboutText(device))}</p>
        {board.slot.value?.untrained === true && device?.claimed !== false && (
          <span class="badge">untrained weights</span>
        )}
      </div>
    </header>
  );
}

/** What the name does not say already. */
function aboutText(device: Device | null): string {
  if (device === null) return "looking for the board…";
  const { name, board, simulated, claimed } = device;
  const parts = [name.includes(board.name) ? board.chip : board.name];
  if (simulated && !name.includes("simulated")) parts.push("simulated");
  if (claimed === false) parts.push("not claimed");
  return parts.join(" · ");
}
