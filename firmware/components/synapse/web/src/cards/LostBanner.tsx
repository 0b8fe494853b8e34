import { useEffect, useState } from "preact/hooks";
import { agoText } from "../format.js";
import type { Session } from "../state/session.js";

/**
 * The board does not answer: since when, and when it is asked again. Below it is what was last known, and nothing of it
 * can be pressed.
 */
export function LostBanner({ board, update }: Session) {
  const { link } = board;
  const shown = link.lost.value && update.awaited.value === null;
  const [nowMs, setNow] = useState(Date.now());
  useEffect(() => {
    if (!shown) return;
    const tick = () => setNow(Date.now());
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [shown]);
  if (!shown) return null;
  const heardMs = link.heardMs.value;
  const waitS = Math.ceil((link.nextLookMs.value - nowMs) / 1000);
  return (
    <section class="warning lost" aria-label="Connection">
      <p>
        <b>The board does not answer.</b>
        <span>
          {heardMs === null
            ? "It has not been seen yet. "
            : `Last seen ${agoText(Math.max(0, nowMs - heardMs) / 1000)} ago. `}
          {waitS > 0 ? `Trying again in ${waitS} s.` : "Trying again…"}
        </span>
      </p>
      <button type="button" onClick={() => void board.refresh()}>
        Try now
      </button>
    </section>
  );
}
