/**
 * Whom connections are counted for, as the core counts requests (client.zig): an IPv4 address, however it is written;
 * the first 64 bits of an IPv6 address, since whoever has one has as many as they like in the same network; but a
 * link-local one whole, where those bits are everybody's.
 */
export function clientOf(address: string): string {
  const plain = address.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain);
  if (mapped) return mapped[1] as string;
  if (!plain.includes(":")) return plain;
  if (/^fe80:/i.test(plain)) return plain.toLowerCase();
  const [before = "", after] = plain.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const head = groups(before);
  const tail = groups(after ?? "");
  const whole =
    after === undefined
      ? head
      : [...head, ...Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0"), ...tail];
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
