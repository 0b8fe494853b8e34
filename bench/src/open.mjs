import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allocateAligned, openNativeEngine } from "synapse-engine";
import { interleave, median } from "./interleave.mjs";
import { lewmPack } from "./lewm.mjs";

/** Milliseconds that opening a pack of 18 MB may take beside reading it. */
const OPEN_MS_MAX = 30;

/**
 * Opening the true model in int8: the whole file is validated and its digest checked. Reading is from the page cache.
 */
export async function openSection({ quick, progress }) {
  progress("open: packing");
  const folder = mkdtempSync(join(tmpdir(), "synapse-bench-"));
  const engine = await openNativeEngine();
  try {
    const path = join(folder, "lewm.syn");
    writeFileSync(path, await lewmPack("i8"));
    const file = readAligned(path);
    progress("open");
    const times = await interleave(
      {
        read: async () => readAligned(path),
        open: async () => (await engine.openModel(file)).close(),
      },
      { runs: quick ? 7 : 21 },
    );
    const [openMsP50, readMsP50] = [median(times.open), median(times.read)];
    return {
      fileBytes: file.length,
      openMsP50,
      openMsMax: OPEN_MS_MAX,
      readMsP50,
      openOverRead: openMsP50 / readMsP50,
      runs: times.open.length,
    };
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file in memory that the engine uses in place. */
export function readAligned(path) {
  const descriptor = openSync(path, "r");
  try {
    const bytes = allocateAligned(fstatSync(descriptor).size);
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(descriptor, bytes, done, bytes.length - done, done);
      if (count === 0) throw new Error(`${path} became shorter while it was read`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
