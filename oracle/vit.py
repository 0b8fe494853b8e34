"""ViT-tiny with a classifier from Hugging Face `transformers` with seeded weights: the oracle of
configs/vit-tiny-classifier.json."""

from __future__ import annotations

import re
from dataclasses import dataclass

import seeded
import torch
from torch import Tensor
from transformers import ViTConfig, ViTForImageClassification

IMAGE_MEAN = (0.5, 0.5, 0.5)
IMAGE_STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Dimensions:
    image: int = 224
    patch: int = 16
    width: int = 192
    layers: int = 12
    heads: int = 3
    mlp: int = 768
    classes: int = 1000


TINY = Dimensions()

# transformers >= 5 holds other names in memory than the published checkpoints do.
RENAMED = [
    (r"^vit\.layers\.", "vit.encoder.layer."),
    (r"\.attention\.q_proj\.", ".attention.attention.query."),
    (r"\.attention\.k_proj\.", ".attention.attention.key."),
    (r"\.attention\.v_proj\.", ".attention.attention.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
]


def published(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def build(d: Dimensions) -> ViTForImageClassification:
    config = ViTConfig(
        hidden_size=d.width,
        num_hidden_layers=d.layers,
        num_attention_heads=d.heads,
        intermediate_size=d.mlp,
        image_size=d.image,
        patch_size=d.patch,
        num_labels=d.classes,
    )
    return ViTForImageClassification(config).eval()


def shapes(d: Dimensions) -> dict[str, tuple[int, ...]]:
    """In the spelling of the published checkpoints, which is the one the seeded streams are named by."""
    return {published(name): tuple(value.shape) for name, value in build(d).state_dict().items()}


def load_seeded(d: Dimensions, seed: int) -> ViTForImageClassification:
    model = build(d)
    model.load_state_dict(
        {
            name: torch.from_numpy(seeded.tensor(published(name), tuple(value.shape), seed))
            for name, value in model.state_dict().items()
        }
    )
    return model.eval()


def logits(model: ViTForImageClassification, pixels: Tensor) -> Tensor:
    """pixels [B, 3, H, W], normalised -> [B, classes]."""
    return model(pixels).logits
