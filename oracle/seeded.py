"""Seeded numbers that Python and TypeScript agree on bit for bit (the twin is host/src/parity/seeded.ts).

A stream is named by a seed and a text. Element i of a stream depends on nothing but the two keys made from them and on
i, so tensors can be made in any order and in vectors. Everything is unsigned 32-bit arithmetic, then one float64
multiply, one float64 add and one rounding to float32: no math library is involved, which is what makes the bits equal
everywhere.

The mixer is `lowbias32` of Chris Wellons (https://nullprogram.com/blog/2018/07/31/, public domain); names are hashed by FNV-1a.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

FNV_BASIS_A = 0x811C9DC5
FNV_BASIS_B = 0x7EE3623A
FNV_PRIME = 0x01000193
MASK = 0xFFFFFFFF

# The sum of four independent uniforms of 16 bits: mean 4 * 65535 / 2, variance 4 * (65536^2 - 1) / 12.
SUM_MEAN = 131070
SUM_STD = math.sqrt((65536.0 * 65536.0 - 1.0) / 3.0)

CHUNK = 1 << 20


def _mix_int(x: int) -> int:
    x ^= x >> 16
    x = (x * 0x7FEB352D) & MASK
    x ^= x >> 15
    x = (x * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def _mix(x: np.ndarray) -> np.ndarray:
    """lowbias32 on a uint32 array; array arithmetic wraps without a warning."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def _fnv1a(text: str, basis: int) -> int:
    h = basis
    for byte in text.encode("utf-8"):
        h = ((h ^ byte) * FNV_PRIME) & MASK
    return h


@dataclass(frozen=True)
class Stream:
    """Words of the stream `name` under `seed` (0 .. 2^32 - 1)."""

    key_a: int
    key_b: int

    @staticmethod
    def of(name: str, seed: int) -> Stream:
        if not 0 <= seed <= MASK:
            raise ValueError(f"seed {seed} is not in 0..2^32-1")
        return Stream(
            _mix_int(_fnv1a(name, FNV_BASIS_A ^ _mix_int(seed))),
            _mix_int(_fnv1a(name, FNV_BASIS_B ^ _mix_int(seed ^ 0x9E3779B9))),
        )

    def words(self, start: int, count: int) -> np.ndarray:
        """uint32 [count]: the words at counters start, start + 1, ..."""
        counter = np.arange(start, start + count, dtype=np.uint32)
        return _mix(_mix(counter ^ np.uint32(self.key_a)) + np.uint32(self.key_b))


@dataclass(frozen=True)
class Distribution:
    """Values mean + std * n, n near-normal with variance 1 and |n| < 3.47. With `gain`, std is gain / sqrt(fan in).

    `outlier_one_in` > 0 multiplies about one value in that many by `outlier_scale`.
    """

    mean: float = 0.0
    std: float = 0.0
    gain: float = 0.0
    outlier_one_in: int = 0
    outlier_scale: float = 1.0


def normal(name: str, seed: int, count: int, distribution: Distribution, fan_in: int = 1) -> np.ndarray:
    """float32 [count]."""
    stream = Stream.of(name, seed)
    std = distribution.gain / math.sqrt(fan_in) if distribution.gain > 0 else distribution.std
    factor = std / SUM_STD
    out = np.empty(count, dtype=np.float32)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        pair = stream.words(2 * start, 2 * n).reshape(n, 2)
        total = (pair & np.uint32(0xFFFF)).sum(axis=1, dtype=np.int64) + (pair >> np.uint32(16)).sum(
            axis=1, dtype=np.int64
        )
        value = (total - SUM_MEAN).astype(np.float64) * factor + distribution.mean
        if distribution.outlier_one_in > 0:
            chosen = _mix(pair[:, 0] ^ pair[:, 1]) % np.uint32(distribution.outlier_one_in) == 0
            value = np.where(chosen, value * distribution.outlier_scale, value)
        out[start : start + n] = value.astype(np.float32)
    return out


