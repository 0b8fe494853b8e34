// Preloaded with --require: writes the most memory that the process ever had resident, in KiB, to file descriptor 3 when it ends.
const { writeSync } = require("node:fs");

process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS)));
