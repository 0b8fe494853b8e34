import { LineChart } from "../charts/LineChart.js";
import { countText, deviationText, valueText } from "../format.js";
import type { Session } from "../state/session.js";
import { Card } from "./Card.js";

const LAST_SHOWN = 4;

export function SurpriseCard({ sight, live }: Session) {
  const surprise = sight.surprise.value;
  if (surprise === null) return null;
  const { values, mean, zScore, about } = surprise;
  const last = values.slice(-LAST_SHOWN).map(valueText);
  const now = about === sight.seen.value ? last.at(-1) : "not known for this picture";
  return (
    // A film would be read aloud without an end.
    <Card
      title="Surprise"
      note={zScore === null || about !== sight.seen.value ? now : `${now}, ${deviationText(zScore)}`}
      live={live.film.value === null}
    >
      <LineChart
        label={
          `Surprise of the last ${countText(values.length, "picture")}: ${values.map(valueText).join(", ")}. ` +
          `Mean ${valueText(mean)}.`
        }
        lines={[{ values, colour: "s0" }]}
        from="zero"
        begin={values.length > 1 ? `${values.length - 1} before` : "now"}
        end={values.length > 1 ? "now" : ""}
        mean={mean}
        dots={true}
        height={130}
      />
      <p class="caption">
        How far each picture lies from what the model expected after the ones before it, if nothing moves. Last:{" "}
        {last.join(", ")}. The dashed line is the mean, {valueText(mean)}.
      </p>
    </Card>
  );
}
