import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinSignature, SIGNATURE_BYTES, splitSignature } from "../format/signatureBlock.js";
import { readPack } from "../pack/readPack.js";
import { codeOf } from "../testing/codeOf.js";
import { signPack, updateKeyId, updateKeyPoint, verifyPack } from "./signPack.js";

const pack = new Uint8Array(readFileSync(new URL("../../../sim/fixtures/lewm-test.syn", import.meta.url)));
const pair = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const trusted = pair();
const stranger = pair();
const idOf = ({ publicKey }: ReturnType<typeof pair>) => updateKeyId(updateKeyPoint(publicKey));

describe("a signed pack", () => {
  const signed = signPack(pack, trusted.privateKey, "m.syn");

  it("is the pack, unchanged, and 96 bytes", () => {
    expect(signed.length).toBe(pack.length + SIGNATURE_BYTES);
    expect(splitSignature(signed).pack).toEqual(pack);
  });

  it("is verified by the key that signed it, among others", () => {
    expect(verifyPack(signed, [stranger.publicKey, trusted.publicKey], "m.syn")).toBe(idOf(trusted));
  });

  it("is read as the pack is, and says whose signature it carries", () => {
    const [alone, read] = [readPack(pack, "m.syn"), readPack(signed, "m.syn")];
    expect(read.signedBy).toBe(idOf(trusted));
    expect(alone.signedBy).toBeUndefined();
    expect([read.fileBytes, read.sha256, read.header]).toEqual([alone.fileBytes, alone.sha256, alone.header]);
  });

  it("signed again, carries the later signature alone", () => {
    const again = signPack(signed, stranger.privateKey, "m.syn");
    expect(again.length).toBe(signed.length);
    expect(verifyPack(again, [stranger.publicKey], "m.syn")).toBe(idOf(stranger));
  });

  it("is refused by name of what is wrong", () => {
    expect(codeOf(() => verifyPack(pack, [trusted.publicKey], "m.syn"))).toBe("SIGNATURE_MISSING");
    expect(codeOf(() => verifyPack(signed, [stranger.publicKey], "m.syn"))).toBe("SIGNATURE_KEY_UNKNOWN");
    const block = {
      keyId: idOf(trusted),
      value: splitSignature(signPack(pack, stranger.privateKey, "m.syn")).signature?.value as Uint8Array,
    };
    expect(codeOf(() => verifyPack(joinSignature(pack, block), [trusted.publicKey], "m.syn"))).toBe("SIGNATURE_WRONG");
  });

  it("is found out for any bit that changes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: signed.length * 8 - 1 }), (bit) => {
        const copy = signed.slice();
        copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(codeOf(() => verifyPack(copy, [trusted.publicKey], "m.syn"))).toMatch(/^(PACK|SIGNATURE)_/);
      }),
      { numRuns: 300, examples: Array.from({ length: SIGNATURE_BYTES }, (_, i): [number] => [(pack.length + i) * 8]) },
    );
  });

  it("is not made of what is no pack", () => {
    expect(codeOf(() => signPack(new Uint8Array(200), trusted.privateKey, "m.syn"))).toMatch(/^PACK_/);
    expect(codeOf(() => signPack(pack.subarray(0, -1), trusted.privateKey, "m.syn"))).toMatch(/^PACK_/);
  });
});
