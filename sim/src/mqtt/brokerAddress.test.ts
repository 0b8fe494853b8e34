import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { brokerAddress, shownAddress } from "./brokerAddress.js";

/** The device core's test reads the same table. */
const CASES = JSON.parse(
  readFileSync(
    new URL("../../../firmware/components/synapse/core/routes/settings/broker_address_cases.json", import.meta.url),
    "utf8",
  ),
) as { readonly valid: { readonly address: string }[]; readonly invalid: string[] };

test.each(CASES.valid)("$address is an address", ({ address, ...parts }) => {
  expect(brokerAddress(address)).toEqual(parts);
});

test.each(CASES.invalid)("%j is none", (address) => {
  expect(() => brokerAddress(address)).toThrow(expect.objectContaining({ code: "BROKER_URL" }));
});

test("a wrong address with a password in it is not shown", () => {
  for (const address of [
    "mqtt://me:s3cret@b:0",
    "mqtt://me:s3cret@",
    "http://me:s3cret@b",
    "ws://256.1.1.1/?key=s3cret",
  ]) {
    expect(() => brokerAddress(address)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("s3cret") }),
    );
  }
});

test("a query is not shown", () => {
  expect(["ws://b:8080/mqtt?key=s3cret", "ws://b#s3cret", "mqtt://b:1883"].map(shownAddress)).toEqual([
    "ws://b:8080/mqtt?***",
    "ws://b?***",
    "mqtt://b:1883",
  ]);
});
