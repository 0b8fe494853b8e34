"""Training the encoder on some of a frame's patches, where all of them cost more than there is to spend.

Most patches of most frames show the background and tell nothing. The encoder gets every patch that differs most from
the background and a random few of the rest; in attention each of these few counts for as many patches as it was drawn
from (its scores grow by the logarithm of that number), so that the sums approximate those over all patches. After
PatchDropout (Liu et al. 2022, arXiv 2208.07220), with importance sampling in the place of dropping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Encoder, normalize


@dataclass(frozen=True)
class PatchSample:
    """`salient` patches that differ most from `background` (uint8 [3, H, W]: the median of many frames), and `others`
    of the rest at random."""

    background: Tensor
    patch: int
    salient: int
    others: int

    def choose(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """pixels uint8 [B, 3, H, W] -> patch numbers int64 [B, salient + others], the salient ones first."""
        difference = torch.maximum(pixels, self.background) - torch.minimum(pixels, self.background)
        score = F.avg_pool2d(difference.float(), self.patch).mean(dim=1).flatten(1)
        first = score.topk(self.salient, dim=1).indices
        # Random keys, with the salient patches' beyond reach: the largest are a sample without replacement. All frames
        # of a batch share them: a sample of its own would give each frame's latent a part that nothing predicts.
        keys = (
            torch.rand(score.shape[1], generator=generator).to(score.device).expand(score.shape).scatter(1, first, -1.0)
        )
        return torch.cat([first, keys.topk(self.others, dim=1).indices], dim=1)

    def key_bias(self, patches: int) -> Tensor:
        """[1 + salient + others], the class token first."""
        bias = torch.zeros(1 + self.salient + self.others)
        bias[1 + self.salient :] = math.log((patches - self.salient) / self.others)
        return bias


def encode_sampled(encoder: Encoder, pixels: Tensor, chosen: Tensor, key_bias: Tensor) -> Tensor:
    """Class tokens [B, width] from the patches `chosen` [B, K] of pixels uint8 [B, 3, H, W]. With all patches chosen
    and bias 0 they are the encoder's."""
    patch = encoder.embeddings.patch_embeddings.projection.kernel_size[0]
    embeddings, side = encoder.embeddings, pixels.shape[-1] // patch
    squares = pixels.unflatten(3, (side, patch)).unflatten(2, (side, patch)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    squares = squares[torch.arange(len(pixels), device=pixels.device).unsqueeze(1), chosen]
    squares = normalize(squares).flatten(2)
    projection = embeddings.patch_embeddings.projection
    tokens = (
        F.linear(squares, projection.weight.flatten(1), projection.bias) + embeddings.position_embeddings[0, 1 + chosen]
    )
    first = (embeddings.cls_token + embeddings.position_embeddings[:, :1]).expand(len(pixels), -1, -1)
    hidden = encoder.encoder(torch.cat([first, tokens], dim=1), key_bias.to(tokens.device))
    return encoder.layernorm(hidden)[:, 0]
