import { describe, expect, test } from "vitest";
import { Rv32Machine } from "./rv32Machine.js";
import { qemuMissing } from "./testing/qemu.js";

describe.skipIf(qemuMissing() !== undefined)("the emulated core", { timeout: 120_000 }, () => {
  test("a trap is reported with its cause and place, and ends the machine", async () => {
    const machine = await Rv32Machine.start({ icount: false });
    // A model at an address where the machine has nothing.
    const broken = machine.call("syn_model_get_info", 0x0020_0000, await machine.alloc(128));
    await expect(broken).rejects.toMatchObject({
      code: "TRAP",
      message: expect.stringMatching(/load access fault.*mcause 5.*mtval 0x0020/),
    });
    await expect(machine.call("syn_api_version")).rejects.toMatchObject({ code: "TRAP" });
    await machine.close();
  });

  test("memory holds what is written, and a request for too much is answered with 0", async () => {
    const machine = await Rv32Machine.start({ ramBytes: 16 * 2 ** 20, icount: false });
    const address = await machine.alloc(1000);
    expect(address % 64).toBe(0);
    const data = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);
    machine.write(address, data);
    expect(machine.read(address, 1000)).toEqual(data);
    expect(await machine.alloc(16 * 2 ** 20)).toBe(0);
    await machine.close();
  });

  test("calls are answered in order however they are made", async () => {
    const machine = await Rv32Machine.start({ icount: false });
    const versions = await Promise.all(Array.from({ length: 50 }, () => machine.call("syn_api_version")));
    expect(versions).toEqual(Array(50).fill(1));
    await machine.close();
  });

  test("an emulator that dies is noticed at once, and closing is still clean", async () => {
    const machine = await Rv32Machine.start({ icount: false });
    const waiting = Promise.all([machine.call("syn_api_version"), dies(machine)]);
    await waiting.catch(() => undefined);
    await expect(machine.call("syn_api_version")).rejects.toMatchObject({
      code: "STOPPED",
      message: expect.stringContaining("SIGKILL"),
    });
    await machine.close();
    await machine.close();
  });
});

/** Kills the emulator and waits until a call says so. */
async function dies(machine: Rv32Machine): Promise<void> {
  process.kill(machine.processId ?? 0, "SIGKILL");
  for (;;) await machine.call("syn_api_version");
}
