/** The element of the page with an id, whose kind is as the page has it. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as Kind;
}

export const inputOf = (id: string): HTMLInputElement => byId<HTMLInputElement>(id);
export const selectOf = (id: string): HTMLSelectElement => byId<HTMLSelectElement>(id);

/** Shows an element with a text, or hides it without one. */
export function say(id: string, text: string | undefined): void {
  const element = byId(id);
  element.hidden = text === undefined;
  element.textContent = text ?? "";
}

/** What went wrong in words; what is no InputError says what it says. */
export function wordsOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: unknown };
  return `${message ?? String(error)}${typeof code === "string" ? ` [${code}]` : ""}`;
}
