import { describe, expect, test } from "vitest";
import { readCString } from "./guestCalls.js";
import { Rv32Guest } from "./rv32Guest.js";
import { qemuMissing } from "./testing/qemu.js";

/** Of syn_kernel_check on a machine with pointers of 32 bits: size, name, passed, a gap, ticks, macs. */
const CHECK_BYTES = 32;

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

  test("every kernel computes on the chip's instruction set what the generic ones compute elsewhere", async () => {
    const guest = await Rv32Guest.start({ icount: false });
    const [count, bytes] = [await guest.call("syn_kernel_check_count"), await guest.call("syn_kernel_check_bytes")];
    const [memory, check] = [await guest.alloc(bytes), await guest.alloc(CHECK_BYTES)];
    const results: Record<string, boolean> = {};
    for (let index = 0; index < count; index++) {
      guest.write(check, new Uint8Array(new Uint32Array([CHECK_BYTES, 0, 0, 0, 0, 0, 0, 0]).buffer));
      expect(await guest.call("syn_kernel_check_run", index, memory, bytes, 0, 0, check)).toBe(0);
      const [, name = 0, passed] = new Uint32Array(guest.read(check, CHECK_BYTES).slice().buffer);
      results[readCString(guest, name)] = passed === 1;
    }
    expect(Object.keys(results)).toContain("linear i8");
    expect(Object.entries(results).filter(([, passed]) => !passed)).toEqual([]);
    expect(Object.keys(results)).toHaveLength(count);
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
