import type { Session } from "../state/session.js";
import { BoardCard } from "./BoardCard.js";
import { FirmwareCard } from "./FirmwareCard.js";
import { LatentCard } from "./LatentCard.js";
import { LostBanner } from "./LostBanner.js";
import { ModelsCard } from "./ModelsCard.js";
import { NeedsBoard } from "./NeedsBoard.js";
import { OwnerCard } from "./OwnerCard.js";
import { PageHeader } from "./PageHeader.js";
import { PictureBar } from "./PictureBar.js";
import { PictureCard } from "./PictureCard.js";
import { PlanCard } from "./PlanCard.js";
import { RolloutCard } from "./RolloutCard.js";
import { SettingsCard } from "./SettingsCard.js";
import { SurpriseCard } from "./SurpriseCard.js";
import { TroubleNote } from "./TroubleNote.js";

/**
 * What is seen, what can be done with it, and the board itself: one below the other on a phone, side by side on a desk.
 */
export function App({ session }: { readonly session: Session }) {
  const { board, ownership, notices, live } = session;
  const locked = ownership.gate.value !== null;
  const slot = board.slot.value;
  return (
    <>
      <PageHeader {...session} />
      <LostBanner {...session} />
      {!locked && (
        <NeedsBoard board={board}>
          <PictureBar {...session} />
        </NeedsBoard>
      )}
      <main class={locked ? "locked" : ""}>
        <div class="notes">
          {!locked && slot !== null && !slot.active && (
            <p class="warning">
              <b>The board has no model that can run.</b> {slot.detail}
            </p>
          )}
          {board.device.value?.safe_mode === true && (
            <p class="warning">
              <b>Safe mode.</b> The board started too often in a row and runs no model until one is activated.
            </p>
          )}
          <OwnerCard {...session} />
        </div>
        {!locked && (
          <>
            <div class="see">
              <NeedsBoard board={board}>
                <PictureCard key="picture" {...session} />
                {/* Of a film one wants to see the surprise beside it. */}
                {live.film.value !== null && <SurpriseCard key="surprise" {...session} />}
                <LatentCard key="latent" {...session} />
                {live.film.value === null && <SurpriseCard key="surprise" {...session} />}
              </NeedsBoard>
            </div>
            <div class="act">
              <NeedsBoard board={board}>
                <RolloutCard {...session} />
                <PlanCard {...session} />
              </NeedsBoard>
            </div>
            <div class="board">
              <NeedsBoard board={board}>
                <ModelsCard {...session} />
                <BoardCard {...session} />
                <FirmwareCard {...session} />
              </NeedsBoard>
              <SettingsCard {...session} />
            </div>
          </>
        )}
      </main>
      <TroubleNote {...session} />
      <p class="sr" aria-live="polite">
        {notices.spoken.value}
      </p>
    </>
  );
}
