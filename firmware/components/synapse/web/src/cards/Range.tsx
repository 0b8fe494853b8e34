interface Props {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
  readonly onInput: (value: number) => void;
}

/** A whole number between two bounds. */
export function Range({ label, min, max, value, onInput }: Props) {
  return (
    <label class="range">
      <span>{label}</span>
      <input type="range" min={min} max={max} value={value} onInput={(event) => onInput(Number(event.currentTarget.value))} />
      <output>{value}</output>
    </label>
  );
}
