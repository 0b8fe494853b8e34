import { useEffect, useRef } from "preact/hooks";
import { bytesText } from "../format.js";
import type { Upload } from "../state/upload.js";

interface Props {
  readonly label: string;
  readonly upload: Upload;
  readonly onStop: () => void;
}

/**
 * A file on its way to the board. It took the place of what was pressed, so the keyboard goes on from the button that
 * stops it.
 */
export function UploadProgress({ label, upload: { file, sentBytes, bytes }, onStop }: Props) {
  const stop = useRef<HTMLButtonElement>(null);
  useEffect(() => stop.current?.focus({ preventScroll: true }), []);
  return (
    <div class="upload">
      <progress aria-label={label} max={bytes} value={sentBytes} />
      <small>
        {sentBytes < bytes
          ? `${Math.floor((100 * sentBytes) / bytes)} % of ${bytesText(bytes)}, ${file}`
          : "sent; the board checks it"}
      </small>
      <button type="button" ref={stop} onClick={onStop}>
        Stop the upload
      </button>
    </div>
  );
}

/**
 * Brings the keyboard back to `place` when what it was on is gone: to what can be pressed there, else to the place
 * itself.
 */
export function returnFocus(place: HTMLElement | null): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body) return;
    (place?.querySelector<HTMLElement>("input:enabled, button:enabled") ?? place)?.focus({ preventScroll: true });
  });
}
