import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Props {
  readonly title: string;
  /** A few words beside the title. */
  readonly note?: ComponentChildren;
  /** The note is read aloud when it changes. */
  readonly live?: boolean;
  readonly children: ComponentChildren;
}

export function Card({ title, note, live = false, children }: Props) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <p class="note" {...(live ? { "aria-live": "polite" } : {})}>
          {note}
        </p>
      </header>
      {children}
    </section>
  );
}
