import {
  type Engine,
  type EngineName,
  openFastestEngine,
  openNativeEngine,
  openRv32Engine,
  openWasmEngine,
} from "synapse-engine";

/**
 * Opens one build of the runtime, or the fastest that this machine has when no name is given. Rejects with an
 * EngineError (`ADDON_MISSING`, `BUILD_MISSING`, `QEMU_MISSING`, ...) when it cannot run here.
 */
export async function openEngine(name: EngineName | undefined): Promise<Engine> {
  switch (name) {
    case undefined:
      return openFastestEngine();
    case "native":
      return openNativeEngine();
    case "wasm":
    case "wasm-baseline":
      return openWasmEngine(name);
    case "rv32":
      return openRv32Engine();
  }
}

export interface EngineStatus {
  readonly name: EngineName;
  readonly available: boolean;
  /** Instruction set of the inner loops. */
  readonly isa: string | undefined;
  /** Why it is not available. */
  readonly reason: string | undefined;
  readonly about: string;
}

const ABOUT: Readonly<Record<EngineName, string>> = {
  native: "Node addon, with threads",
  wasm: "WebAssembly with SIMD",
  "wasm-baseline": "WebAssembly without SIMD",
  rv32: "RV32IMAFC core emulated by QEMU; counts instructions",
};

/** Tries every build of the runtime, one after the other. */
export async function listEngines(): Promise<EngineStatus[]> {
  const found: EngineStatus[] = [];
  for (const name of Object.keys(ABOUT) as EngineName[]) {
    const about = ABOUT[name];
    try {
      const engine = await openEngine(name);
      found.push({ name, available: true, isa: engine.isa, reason: undefined, about });
      await engine.close();
    } catch (error) {
      found.push({ name, available: false, isa: undefined, reason: (error as Error).message, about });
    }
  }
  return found;
}
