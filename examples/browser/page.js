import { openWasmEngine, TriangleResizer } from "synapse-engine";

const engine = await openWasmEngine("wasm", "synapse.wasm");
const model = await engine.openModel(new Uint8Array(await (await fetch("model.syn")).arrayBuffer()));
const session = await model.createSession();
const [height, width] = model.info.entries.find(({ name }) => name === "encode").inputs[0].shape;

document.querySelector("input").addEventListener("change", async ({ target }) => {
  const picture = await createImageBitmap(target.files[0]);
  const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
  const resizer = new TriangleResizer(picture, { width, height }, 4);
  for (let at = 0; at < data.length; at += 4 * picture.width) resizer.addRow(data.subarray(at, at + 4 * picture.width));
  const [latent] = await session.run("encode", [resizer.rgb()]);
  document.querySelector("output").textContent = new Float32Array(latent.buffer).join(" ");
});
document.querySelector("output").textContent = "ready";
