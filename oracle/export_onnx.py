"""Exports LeWM's encoder and projector with seeded weights to ONNX, f32 and dynamic int8, for benchmarks against other
runtimes.

Run: python oracle/export_onnx.py FOLDER [--check] [--twin F32 INT8]

Writes FOLDER/lewm-encoder-f32.onnx and FOLDER/lewm-encoder-int8.onnx: input `pixels` f32 [1, 3, 224, 224], normalised;
outputs `class_token` and `latent`, f32 [1, 192]. With --check, every .onnx file in FOLDER with these inputs and outputs
(also those written by host/src/parity/onnxEncoder.ts) is run in onnxruntime and compared with PyTorch. With --twin,
INT8 (written without Python) must be what quantize_dynamic makes of F32: every constant equal, and the outputs equal
bit for bit; exit code 1 otherwise."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import lewm
import numpy as np
import onnx
import onnxruntime
import seeded
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

SEED = 1
OPSET = 20


class EncoderWithProjector(nn.Module):
    def __init__(self, model: lewm.LeWM) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        class_token = self.model.encoder(pixels)
        return class_token, self.model.projector(class_token)


def export(folder: Path, model: lewm.LeWM) -> None:
    f32 = folder / "lewm-encoder-f32.onnx"
    pixels = torch.zeros(1, 3, model.dimensions.image, model.dimensions.image)
    torch.onnx.export(
        EncoderWithProjector(model).eval(),
        (pixels,),
        str(f32),
        input_names=["pixels"],
        output_names=["class_token", "latent"],
        opset_version=OPSET,
        dynamo=False,
    )
    quantize(f32, folder / "lewm-encoder-int8.onnx")


def quantize(source: Path, target: Path) -> None:
    # Only MatMul: attention between activations stays f32 and the 14x14 convolution has no fast integer form.
    quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)


def check(folder: Path, model: lewm.LeWM) -> None:
    images = np.stack([seeded.image(f"image.{i}", SEED, model.dimensions.image) for i in range(3)])
    pixels = lewm.preprocess(images)
    expected = dict(zip(("class_token", "latent"), EncoderWithProjector(model)(pixels), strict=True))
    for file in sorted(folder.glob("*.onnx")):
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for name, values in expected.items():
            got = torch.from_numpy(
                np.concatenate([session.run([name], {"pixels": image[None].numpy()})[0] for image in pixels])
            )
            cosine = torch.cosine_similarity(got, values, dim=1).min().item()
            print(
                f"{file.name:28} {file.stat().st_size:9} bytes  {name:11} max difference "
                f"{(got - values).abs().max().item():.2e}  cosine {cosine:.6f}"
            )


def is_twin(f32: Path, int8: Path, model: lewm.LeWM) -> bool:
    pixels = lewm.preprocess(seeded.image("image.0", SEED, model.dimensions.image)[None]).numpy()
    with tempfile.TemporaryDirectory() as folder:
        quantized = Path(folder) / "quantized.onnx"
        quantize(f32, quantized)
        constants, outputs = [], []
        for file in (int8, quantized):
            onnx.checker.check_model(onnx.load(file), full_check=True)
            constants.append({i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(file).graph.initializer})
            outputs.append(
                onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(
                    None, {"pixels": pixels}
                )
            )
    ours, theirs = constants
    # Names that only one side has are sizes of reshapes and the like; those that both have are the weights.
    differing = [name for name in ours if name in theirs and not np.array_equal(ours[name], theirs[name])]
    equal = all(np.array_equal(a, b) for a, b in zip(*outputs, strict=True))
    print(
        f"{int8.name}: {len(ours.keys() & theirs.keys())} constants in common, {len(differing)} differ; outputs "
        f"{'equal' if equal else 'differ'}"
    )
    return equal and not differing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Exports LeWM's encoder with seeded weights to ONNX.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="run every .onnx file in the folder and compare with PyTorch"
    )
    parser.add_argument(
        "--twin",
        type=Path,
        nargs=2,
        metavar=("F32", "INT8"),
        help="hold an int8 graph against quantize_dynamic of its f32 one",
    )
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    lewm_model = lewm.load_seeded(lewm.TRUE, SEED)
    export(arguments.folder, lewm_model)
    if arguments.check:
        check(arguments.folder, lewm_model)
    if arguments.twin and not is_twin(*arguments.twin, lewm_model):
        sys.exit(1)
