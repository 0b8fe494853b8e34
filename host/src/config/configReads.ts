import { configError } from "./configError.js";

/** Keys that say what something is: the form of a config is checked by them, and people read them. */
const SAID_ALOUD: ReadonlySet<string> = new Set(["name", "kind", "description", "licence"]);

type Json = Readonly<Record<string, unknown>>;

/**
 * Remembers which keys of a parsed config were read. A key that is valid by its form and that nothing reads has no
 * effect, so whoever wrote it expects another model than the one that is made.
 */
export class ConfigReads<Config extends object> {
  /** The config; reading through it is what counts as a read. */
  readonly config: Config;
  private readonly given: unknown;
  private readonly source: string;
  private readonly parsed: Config;
  private readonly read = new WeakMap<object, Set<string>>();
  private readonly wrapped = new WeakMap<object, object>();

  /** `given` is the value that `parsed` was made of: defaults, which nobody wrote, need not have an effect. */
  constructor(given: unknown, parsed: Config, source: string) {
    this.given = given;
    this.source = source;
    this.parsed = parsed;
    this.config = this.wrap(parsed) as Config;
  }

  /**
   * Throws `CONFIG_UNUSED` with the JSON path of the first key below `sections` (the whole config when absent) that
   * nothing has read.
   */
  requireAllRead(sections?: readonly string[]): void {
    const [given, parsed] = [this.given as Json, this.parsed as unknown as Json];
    const unused = (sections ?? Object.keys(given))
      .filter((key) => given[key] !== undefined)
      .map((key) => (this.isRead(parsed, key) ? this.firstUnread(given[key], parsed[key], key) : key))
      .find((path) => path !== undefined);
    if (unused === undefined) return;
    throw unusedKey({ configSource: this.source }, unused);
  }

  private firstUnread(given: unknown, parsed: unknown, path: string): string | undefined {
    if (typeof given !== "object" || given === null || typeof parsed !== "object" || parsed === null) return undefined;
    for (const [key, value] of Object.entries(given)) {
      const inner = Array.isArray(given) ? `${path}[${key}]` : `${path}.${key}`;
      if (!Array.isArray(given) && value !== undefined && !this.isRead(parsed, key)) return inner;
      const unread = this.firstUnread(value, (parsed as Json)[key], inner);
      if (unread !== undefined) return unread;
    }
    return undefined;
  }

  private isRead(parsed: object, key: string): boolean {
    return SAID_ALOUD.has(key) || (this.read.get(parsed)?.has(key) ?? false);
  }

  private wrap(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.wrap(item));
    if (typeof value !== "object" || value === null) return value;
    const known = this.wrapped.get(value);
    if (known !== undefined) return known;
    const seen = new Set<string>();
    const proxy = new Proxy(value, {
      get: (target, key, receiver) => {
        if (typeof key === "string") seen.add(key);
        return this.wrap(Reflect.get(target, key, receiver));
      },
    });
    this.read.set(value, seen);
    this.wrapped.set(value, proxy);
    return proxy;
  }
}

/** The error for a key that nothing reads. */
export function unusedKey(lowering: { readonly configSource: string }, where: string, message = "has no effect here") {
  return configError(
    lowering,
    "CONFIG_UNUSED",
    where,
    message,
    "the key removed, or the option that uses it switched on",
  );
}