# Patterns are tried in order, the first that is found in the name decides. The same table stands in
# host/src/parity/recipe.ts.
#
# The numbers make an untrained network behave like a trained one: queries and keys are large enough for attention to be
# far from uniform, a few LayerNorm channels are several times the others (the outliers that make int8 activations
# hard), nothing is zero that training would move, and latents come out with a standard deviation near 1.
RECIPE: list[tuple[re.Pattern[str], Distribution]] = [
    (re.compile(pattern), distribution)
    for pattern, distribution in [
        (r"running_mean$", Distribution(std=0.3)),
        (r"running_var$", Distribution(mean=1.0, std=0.2)),
        (r"(cls_token|pos_embedding|position_embeddings|mask_token)$", Distribution(std=0.5)),
        (r"layer_scale[12]\.lambda1$", Distribution(mean=0.6, std=0.15)),
        (r"adaLN_modulation\.1\.weight$", Distribution(gain=0.6)),
        (r"adaLN_modulation\.1\.bias$", Distribution(std=0.3)),
        (
            r"(norm|layernorm|layernorm_before|layernorm_after|norm1|norm2|mlp\.net\.0)\.weight$",
            Distribution(mean=1.0, std=0.15, outlier_one_in=48, outlier_scale=2.5),
        ),
        (r"(projector|pred_proj)\.net\.1\.weight$", Distribution(mean=1.0, std=0.15)),
        (r"patch_embeddings\.projection\.weight$", Distribution(gain=1.0)),
        (r"(query|key|q_proj|k_proj)\.weight$", Distribution(gain=1.3)),
        (r"(projector|pred_proj)\.net\.3\.weight$", Distribution(gain=1.5)),
        (r"bias$", Distribution(std=0.05)),
        (r"weight$", Distribution(gain=1.0)),
    ]
]


def distribution_of(name: str) -> Distribution:
    for pattern, distribution in RECIPE:
        if pattern.search(name):
            return distribution
    raise KeyError(f"no distribution for tensor {name!r}")


def tensor(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The seeded value of one state_dict tensor: float32, or int64 1000 for BatchNorm's counter, which inference does
    not read."""
    if name.endswith("num_batches_tracked"):
        return np.array(1000, dtype=np.int64)
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 1
    return normal(name, seed, math.prod(shape), distribution_of(name), fan_in).reshape(shape)


def state_dict(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    return {name: tensor(name, shape, seed) for name, shape in shapes.items()}


def image(name: str, seed: int, size: int) -> np.ndarray:
    """uint8 [size, size, 3]: two octaves of value noise, interpolated in integers, plus pixel noise of +-12.
    Size 1..1024."""
    if not 1 <= size <= 1024:
        raise ValueError(f"size {size} is not in 1..1024")
    out = np.empty((size, size, 3), dtype=np.uint8)
    for channel in range(3):
        coarse = _octave(f"{name}.{channel}.coarse", seed, size, 3)
        fine = _octave(f"{name}.{channel}.fine", seed, size, 11)
        noise = (Stream.of(f"{name}.{channel}.noise", seed).words(0, size * size) % np.uint32(25)).astype(np.int32) - 12
        value = ((coarse * 180 + fine * 76) >> 8) + noise.reshape(size, size)
        out[:, :, channel] = np.clip(value, 0, 255).astype(np.uint8)
    return out


def _octave(name: str, seed: int, size: int, cells: int) -> np.ndarray:
    """int32 [size, size] of 0..255: bilinear between (cells + 1)^2 random nodes, with weights of 8 bits."""
    nodes = (
        (Stream.of(name, seed).words(0, (cells + 1) * (cells + 1)) >> np.uint32(24))
        .astype(np.int32)
        .reshape(cells + 1, cells + 1)
    )
    position = (np.arange(size, dtype=np.int32) * (cells * 256)) // size
    cell, weight = position >> 8, position & 255
    y0, x0 = cell[:, None], cell[None, :]
    wy, wx = weight[:, None], weight[None, :]
    top = nodes[y0, x0] * (256 - wx) + nodes[y0, x0 + 1] * wx
    bottom = nodes[y0 + 1, x0] * (256 - wx) + nodes[y0 + 1, x0 + 1] * wx
    return (top * (256 - wy) + bottom * wy) >> 16


def actions(name: str, seed: int, steps: int, width: int) -> np.ndarray:
    """float32 [steps, width], as z-scored actions are: mean 0, standard deviation 1."""
    return normal(name, seed, steps * width, Distribution(std=1.0)).reshape(steps, width)
