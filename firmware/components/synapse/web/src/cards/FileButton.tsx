interface Props {
  readonly text: string;
  /** Names the button where its text alone does not say what it is for. */
  readonly label?: string;
  readonly accept: string;
  readonly disabled: boolean;
  readonly onFile: (file: File) => void;
}

/** A button that asks for a file. */
export function FileButton({ text, label, accept, disabled, onFile }: Props) {
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    if (file !== undefined) onFile(file);
    // So that the same file can be chosen again.
    input.value = "";
  };
  return (
    <label class={`button ${disabled ? "off" : ""}`}>
      {text}
      <input type="file" accept={accept} disabled={disabled} aria-label={label} onChange={choose} />
    </label>
  );
}
