import type { Session } from "../state/session.js";

/** In place of what a visitor cannot press: that it is locked, and what unlocks it. */
export function Locked({ what, session }: { readonly what: string; readonly session: Session }) {
  return (
    <div class="locked-note">
      <p class="caption">{what} is locked: only the board’s owner can do this.</p>
      <UnlockButton {...session} />
    </div>
  );
}

function UnlockButton({ ownership }: Session) {
  return (
    <button
      type="button"
      class="full"
      onClick={() => {
        ownership.entering.value = true;
      }}
    >
      Unlock with the owner’s token
    </button>
  );
}
