import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = new URL("../../../.toolchain/esptool-venv/", import.meta.url);
const PROGRAM = fileURLToPath(new URL(process.platform === "win32" ? "Scripts/esptool.exe" : "bin/esptool", FOLDER));

/** Whether `npm run setup` has brought Espressif's flashing program. */
export const hasEsptool = (): boolean => existsSync(PROGRAM);

export interface EsptoolRun {
  readonly code: number;
  /** Both streams as they came. */
  readonly output: string;
}

/** Runs esptool as a person would. */
export async function esptool(...args: readonly string[]): Promise<EsptoolRun> {
  const child = spawn(PROGRAM, args, { env: { ...process.env, NO_COLOR: "1", COLUMNS: "200" } });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? -1));
  });
  return { code, output };
}
