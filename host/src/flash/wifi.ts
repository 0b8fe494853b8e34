import { inputError } from "../files/inputError.js";

/** IEEE 802.11's bounds, in bytes: an emoji has four. */
const SSID_BYTES_MAX = 32;
const PASSWORD_BYTES_MIN = 8;
const PASSWORD_BYTES_MAX = 63;

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Throws an InputError `WIFI_SSID`. */
export function checkSsid(ssid: string): void {
  const bytes = bytesOf(ssid);
  if (bytes > 0 && bytes <= SSID_BYTES_MAX) return;
  const message = bytes === 0 ? "the network's name is empty" : `the network's name has ${bytes} bytes in UTF-8`;
  throw inputError("--wifi", "WIFI_SSID", message, { expected: `1 to ${SSID_BYTES_MAX} bytes (an emoji has 4)` });
}

/** Throws an InputError `WIFI_PASSWORD`, which does not say it. */
export function checkWifiPassword(password: string): void {
  const bytes = bytesOf(password);
  if (bytes >= PASSWORD_BYTES_MIN && bytes <= PASSWORD_BYTES_MAX) return;
  const message =
    bytes === 0 ? "the password is empty" : `the password has ${bytes} ${bytes === 1 ? "byte" : "bytes"} in UTF-8`;
  throw inputError("Wi-Fi password", "WIFI_PASSWORD", message, {
    expected: `${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} bytes; --open-wifi is for a network without one`,
  });
}
