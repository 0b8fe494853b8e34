"""LeWM for the oracle: the model of `training/model.py` with seeded weights, and a small size for quick tests."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.model import IMAGE_MEAN, IMAGE_STD, TRUE, Dimensions, LeWM, preprocess, shapes  # noqa: E402

__all__ = ["IMAGE_MEAN", "IMAGE_STD", "SMALL", "TRUE", "Dimensions", "LeWM", "load_seeded", "preprocess", "shapes"]

SMALL = Dimensions(
    image=28,
    patch=7,
    width=32,
    encoder_layers=2,
    encoder_heads=2,
    encoder_mlp=64,
    predictor_layers=2,
    predictor_heads=4,
    predictor_head_dim=16,
    predictor_mlp=96,
    action_hidden=128,
    projector_hidden=64,
)


def load_seeded(dimensions: Dimensions, seed: int) -> LeWM:
    import seeded

    model = LeWM(dimensions)
    model.load_state_dict(
        {name: torch.from_numpy(value) for name, value in seeded.state_dict(shapes(dimensions), seed).items()}
    )
    return model.eval()
