"""A small DINOv2 from Hugging Face `transformers` with seeded weights: the oracle of the second architecture."""

from __future__ import annotations

import re
from dataclasses import dataclass

import seeded
import torch
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model


@dataclass(frozen=True)
class Dimensions:
    image: int = 56
    patch: int = 14
    width: int = 64
    layers: int = 3
    heads: int = 4
    mlp: int = 192


SMALL = Dimensions()

# transformers >= 5 holds other names in memory than the published checkpoints do.
RENAMED = [
    (r"\.attention\.([qkv])_proj\.", lambda m: f".attention.attention.{dict(q='query', k='key', v='value')[m[1]]}."),
    (r"\.attention\.o_proj\.", lambda m: ".attention.output.dense."),
]


def published(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def build(d: Dimensions) -> Dinov2Model:
    config = Dinov2Config(
        hidden_size=d.width,
        num_hidden_layers=d.layers,
        num_attention_heads=d.heads,
        mlp_ratio=d.mlp // d.width,
        image_size=d.image,
        patch_size=d.patch,
    )
    return Dinov2Model(config).eval()


def shapes(d: Dimensions) -> dict[str, tuple[int, ...]]:
    """In the spelling of the published checkpoints, which is the one the seeded streams are named by."""
    return {published(name): tuple(value.shape) for name, value in build(d).state_dict().items()}


def load_seeded(d: Dimensions, seed: int) -> Dinov2Model:
    model = build(d)
    model.load_state_dict(
        {
            name: torch.from_numpy(seeded.tensor(published(name), tuple(value.shape), seed))
            for name, value in model.state_dict().items()
        }
    )
    return model.eval()


def tokens(model: Dinov2Model, pixels: Tensor) -> Tensor:
    """pixels [B, 3, H, W], normalised -> all tokens after the last LayerNorm [B, 1 + patches, width]; token 0 is the
    class token."""
    return model(pixels).last_hidden_state
