import type { Fact } from "./modelFacts.js";

export type Json = Readonly<Record<string, unknown>>;

/** Reads the first of several spellings of a key that has a value of the right type. */
export class Keys {
  private readonly config: Json;
  /** The file, and the part of it. */
  readonly at: string;
  constructor(config: Json, at: string) {
    this.config = config;
    this.at = at;
  }

  size(...keys: string[]): Fact<number> | undefined {
    return this.first(keys, (value) =>
      Number.isInteger(value) && (value as number) > 0 ? (value as number) : undefined,
    );
  }
  whole(...keys: string[]): Fact<number> | undefined {
    return this.first(keys, (value) =>
      Number.isInteger(value) && (value as number) >= 0 ? (value as number) : undefined,
    );
  }
  number(...keys: string[]): Fact<number> | undefined {
    return this.first(keys, (value) => (typeof value === "number" ? value : undefined));
  }
  /** A key that is true or false. */
  flag(...keys: string[]): Fact<boolean> | undefined {
    return this.first(keys, (value) => (typeof value === "boolean" ? value : undefined));
  }
  texts(...keys: string[]): Fact<readonly string[]> | undefined {
    return this.first(keys, (value) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string")
        ? (value as string[])
        : undefined,
    );
  }
  sizes(key: string): Fact<readonly number[]> | undefined {
    return this.first([key], (value) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => Number.isInteger(item) && item > 0)
        ? (value as number[])
        : undefined,
    );
  }
  list(key: string): Fact<readonly unknown[]> | undefined {
    return this.first([key], (value) => (Array.isArray(value) ? value : undefined));
  }
  /** A key that is there to say that there is nothing. */
  isNull(key: string): boolean {
    return Object.hasOwn(this.config, key) && this.config[key] === null;
  }
  /** The place of the first of these that has a value at all. */
  named(...keys: string[]): string | undefined {
    return this.first(keys, (value) => (value === null || value === undefined ? undefined : value))?.place;
  }
  /** The object under a key, read in the same way. */
  inner(key: string): Keys | undefined {
    const value = Object.hasOwn(this.config, key) ? this.config[key] : undefined;
    return isObject(value) ? new Keys(value as Json, `${this.at} ${key}`) : undefined;
  }
  text(...keys: string[]): Fact<string> | undefined {
    return this.first(keys, (value) => (typeof value === "string" ? value : undefined));
  }
  channels(key: string): Fact<readonly number[]> | undefined {
    return this.first([key], (value) => {
      const list = typeof value === "number" ? [value, value, value] : value;
      return Array.isArray(list) && list.length === 3 && list.every((item) => typeof item === "number")
        ? (list as number[])
        : undefined;
    });
  }
  /** A side, two sides, or an object of height and width. */
  pixels(key: string): Fact<readonly [number, number]> | undefined {
    return this.first([key], (value) => {
      const { height, width } = isObject(value) ? (value as Json) : { height: value, width: value };
      const sides = Array.isArray(value) && value.length === 2 ? value : [height, width];
      return sides.every((side) => Number.isInteger(side) && side > 0) ? (sides as [number, number]) : undefined;
    });
  }

  private first<Value>(keys: readonly string[], parse: (value: unknown) => Value | undefined): Fact<Value> | undefined {
    for (const key of keys) {
      const value = Object.hasOwn(this.config, key) ? parse(this.config[key]) : undefined;
      if (value !== undefined) return { value, place: `${this.at} ${key} ${shown(this.config[key])}` };
    }
    return undefined;
  }
}

export function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A list of a value a layer would fill a message. */
function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
