/** Text from a file or from the network must neither break the line nor move the cursor. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
