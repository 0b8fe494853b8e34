import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

export const PHONE = { width: 390, height: 844 };
export const ON_A_PHONE: BrowserContextOptions = { viewport: PHONE, hasTouch: true, isMobile: true };

/** The camera is the browser's own moving test picture. */
export const launchChromium = (executable: string | undefined): Promise<Browser> =>
  chromium.launch({
    executablePath: executable as string,
    args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
  });

export const card = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
export const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name });
export const widthOf = (page: Page) => page.evaluate("document.documentElement.scrollWidth");
export const file = (name: string, buffer: Uint8Array) => ({
  name,
  mimeType: "application/octet-stream",
  buffer: Buffer.from(buffer),
});

/** What the browser's console says that it should not. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  return complaints;
}

let axe: string | undefined;

/** What axe finds to be a serious hindrance, in the light and in the dark scheme. */
export async function hindrances(page: Page): Promise<string[]> {
  axe ??= readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const violations = (await page.evaluate("axe.run().then((result) => result.violations)")) as {
      id: string;
      impact: string;
      nodes: { html: string; failureSummary: string }[];
    }[];
    for (const { id, impact, nodes } of violations) {
      if (impact === "serious" || impact === "critical")
        found.push(
          `${colorScheme} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`,
        );
    }
  }
  return found;
}
