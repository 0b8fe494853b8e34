import type { Device, Firmware, Region, Slot } from "../api.js";
import { bytesText, countText, uptimeText } from "../format.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";

export function BoardCard({ board, ownership, others }: Session) {
  const device = board.device.value;
  if (device === null) return null;
  const { in_progress, capacity, open_max } = device.queue;
  const work = in_progress === 0 ? "idle" : `${in_progress} of ${capacity} requests in progress`;
  return (
    <Card title="Board" note={[work, others.note.value].filter(Boolean).join(" · ")}>
      <dl class="facts">
        {[...modelFacts(board.slot.value), ...boardFacts(device)].map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Memory name="SRAM" region={device.memory.fast} />
      <Memory name="PSRAM" region={device.memory.slow} />
      {in_progress > 0 && open_max !== undefined && ownership.held.value && (
        <button type="button" class="full" onClick={() => void others.stop()}>
          Stop the requests of others
        </button>
      )}
    </Card>
  );
}

function modelFacts(slot: Slot | null): [string, string][] {
  if (slot === null) return [["Model", "none"]];
  const facts: [string, string][] = [
    ["Model", slot.state === "VALID" ? `${slot.name} · ${bytesText(slot.bytes ?? 0)}` : slot.state],
  ];
  if (slot.untrained) facts.push(["Weights", "untrained: its numbers mean nothing yet"]);
  if (slot.sha256 !== undefined) facts.push(["SHA-256", `${slot.sha256.slice(0, 16)}…`]);
  if (slot.image !== undefined)
    facts.push(["Takes", `${slot.image.width} × ${slot.image.height} RGB, gives ${slot.latent_elements} values`]);
  return facts;
}

function boardFacts({ board, clocks, firmware, uptime_us, reset, mqtt }: Device): [string, string][] {
  const mhz = (hz: number | null) => (hz === null ? "unknown" : `${hz / 1e6} MHz`);
  const resets = reset.count > 1 ? ` (${countText(reset.count, "reset")})` : "";
  const facts: [string, string][] = [
    ["Chip", `${board.chip} rev ${board.chip_revision}, ${mhz(clocks.cpu_hz)}`],
    ["Memory clock", `PSRAM ${mhz(clocks.psram_hz)}, flash ${mhz(clocks.flash_hz)}`],
    ["Firmware", `${firmware.name} ${firmware.version} · ${firmware.engine}, ${firmware.isa}${updateText(firmware)}`],
    ["Up", `${uptimeText(uptime_us)}, last reset: ${reset.reason}${resets}`],
  ];
  if (mqtt?.connected) facts.push(["MQTT", mqtt.topic]);
  else if (mqtt?.failure)
    facts.push(["MQTT", `broker not reached (${countText(mqtt.failure.count, "failure")}): ${mqtt.failure.detail}`]);
  return facts;
}

function updateText({ state }: Firmware): string {
  return { VALID: "", ON_TRIAL: " · on trial", RETURNED: " · the update failed" }[state];
}

function Memory({ name, region }: { readonly name: string; readonly region: Region }) {
  return (
    <div class="memory">
      <p>
        {name} <span>{`${bytesText(region.used_bytes)} of ${bytesText(region.bytes)} in use`}</span>
      </p>
      <div class="parts" aria-hidden="true">
        <span class="s0" style={{ flex: region.used_bytes }} />
        <span style={{ flex: Math.max(0, region.bytes - region.used_bytes) }} />
      </div>
    </div>
  );
}
