import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type BoardBroker, MQTT_PORT } from "../boards/boardBroker.js";
import type { RunningBoard } from "../boards/startBoard.js";
import type { Field } from "../report/table.js";
import type { CliContext } from "./context.js";

/** The broker that boards are on, the topics of the first, and a command that shows what they say. */
export async function brokerFields(
  context: CliContext,
  broker: BoardBroker,
  boards: readonly Pick<RunningBoard, "topic" | "token">[],
): Promise<Field[]> {
  const { paint } = context;
  const [first] = boards;
  const place = broker.embedded ? "in this process, MQTT 3.1.1" : "boards whose owners set another one are there";
  const listen = await listenCommand(context, broker);
  return [
    ["broker", `${paint.cyan(broker.url)}  ${paint.dim(`(${place})`)}`],
    ["for others", broker.lanUrl && paint.cyan(broker.lanUrl)],
    [
      "topics",
      `${first?.topic}/status, telemetry, event/…, ` +
        `cmd/…${boards.length > 1 ? `  (of the first of ${boards.length})` : ""}`,
    ],
    ["commands", first?.token === undefined ? "refused (403 UNCLAIMED) until the board has an owner" : undefined],
    ["listen", listen && paint.cyan(listen)],
  ];
}

/**
 * Shows everything that boards say, and not what is said to them, which may be pictures; undefined where mosquitto's
 * clients are not installed, or would have to log in.
 */
export async function listenCommand({ env }: CliContext, { boardUrl }: BoardBroker): Promise<string | undefined> {
  const { protocol, hostname, port, username } = new URL(boardUrl);
  if (protocol !== "mqtt:" || username !== "" || !(await isOnPath("mosquitto_sub", env.PATH))) return undefined;
  return `mosquitto_sub -h ${hostname} -p ${port || MQTT_PORT} -v -t 'synapse/#' -T 'synapse/+/cmd/#'`;
}

async function isOnPath(program: string, path = ""): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    if (folder === "") continue;
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
