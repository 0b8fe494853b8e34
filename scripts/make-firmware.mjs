// Writes an application image that a simulated board takes as its firmware, for trying updates:
// `node scripts/make-firmware.mjs firmware.bin 2.0.0`. It is right in every respect and holds nothing that runs; a real
// board takes what `idf.py build` makes. After `npm run build`.
import { writeFileSync } from "node:fs";
import { makeAppImage } from "synapse-sim/app-image";

const [path, version] = process.argv.slice(2);
if (path === undefined || version === undefined || version.length > 31) {
  console.error(
    "error: expected a file and a version of at most 31 characters: node scripts/make-firmware.mjs firmware.bin 2.0.0",
  );
  process.exit(2);
}
try {
  const image = makeAppImage({ version });
  writeFileSync(path, image);
  console.log(`${path}: synapse ${version} for the ESP32-P4, ${image.length} bytes`);
} catch (error) {
  console.error(`error: ${path} cannot be written [${error.code}]`);
  process.exitCode = 2;
}
