import { useId } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
  readonly onInput: (value: number) => void;
}

/** A whole number between two bounds. */
export function Range({ label, min, max, value, onInput }: Props) {
  const id = useId();
  return (
    <div class="range">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        value={value}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
      <span aria-hidden="true">{value}</span>
    </div>
  );
}
