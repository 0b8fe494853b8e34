import { useRef, useState } from "preact/hooks";

/** The owner's token, to be taken elsewhere: read, copied, or as a file. */
export function TokenBox({ token, boardName }: { readonly token: string; readonly boardName: string }) {
  const text = useRef<HTMLElement>(null);
  const [note, setNote] = useState("");
  const copy = async () => {
    setNote(
      (await copied(token, text.current)) ? "copied" : "The browser does not allow it: select the text and copy it.",
    );
  };
  return (
    <>
      <code class="token" ref={text}>
        {token}
      </code>
      <div class="row">
        <button type="button" onClick={() => void copy()}>
          Copy the token
        </button>
        <a
          class="button"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(`${token}\n`)}`}
          download={fileName(boardName)}
        >
          Download it
        </a>
      </div>
      <p class="caption" aria-live="polite">
        {note}
      </p>
    </>
  );
}

/** A page over plain HTTP has no clipboard; the older way copies what is selected. */
async function copied(token: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(token);
    return true;
  } catch {
    if (shown === null) return false;
    getSelection()?.selectAllChildren(shown);
    return document.execCommand("copy");
  }
}

const fileName = (boardName: string): string =>
  `${boardName.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "board"}-token.txt`;
