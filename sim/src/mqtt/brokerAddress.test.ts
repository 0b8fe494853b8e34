import { expect, test } from "vitest";
import { brokerAddress, shownAddress } from "./brokerAddress.js";

test.each([
  ["mqtt://10.0.0.2:1883", "mqtt://10.0.0.2:1883"],
  ["mqtts://broker.example", "mqtts://broker.example"],
  ["ws://b:8080/mqtt?x=1", "ws://b:8080/mqtt?x=1"],
  ["wss://[fe80::1]:443/mqtt", "wss://[fe80::1]:443/mqtt"],
  ["mqtt://b:1", "mqtt://b:1"],
  ["mqtt://b:65535", "mqtt://b:65535"],
])("%s", (address, url) => {
  expect(brokerAddress(address)).toEqual({ url, username: "", password: "" });
});

test("a user is taken out of the address, decoded", () => {
  expect(brokerAddress("mqtts://me:s%40cret@b:8883/x")).toEqual({ url: "mqtts://b:8883/x", username: "me", password: "s@cret" });
  expect(brokerAddress("mqtt://me@b")).toEqual({ url: "mqtt://b", username: "me", password: "" });
});

test.each([
  "",
  "b",
  "b:1883",
  "http://b",
  "mqtt://",
  "mqtt://:1883",
  "mqtt://b:",
  "mqtt://b:0",
  "mqtt://b:-1",
  "mqtt://b:65536",
  "mqtt://b:99999",
  "mqtt://b:18x3",
  "mqtt://a b",
  "mqtt://[::1",
  "mqtt://u:%zz@b",
])("%j is none", (address) => {
  expect(() => brokerAddress(address)).toThrow(expect.objectContaining({ code: "BROKER_URL" }));
});

test("a wrong address with a password in it is not shown", () => {
  for (const address of ["mqtt://me:s3cret@b:0", "mqtt://me:s3cret@", "http://me:s3cret@b", "ws://256.1.1.1/?key=s3cret"]) {
    expect(() => brokerAddress(address)).toThrow(expect.objectContaining({ message: expect.not.stringContaining("s3cret") }));
  }
});

test("a query is not shown", () => {
  expect(["ws://b:8080/mqtt?key=s3cret", "ws://b#s3cret", "mqtt://b:1883"].map(shownAddress)).toEqual([
    "ws://b:8080/mqtt?***",
    "ws://b?***",
    "mqtt://b:1883",
  ]);
});
