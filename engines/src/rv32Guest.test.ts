import { describe, expect, test } from "vitest";
import { Rv32Guest } from "./rv32Guest.js";
import { qemuMissing } from "./testing/qemu.js";

describe.skipIf(qemuMissing() !== undefined)("the emulated core", { timeout: 120_000 }, () => {
  test("a trap is reported with its cause and place, and ends the guest", async () => {
    const guest = await Rv32Guest.start({ icount: false });
    // A model at an address where the guest has nothing.
    const broken = guest.call("syn_model_get_info", 0x0020_0000, await guest.alloc(128));
    await expect(broken).rejects.toMatchObject({
      code: "TRAP",
      message: expect.stringMatching(/load access fault.*mcause 5.*mtval 0x0020/),
    });
    await expect(guest.call("syn_api_version")).rejects.toMatchObject({ code: "TRAP" });
    await guest.close();
  });

  test("memory holds what is written, and a request for too much is answered with 0", async () => {
    const guest = await Rv32Guest.start({ ramBytes: 16 * 2 ** 20, icount: false });
    const address = await guest.alloc(1000);
    expect(address % 64).toBe(0);
    const data = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);
    guest.write(address, data);
    expect(guest.read(address, 1000)).toEqual(data);
    expect(await guest.alloc(16 * 2 ** 20)).toBe(0);
    await guest.close();
  });

  test("calls are answered in order however they are made", async () => {
    const guest = await Rv32Guest.start({ icount: false });
    const versions = await Promise.all(Array.from({ length: 50 }, () => guest.call("syn_api_version")));
    expect(versions).toEqual(Array(50).fill(1));
    await guest.close();
  });

  test("an emulator that dies is noticed at once, and closing is still clean", async () => {
    const guest = await Rv32Guest.start({ icount: false });
    const waiting = Promise.all([guest.call("syn_api_version"), dies(guest)]);
    await waiting.catch(() => undefined);
    await expect(guest.call("syn_api_version")).rejects.toMatchObject({
      code: "STOPPED",
      message: expect.stringContaining("SIGKILL"),
    });
    await guest.close();
    await guest.close();
  });
});

/** Kills the emulator and waits until a call says so. */
async function dies(guest: Rv32Guest): Promise<void> {
  process.kill(guest.processId ?? 0, "SIGKILL");
  for (;;) await guest.call("syn_api_version");
}
