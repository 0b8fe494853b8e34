import { useEffect, useRef } from "preact/hooks";
import { bytesText, countText } from "../format.js";
import type { Session } from "../state/session.js";
import { BlobImage } from "./BlobImage.js";
import { Card } from "./Card.js";
import { Locked } from "./Locked.js";

/** The picture that the latent is of. One that the board has not seen yet is shown apart from it. */
export function PictureCard(session: Session) {
  const { sight, board, planning, live, ownership } = session;
  const picture = sight.seen.value?.picture ?? null;
  const pending = sight.pending.value;
  const film = live.film.value;
  const note =
    film !== null
      ? countText(live.frames.value, "frame")
      : picture === null
        ? null
        : `${picture.label}, ${bytesText(picture.sent.size)} sent`;
  const seen = useRef<HTMLDivElement>(null);
  const shown = film ?? pending ?? picture;
  // The thumb's bar is there wherever one has scrolled to. Who is planning looks at the plan, which shows the picture
  // too.
  useEffect(() => {
    if (shown !== null && (film !== null || planning.goal.peek() === null))
      seen.current?.closest("section")?.scrollIntoView({ block: "nearest" });
  }, [shown, film, planning]);
  return (
    <Card title={film === null ? "Picture" : "Live"} note={note}>
      <div ref={seen} class={`picture ${sight.busy.value ? "busy" : ""}`}>
        {film !== null ? (
          <Film {...session} />
        ) : picture !== null ? (
          <BlobImage blob={picture.shown} alt={picture.label} />
        ) : (
          pending === null &&
          (ownership.mayInfer.value ? (
            <p class="empty">
              Take a photo, choose one, or try the example picture.
              <br />
              The board turns it into a latent: what its model sees, in numbers.
            </p>
          ) : (
            <Locked what="Sending pictures to the board" session={session} />
          ))
        )}
        {film === null && pending !== null && <Pending {...session} />}
      </div>
      {picture !== null && board.can("plan") && (
        <button
          type="button"
          class="full"
          disabled={sight.current.value === null || pending !== null || sight.busy.value}
          onClick={() => planning.aim()}
        >
          Use this picture as goal
        </button>
      )}
    </Card>
  );
}

function Pending({ sight }: Session) {
  const picture = sight.pending.value;
  if (picture === null) return null;
  const busy = sight.busy.value;
  return (
    <figure class="pending">
      <BlobImage blob={picture.shown} alt={`Not seen by the board yet: ${picture.label}`} />
      <figcaption>
        {busy ? "The board is encoding this one…" : "The board has not seen this one."}
        {!busy && (
          <button type="button" onClick={() => void sight.lookAgain()}>
            Send it again
          </button>
        )}
      </figcaption>
    </figure>
  );
}

function Film({ live }: Session) {
  const element = useRef<HTMLVideoElement>(null);
  const film = live.film.value;
  useEffect(() => {
    const video = element.current;
    if (video === null || film === null) return;
    video.srcObject = film;
    void live.feed(video);
  }, [film, live]);
  return <video ref={element} muted playsInline aria-label="What the camera sees" />;
}
