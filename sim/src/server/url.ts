/** Where something listens, with the brackets that an IPv6 address needs. */
export function urlOf(scheme: "http" | "https" | "mqtt", host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
