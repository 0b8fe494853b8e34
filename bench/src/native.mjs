import * as ort from "onnxruntime-node";
import { allocateAligned, openNativeEngine } from "synapse-engine";
import { compareTimes, interleave, median } from "./interleave.mjs";
import { agreement, floats, lewmImage, lewmOnnx, lewmPack } from "./lewm.mjs";

/** Time of Synapse over time of ONNX Runtime, at most. */
const RATIO_MAX = { i8: 1.5, f32: 1.5 };
const CASES = [
  { type: "i8", onnx: "int8" },
  { type: "f32", onnx: "f32" },
];

/** The true encoder and projector on this processor, Synapse beside ONNX Runtime, with as many threads each. */
export async function nativeSection({ quick, progress }) {
  const engine = await openNativeEngine();
  const { rgb, planes, shape } = lewmImage();
  const rows = [];
  for (const { type, onnx } of CASES) {
    progress(`native ${type}: making both models`);
    const pack = await lewmPack(type);
    const file = allocateAligned(pack.length);
    file.set(pack);
    const model = await engine.openModel(file);
    const graph = await lewmOnnx(onnx);
    for (const threads of [1, 2]) {
      progress(`native ${type}, ${threads} thread${threads > 1 ? "s" : ""}`);
      const session = await model.createSession({ threads });
      const other = await ort.InferenceSession.create(graph, {
        executionProviders: ["cpu"],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
      });
      const feeds = { pixels: new ort.Tensor("float32", planes, shape) };
      const synapse = () => session.run("encode", [rgb]);
      const onnxRuntime = () => other.run(feeds);
      const near = await agreement(
        async (pixels) => floats((await session.run("encode", [pixels]))[0]),
        async (pixels, dims) => (await other.run({ pixels: new ort.Tensor("float32", pixels, dims) })).latent.data,
      );
      const times = await interleave({ synapse, onnxRuntime }, { runs: quick ? 9 : 31 });
      rows.push({
        type,
        threads,
        ...compareTimes(times.synapse, times.onnxRuntime),
        ratioMax: RATIO_MAX[type],
        synapseMsP50: median(times.synapse),
        onnxRuntimeMsP50: median(times.onnxRuntime),
        ...near,
      });
      await session.close();
      await other.release();
    }
    await model.close();
  }
  return { isa: engine.isa, onnxRuntime: ort.env.versions?.node, rows };
}
