import { useEffect, useRef } from "preact/hooks";
import { bytesText, countText } from "../format.js";
import type { Session } from "../state/session.js";
import { BlobImage } from "./BlobImage.js";
import { Card } from "./Card.js";

export function PictureCard(session: Session) {
  const { sight, board, planning, live } = session;
  const picture = sight.picture.value;
  const film = live.film.value;
  const note =
    film !== null
      ? countText(live.frames.value, "frame")
      : picture === null
        ? null
        : `${picture.label}, ${bytesText(picture.sent.size)} sent`;
  const seen = useRef<HTMLDivElement>(null);
  const shown = film ?? picture;
  // The thumb's bar is there wherever one has scrolled to. Who is planning looks at the plan, which shows the picture too.
  useEffect(() => {
    if (shown !== null && (film !== null || planning.goal.peek() === null))
      seen.current?.closest("section")?.scrollIntoView({ block: "nearest" });
  }, [shown, film, planning]);
  return (
    <Card title={film === null ? "Picture" : "Live"} note={note}>
      <div ref={seen} class={`picture ${sight.busy.value ? "busy" : ""}`}>
        {film !== null ? (
          <Film {...session} />
        ) : picture === null ? (
          <p class="empty">
            Take a photo, choose one, or try the sample.
            <br />
            The board turns it into a latent.
          </p>
        ) : (
          <BlobImage blob={picture.shown} alt={picture.label} />
        )}
      </div>
      {picture !== null && board.can("plan") && (
        <button type="button" class="full" disabled={sight.latent.value === null || sight.busy.value} onClick={() => planning.aim()}>
          Use this picture as goal
        </button>
      )}
    </Card>
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
