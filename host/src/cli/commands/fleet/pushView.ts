import type { RollOutChange } from "../../../fleet/rollOut.js";
import type { RollOutState } from "../../../fleet/rollOutState.js";
import { brokerText } from "../../../report/text/fleetText.js";
import { printable } from "../../../report/text/printable.js";
import { wavesText } from "../../../report/text/rollOutText.js";
import { type CliContext, note, printJsonLine } from "../../context.js";
import { liveText } from "../../liveText.js";
import type { OpenFleet } from "./fleetOptions.js";

const REDRAW_MS = 250;

/** What an operator sees of a roll-out while it runs. */
export interface PushView {
  readonly changed: (change: RollOutChange) => void;
  close(): void;
}

/** On a terminal a table that follows the roll-out, with `--json` a line for each change, else a line for each end. */
export function viewOf(context: CliContext, fleet: OpenFleet, state: RollOutState, json: boolean): PushView {
  if (json) {
    return { changed: (change) => printJsonLine(context, change), close: () => undefined };
  }
  if (context.stderr.isTTY !== true || context.env.TERM === "dumb")
    return { changed: (change) => tell(context, fleet, state, change), close: () => undefined };
  return drawn(context, fleet, state);
}

function tell(context: CliContext, fleet: OpenFleet, state: RollOutState, change: RollOutChange): void {
  if (change.kind === "wave") {
    const canaries = change.wave === 0 && state.waves.length > 1;
    note(context, `${canaries ? "canaries" : `wave ${change.wave + 1}`}: ${boardsText(change.boards.length)}`);
  }
  if (change.kind === "soak") note(context, watchingText(change));
  if (change.kind === "broker") note(context, brokerText(change));
  if (change.kind !== "board" || change.board.standing === "updating") return;
  const { standing, code, detail } = change.board;
  const reason = code === undefined ? "" : `: ${code}${detail === undefined ? "" : `, ${detail}`}`;
  note(
    context,
    printable(`${[change.id, namesOf(fleet)(change.id), standing].filter((part) => part).join(" ")}${reason}`),
  );
}

function drawn(context: CliContext, fleet: OpenFleet, state: RollOutState): PushView {
  const live = liveText(context.stderr);
  let doing = "";
  let broker: Extract<RollOutChange, { kind: "broker" }> | undefined;
  const draw = (): void => {
    const table = wavesText({ ...context, paint: context.paintError }, state, namesOf(fleet), fleet.inventory);
    const line = broker?.connected === false ? context.paintError.red(brokerText(broker)) : doing;
    live.draw(line === "" ? table : `${table}\n${line}`);
  };
  const timer = setInterval(draw, REDRAW_MS);
  return {
    changed: (change) => {
      if (change.kind === "broker") broker = change;
      if (change.kind === "wave") doing = "";
      if (change.kind === "soak") doing = watchingText(change);
      draw();
    },
    close: () => clearInterval(timer),
  };
}

const boardsText = (count: number): string => `${count} board${count === 1 ? "" : "s"}`;

const watchingText = ({ wave, seconds }: Extract<RollOutChange, { kind: "soak" }>): string =>
  `watching wave ${wave + 1} for ${seconds} s`;

export const namesOf =
  (fleet: OpenFleet) =>
  (id: string): string =>
    fleet.inventory.get(id)?.name ?? "";
