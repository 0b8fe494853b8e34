import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lewmPack } from "./lewm.mjs";

/** Resident memory over file and planned regions, at most. */
const RATIO_MAX = 1.1;

/** Growth of resident memory while the true int8 model runs, in a process that does nothing else. */
export async function memorySection({ quick, progress }) {
  progress("memory: packing");
  const folder = mkdtempSync(join(tmpdir(), "synapse-bench-"));
  try {
    const path = join(folder, "lewm.syn");
    writeFileSync(path, await lewmPack("i8"));
    progress("memory");
    const child = spawnSync(
      process.execPath,
      ["--expose-gc", fileURLToPath(new URL("memoryChild.mjs", import.meta.url)), path, quick ? "5" : "20"],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    if (child.status !== 0)
      throw new Error(`the measuring process ended with ${child.signal ?? `exit code ${child.status}`}`);
    const { grownBytes, ...regions } = JSON.parse(child.stdout);
    const fileBytes = statSync(path).size;
    const plannedBytes = fileBytes + Object.values(regions).reduce((sum, bytes) => sum + bytes, 0);
    return { fileBytes, regions, plannedBytes, grownBytes, ratio: grownBytes / plannedBytes, ratioMax: RATIO_MAX };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
