import { useEffect, useState } from "preact/hooks";
import type { Timing } from "../api.js";
import { HeatMap } from "../charts/HeatMap.js";
import { durationText } from "../format.js";
import type { Session } from "../state/session.js";
import { distance, largest, length } from "../vector.js";
import { Card } from "./Card.js";

export function LatentCard({ sight, board, notices }: Session) {
  const seen = sight.seen.value;
  const values = seen?.latent ?? null;
  const previous = sight.previous.value?.latent;
  const [marked, setMarked] = useState(-1);
  // A new latent has no mark yet.
  useEffect(() => setMarked(-1), [values]);
  if (seen === null || values === null) {
    return (
      <Card title="Latent">
        <p class="empty">What the model sees in the picture appears here.</p>
      </Card>
    );
  }
  const single = values[marked];
  const note =
    single !== undefined
      ? `#${marked}: ${single.toFixed(4)}`
      : previous?.length === values.length
        ? `${distance(values, previous).toFixed(2)} away from the one before`
        : `${values.length} values, length ${length(values).toFixed(2)}`;
  const mark = (index: number, byKey: boolean) => {
    setMarked(index);
    if (byKey) notices.say(`Value ${index}: ${values[index]?.toFixed(3)}`);
  };
  const span = largest(values.map(Math.abs)) || 1;
  return (
    <Card title="Latent" note={note}>
      <HeatMap values={values} marked={marked} onMark={mark} />
      <div class="legend" aria-hidden="true">
        <span>{(-span).toFixed(2)}</span>
        <i />
        <span>{span.toFixed(2)}</span>
      </div>
      {sight.pending.value !== null && (
        <p class="caption">Of the picture above, not of the one that the board has not seen yet.</p>
      )}
      <TimeParts timing={seen.timing} where={board.device.value?.simulated === true ? " on this computer" : ""} />
    </Card>
  );
}

/** Where the time went, from the first byte to the answer. */
function TimeParts({ timing, where }: { readonly timing: Timing; readonly where: string }) {
  const parts = [
    ["receive", timing.receive_us, "s1"],
    ["decode", timing.decode_us, "s2"],
    ["queue", timing.queue_us, "s3"],
    ["inference", timing.inference_us, "s0"],
  ] as const;
  return (
    <>
      <h3>
        Time{" "}
        <small>
          {durationText(timing.total_us)}
          {where}
        </small>
      </h3>
      <div class="parts" aria-hidden="true">
        {parts.map(([name, us, colour]) => (
          <span key={name} class={colour} style={{ flex: Math.max(us, 1) }} />
        ))}
      </div>
      <ul class="keys">
        {parts.map(([name, us, colour]) => (
          <li key={name} class={colour}>
            {name} <b>{durationText(us)}</b>
          </li>
        ))}
      </ul>
    </>
  );
}
