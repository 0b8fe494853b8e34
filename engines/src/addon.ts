import { createRequire } from "node:module";
import { buildFile } from "./builds.js";
import { EngineError } from "./errors.js";

const require = createRequire(import.meta.url);

/**
 * The packages that may have the addon of a system: Linux has two C libraries, and npm before version 10 installs both.
 */
export function addonPackages(platform: string, arch: string): readonly string[] {
  const name = `synapse-engine-${platform}-${arch}`;
  return platform === "linux" ? [`${name}-gnu`, `${name}-musl`] : [name];
}

/**
 * Loads the engine's addon: the one built here, or that of the package for this system. Throws an EngineError
 * `ADDON_MISSING` that says why there is none; the WASM engines work without.
 */
export function loadAddon(): unknown {
  const built = builtHere();
  if (built !== undefined) return load(() => require(built), "the addon that was built here");
  const reasons: string[] = [];
  for (const name of addonPackages(process.platform, process.arch)) {
    const path = resolved(name);
    if (path === undefined) continue;
    try {
      return require(path);
    } catch (cause) {
      reasons.push(`${name} cannot be loaded: ${(cause as Error).message.split("\n", 1)[0]}`);
    }
  }
  throw new EngineError("ADDON_MISSING", reasons.join("; ") || notInstalled());
}

function builtHere(): string | undefined {
  try {
    return buildFile("synapse.node");
  } catch {
    return undefined;
  }
}

function load(action: () => unknown, what: string): unknown {
  try {
    return action();
  } catch (cause) {
    throw new EngineError("ADDON_MISSING", `${what} cannot be loaded: ${(cause as Error).message.split("\n", 1)[0]}`);
  }
}

function resolved(name: string): string | undefined {
  try {
    return require.resolve(`${name}/synapse.node`);
  } catch {
    return undefined;
  }
}

function notInstalled(): string {
  const names = addonPackages(process.platform, process.arch).join(" or ");
  return `no addon for ${process.platform} on ${process.arch}: the optional package ${names} is not installed`;
}
