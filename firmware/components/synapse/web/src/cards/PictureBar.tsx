import { pictureOf } from "../picture.js";
import { exampleScene } from "../scenes.js";
import type { Session } from "../state/session.js";

/** The thumb's bar: where pictures come from. */
export function PictureBar({ board, sight, live, ownership }: Session) {
  if (!ownership.mayInfer.value) return null;
  if (live.film.value !== null) {
    return (
      <section class="bar" aria-label="New picture">
        <div>
          <button type="button" class="primary" onClick={() => live.stop()}>
            Stop
          </button>
        </div>
      </section>
    );
  }
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    if (file !== undefined) void sight.look(() => pictureOf(file));
    // So that the same file can be chosen again.
    input.value = "";
  };
  return (
    <section class="bar" aria-label="New picture">
      <div>
        <label class="button primary">
          Take a photo
          <input type="file" accept="image/*" capture="environment" onChange={choose} />
        </label>
        <label class="button">
          Choose
          <input type="file" accept="image/*" aria-label="Choose a picture" onChange={choose} />
        </label>
        <button type="button" onClick={() => void sight.look(() => exampleScene(board.slot.value))}>
          Example picture
        </button>
        {live.available && (
          <button type="button" disabled={live.starting.value} onClick={() => void live.start()}>
            Live
          </button>
        )}
      </div>
    </section>
  );
}
