import type { Session } from "../state/session.js";

export function PageHeader({ board }: Session) {
  const device = board.device.value;
  const silence = board.silence.value;
  const about = device === null ? "looking for the board…" : [device.board.name, device.simulated ? "simulated" : ""].filter(Boolean).join(" · ");
  const nobodys = device?.claimed === false ? " · nobody’s yet" : "";
  return (
    <header class="page-header">
      <span class={`light ${silence !== null ? "off" : device === null ? "" : "on"}`} aria-hidden="true" />
      <div>
        <h1>{device?.name ?? "Synapse"}</h1>
        <p role="status">{silence ?? `${about}${nobodys}`}</p>
      </div>
      {board.slot.value?.untrained === true && device?.claimed !== false && <span class="badge">untrained weights</span>}
    </header>
  );
}
