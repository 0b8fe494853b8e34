import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** Interfaces of virtual machines and containers: their addresses mean nothing to a phone. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|utun|tun|tap|wg|zt|llw|awdl)/;

/**
 * The IPv4 address under which other devices on the local network most likely reach this machine; undefined when there is none.
 * Private ranges come before others, real interfaces before virtual ones.
 */
export function lanAddress(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces()): string | undefined {
  const candidates = Object.entries(interfaces)
    .flatMap(([name, addresses]) => (addresses ?? []).map((entry) => ({ name, ...entry })))
    .filter(({ family, internal, address }) => family === "IPv4" && !internal && !address.startsWith("169.254."));
  const rank = ({ name, address }: { name: string; address: string }) => (VIRTUAL.test(name) ? 2 : 0) + (isPrivate(address) ? 0 : 1);
  return candidates.sort((a, b) => rank(a) - rank(b))[0]?.address;
}

function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
}
