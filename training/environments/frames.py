"""Frames of environments: their size, and smaller ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

IMAGE = 224


def block_size(image: int) -> int:
    """How many pixels of a frame one of a frame of `image` pixels stands for. Throws ValueError where IMAGE is no
    multiple of it."""
    if image <= 0 or IMAGE % image != 0:
        raise ValueError(f"image size {image} does not divide {IMAGE}")
    return IMAGE // image


def shrink(frames: Tensor, k: int) -> Tensor:
    """uint8 [B, C, H, W] -> [B, C, H / k, W / k]: every block of k x k pixels replaced by its mean, rounded half up."""
    batch, channels, height, width = frames.shape
    total = frames.view(batch, channels, height // k, k, width // k, k).to(torch.int32).sum(dim=(3, 5))
    return ((total + k * k // 2) // (k * k)).to(torch.uint8)


def shrink_picture(picture: np.ndarray, k: int) -> np.ndarray:
    """The same for one picture, uint8 [H, W, C] -> [H / k, W / k, C], k at most 16."""
    height, width, channels = picture.shape
    rows = picture.reshape(height // k, k, width * channels).sum(axis=1, dtype=np.uint16)
    total = rows.reshape(height // k, width // k, k, channels).sum(axis=2, dtype=np.uint16)
    return ((total + np.uint16(k * k // 2)) // np.uint16(k * k)).astype(np.uint8)
