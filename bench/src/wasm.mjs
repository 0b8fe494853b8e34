import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as ort from "onnxruntime-web/wasm";
import { openWasmEngine } from "synapse-engine";
import { compareTimes, interleave, median } from "./interleave.mjs";
import { agreement, floats, lewmImage, lewmOnnx, lewmPack } from "./lewm.mjs";

/** Time of Synapse over time of onnxruntime-web, at most. */
const RATIO_MAX = 1.2;
const ORT_WASM = "ort-wasm-simd-threaded.wasm";

/** The true encoder and projector in WebAssembly with SIMD, int8, one thread, beside onnxruntime-web. */
export async function wasmSection({ quick, progress }) {
  progress("wasm: making both models");
  const engine = await openWasmEngine("wasm");
  const model = await engine.openModel(await lewmPack("i8"));
  const session = await model.createSession();
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  const ortWasm = createRequire(import.meta.url).resolve(`onnxruntime-web/${ORT_WASM}`);
  ort.env.wasm.wasmBinary = readFileSync(ortWasm);
  const other = await ort.InferenceSession.create(await lewmOnnx("int8"), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const { rgb, planes, shape } = lewmImage();
  const feeds = { pixels: new ort.Tensor("float32", planes, shape) };
  const synapse = () => session.run("encode", [rgb]);
  const onnxRuntimeWeb = () => other.run(feeds);
  const near = await agreement(
    async (pixels) => floats((await session.run("encode", [pixels]))[0]),
    async (pixels, dims) => (await other.run({ pixels: new ort.Tensor("float32", pixels, dims) })).latent.data,
  );
  progress("wasm i8, 1 thread");
  const times = await interleave({ synapse, onnxRuntimeWeb }, { runs: quick ? 5 : 15, warmups: 2 });
  await other.release();
  await engine.close();
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
  return {
    isa: engine.isa,
    onnxRuntimeWeb: ort.env.versions?.web,
    rows: [
      {
        type: "i8",
        threads: 1,
        ...compareTimes(times.synapse, times.onnxRuntimeWeb),
        ratioMax: RATIO_MAX,
        synapseMsP50: median(times.synapse),
        onnxRuntimeMsP50: median(times.onnxRuntimeWeb),
        ...near,
      },
    ],
    sizes: [
      { file: "synapse.wasm", ...sizes(join(root, "zig-out", "synapse.wasm")) },
      { file: ORT_WASM, ...sizes(ortWasm) },
    ],
  };
}

function sizes(path) {
  return { bytes: statSync(path).size, gzipBytes: gzipSync(readFileSync(path)).length };
}
