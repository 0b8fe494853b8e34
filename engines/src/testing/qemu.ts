import { spawnSync } from "node:child_process";

/**
 * Why tests on the emulated core cannot run here, or undefined. A missing emulator is no failure on a developer's
 * machine; on a build server (`CI` is set) it is, so there the tests run and say what is missing.
 */
export function qemuMissing(): string | undefined {
  if (process.env.CI || spawnSync("qemu-system-riscv32", ["--version"]).status === 0) return undefined;
  const reason =
    "qemu-system-riscv32 is not installed, so tests on the emulated core are skipped; apt-get install " +
    "qemu-system-misc adds it";
  console.warn(reason);
  return reason;
}
