import { readJsonInput } from "../files/readInput.js";
import { schemaError } from "../files/schemaError.js";
import { type SelfTestFile, selfTestFile } from "../report/selfTestReport.js";

const FILE_BYTES_MAX = 16 << 20;

/** Reads what `selftest --report` has written. Rejects with an InputError: `SELFTEST_FILE` where it is none. */
export async function readSelfTest(path: string): Promise<SelfTestFile> {
  const parsed = selfTestFile.safeParse(await readJsonInput(path, "a report of selftest", FILE_BYTES_MAX));
  if (parsed.success) return parsed.data;
  throw schemaError("SELFTEST_FILE", parsed.error, path, "docs/selftest.md");
}
