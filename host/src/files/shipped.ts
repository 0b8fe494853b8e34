import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SUFFIX = ".json";
/** Models and boards that only tests know. */
const FOR_TESTS = /-test$/;

/**
 * JSON files that come with the program, known by their names: those of `folder` in a published package, and else
 * beside this project's packages.
 */
export class Shipped {
  readonly #folder: string;

  constructor(folder: "boards" | "configs") {
    const places = [new URL(`../../${folder}/`, import.meta.url), new URL(`../../../${folder}/`, import.meta.url)].map(
      (url) => fileURLToPath(url),
    );
    this.#folder = places.find((place) => existsSync(place)) ?? (places[0] as string);
  }

  /** The names that are offered, in their order. */
  names(): string[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .filter((name) => !FOR_TESTS.test(name))
      .sort();
  }

  path(name: string): string {
    return join(this.#folder, `${name}${SUFFIX}`);
  }

  /**
   * The path of what somebody named: a file of theirs, or else one of these. Undefined for what looks like a name and
   * is none of them; a path that leads nowhere is answered as it is.
   */
  find(pathOrName: string): string | undefined {
    if (existsSync(pathOrName) || !/^[\w-]+$/.test(pathOrName)) return pathOrName;
    const known = this.path(pathOrName);
    return existsSync(known) ? known : undefined;
  }
}
