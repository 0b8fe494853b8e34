import type { ListedPort } from "./serialModule.js";

/** USB's vendor and product, in hexadecimal as the system writes them, and what such a port belongs to. */
const NAMES: Readonly<Record<string, string>> = {
  "303a:1001": "the chip's own USB port (Espressif USB-Serial/JTAG)",
  "303a:0012": "the chip's own USB port (Espressif USB-OTG)",
  "303a": "Espressif",
  "10c4:ea60": "USB bridge CP210x",
  "10c4": "Silicon Labs",
  "1a86:7522": "USB bridge CH340",
  "1a86:7523": "USB bridge CH340",
  "1a86:55d2": "USB bridge CH343",
  "1a86:55d3": "USB bridge CH343",
  "1a86:55d4": "USB bridge CH9102",
  "1a86": "WCH",
  "0403:6001": "USB bridge FT232R",
  "0403:6010": "USB bridge FT2232",
  "0403:6014": "USB bridge FT232H",
  "0403:6015": "USB bridge FT-X",
  "0403": "FTDI",
};

/** What is plugged in at a port, by its USB identity; undefined where it has none. */
export function usbName({ vendorId, productId, manufacturer }: ListedPort): string | undefined {
  if (vendorId === undefined) return undefined;
  const [vendor, product] = [vendorId.toLowerCase(), (productId ?? "").toLowerCase()];
  return NAMES[`${vendor}:${product}`] ?? NAMES[vendor] ?? manufacturer ?? `USB ${vendor}:${product}`;
}
