import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { describe, expect, test } from "vitest";
import { buildFile } from "./builds.js";
import { engineSuite } from "./engineSuite.js";
import { createWasmEngine } from "./wasm.js";
import { openWasmEngine } from "./wasmNode.js";

engineSuite("WASM with SIMD", { open: () => openWasmEngine("wasm"), mutations: 100, everyHeaderByte: true });
engineSuite("WASM without SIMD", { open: () => openWasmEngine("wasm-baseline"), mutations: 100 });

describe("what a browser loads", () => {
  test("the engine is at most 160 KB, and 184 KB where every vector is spelt out", async () => {
    expect((await stat(buildFile("synapse.wasm"))).size).toBeLessThanOrEqual(160_000);
    expect((await stat(buildFile("synapse-baseline.wasm"))).size).toBeLessThanOrEqual(184_000);
  });

  test("the wrapper is at most 32 KB, minified or not, and needs nothing of Node", async () => {
    const bundle = await rolldown({ input: fileURLToPath(new URL("./wasm.ts", import.meta.url)), platform: "browser" });
    for (const minify of [false, true]) {
      const { output } = await bundle.generate({ format: "esm", minify });
      expect(output).toHaveLength(1);
      expect(output[0].imports).toEqual([]);
      expect(Buffer.byteLength(output[0].code)).toBeLessThanOrEqual(32 * 1024);
    }
    await bundle.close();
  });

  test("the module imports a clock and nothing else", async () => {
    const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { Module: WasmModuleApi } };
    for (const name of ["synapse.wasm", "synapse-baseline.wasm"]) {
      const imports = wasm.Module.imports(new wasm.Module(await readFile(buildFile(name))));
      expect(imports).toEqual([{ module: "env", name: "syn_clock_ns", kind: "function" }]);
    }
  });

  test("bytes that are no module are refused", async () => {
    await expect(createWasmEngine(new Uint8Array(100))).rejects.toMatchObject({ code: "BUILD" });
  });

  test("a server that answers a page for the module is named, with what it answered", async () => {
    const server = createServer((request, response) => {
      if (request.url === "/gone.wasm") return response.writeHead(404).end();
      return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Home</title>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await expect(openWasmEngine("wasm", `${site}/synapse.wasm`)).rejects.toMatchObject({
        code: "BUILD",
        message: [
          `${site}/synapse.wasm answers 34 bytes of text/html, `,
          'which begin with "<!doctype html><title>Home</title>"; expected the WASM build',
        ].join(""),
      });
      await expect(openWasmEngine("wasm", `${site}/gone.wasm`)).rejects.toMatchObject({
        code: "BUILD_MISSING",
        message: `${site}/gone.wasm answers 404; expected the WASM build`,
      });
    } finally {
      server.close();
    }
  });
});

interface WasmModuleApi {
  new (bytes: Uint8Array): object;
  imports(module: object): { readonly module: string; readonly name: string; readonly kind: string }[];
}
