import type { Session } from "../state/session.js";

/** What went wrong, in the board's words, above the thumb's bar until it is put away. */
export function TroubleNote({ notices, ownership }: Session) {
  const trouble = notices.trouble.value;
  return (
    <div class="trouble" role="alert">
      {trouble !== null && (
        <div>
          <p>
            <b>{trouble.text}</b>
            {trouble.hint !== "" && <span>{trouble.hint}</span>}
          </p>
          {trouble.wantsToken && ownership.gate.value === null && (
            <button
              type="button"
              onClick={() => {
                ownership.entering.value = true;
                notices.clear();
              }}
            >
              Unlock
            </button>
          )}
          <button type="button" class="close" aria-label="Close this message" onClick={() => notices.clear()}>
            ×
          </button>
        </div>
      )}
    </div>
  );
}
