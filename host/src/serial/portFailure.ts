import { readFile, stat } from "node:fs/promises";
import { inputError } from "../files/inputError.js";

/** What serialport's and the system's messages say, and what is to be done about it. */
export async function portFailure(path: string, error: Error, others: readonly string[]): Promise<Error> {
  const { message } = error;
  if (/permission denied|access denied|EACCES/i.test(message)) {
    const group = await groupOf(path);
    return inputError(path, "PORT_FORBIDDEN", "this user may not open the port", {
      expected:
        group === undefined
          ? "a user who may"
          : `a member of the group ${group}: \`sudo usermod -aG ${group} "$USER"\`, then log in again`,
    });
  }
  if (/cannot lock port|temporarily unavailable|resource busy|EBUSY/i.test(message)) {
    return inputError(path, "PORT_BUSY", "another program has the port open", {
      expected: "to have it alone: close the monitor, or whatever else reads it",
    });
  }
  if (/no such file|cannot find|ENOENT|ENXIO|no such device/i.test(message)) {
    return inputError(path, "PORT_MISSING", "there is no such port", {
      expected:
        others.length === 0 ? "a board that is plugged in: no serial port is there" : `one of ${others.join(", ")}`,
    });
  }
  return inputError(path, "PORT_FAILED", `the port cannot be opened: ${message}`, { expected: "a serial port" });
}

/** The group that a device belongs to (dialout, uucp, ...); undefined where there are none, or it is that of root. */
async function groupOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  for (const line of groups.split("\n")) {
    const [name, , id] = line.split(":");
    if (found !== undefined && found.gid !== 0 && id !== undefined && Number(id) === found.gid) return name;
  }
  return undefined;
}
