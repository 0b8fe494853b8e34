// `npm run zig -- build test-kernels`: the pinned Zig compiler, with what a build embeds made first.
import { spawnSync } from "node:child_process";
import { ROOT, setupZig, zigCommand } from "./setup.mjs";

try {
  setupZig();
  const [command, ...rest] = zigCommand();
  const { status, error } = spawnSync(command, [...rest, ...process.argv.slice(2)], { cwd: ROOT, stdio: "inherit" });
  if (error) throw new Error(`cannot run ${command}: ${error.message}`);
  process.exitCode = status ?? 1;
} catch (error) {
  process.stderr.write(`zig: ${error.message}\n`);
  process.exitCode = 1;
}
