import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { lanAddress } from "./lanAddress.js";

const address = (text: string, internal = false): NetworkInterfaceInfo =>
  ({ address: text, family: "IPv4", internal, netmask: "", mac: "", cidr: null }) as NetworkInterfaceInfo;

test("a home network wins over containers and public addresses", () => {
  const interfaces = {
    lo: [address("127.0.0.1", true)],
    docker0: [address("172.17.0.1")],
    eth1: [address("8.8.4.4")],
    wlan0: [address("192.168.1.20")],
  };
  expect(lanAddress(interfaces)).toBe("192.168.1.20");
});

test("a container's address is better than none, and none is said", () => {
  expect(lanAddress({ docker0: [address("172.17.0.1")] })).toBe("172.17.0.1");
  expect(lanAddress({ lo: [address("127.0.0.1", true)] })).toBeUndefined();
});
