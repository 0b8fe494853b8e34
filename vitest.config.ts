import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    setupFiles: ["vitest.setup.ts"],
    include: [
      "engines/src/**/*.test.ts",
      "sim/src/**/*.test.ts",
      "client/src/**/*.test.ts",
      "host/src/**/*.test.ts",
      "firmware/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    // Two test files at once on a small machine leave each enough of it; time limits are only there to end what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 120_000 } },
  },
});
