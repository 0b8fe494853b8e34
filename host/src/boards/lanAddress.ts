import { networkInterfaces } from "node:os";
import type { BoardServer } from "synapse-sim";

/** Names of interfaces that lead to containers and virtual machines, not to a phone. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|tun|tap|wg|utun|llw|awdl)/;

/** The IPv4 address under which others in the local network reach this machine; undefined without a network. */
export function lanAddress(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): string | undefined {
  const candidates = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ family, internal, address }) => family === "IPv4" && !internal && !address.startsWith("169.254."))
      .map(({ address }) => ({ address, virtual: VIRTUAL.test(name) })),
  );
  const isPrivate = (address: string) => /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
  const rank = (candidate: { address: string; virtual: boolean }) =>
    (candidate.virtual ? 2 : 0) + (isPrivate(candidate.address) ? 0 : 1);
  return candidates.sort((a, b) => rank(a) - rank(b))[0]?.address;
}

/**
 * Where others in the local network reach a server; undefined when it is served to this machine alone, or there is no
 * network.
 */
export function networkUrl({ host, port, url }: BoardServer): string | undefined {
  const address = host === "0.0.0.0" || host === "::" ? lanAddress() : undefined;
  return address === undefined ? undefined : `${new URL(url).protocol}//${address}:${port}`;
}
