"""LeWM.rollout for planning, which asks for the predictions of thousands of action sequences: the same numbers for two
thirds of the work.

While the history is not full, positions stay where they are and attention is causal, so that keys and values of earlier
frames are kept. After that every frame moves one position to the front and is computed anew, but its modulation by the
action is not. And only the last frame's prediction is wanted, so that the last layer's other frames give keys and
values alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Dimensions, LeWM, PredictorLayer, attend

Past = tuple[Tensor, Tensor]
"""Keys and values [B, frames, inner] of a layer's earlier frames."""

# As many rows at a time as leave their intermediate values in a CPU's cache.
CPU_ROWS = 300


class PlanningModel:
    """A LeWM in eval mode that rolls out faster."""

    def __init__(self, model: LeWM) -> None:
        self.model = model
        self.dimensions: Dimensions = model.dimensions

    def rollout(self, latent: Tensor, actions: Tensor) -> Tensor:
        """As LeWM.rollout: latent [B, width], actions [B, T, action_in] -> [B, T, width]."""
        if latent.is_cuda:
            return self._rollout(latent, actions)
        return torch.cat([self._rollout(z, a) for z, a in zip(latent.split(CPU_ROWS), actions.split(CPU_ROWS))])

    def _rollout(self, latent: Tensor, actions: Tensor) -> Tensor:
        history = self.dimensions.history_frames
        layers = self.model.predictor.transformer.layers
        embeddings = self.model.action_encoder(actions)
        modulations = [layer.adaLN_modulation(embeddings) for layer in layers]
        latents: list[Tensor] = [latent]
        past: list[Past | None] = [None] * len(layers)
        for step in range(actions.shape[1]):
            first = step
            if step >= history:
                first, past = step + 1 - history, [None] * len(layers)
            frames = torch.stack(latents[first:], dim=1)
            last_position = min(step, history - 1)
            x = frames + self.model.predictor.pos_embedding[:, last_position + 1 - frames.shape[1] : last_position + 1]
            for number, layer in enumerate(layers):
                last_only = number == len(layers) - 1
                x, past[number] = _layer(layer, x, modulations[number][:, first : step + 1], past[number], last_only)
            out = self.model.predictor.transformer.norm(x[:, -1])
            latents.append(self.model.pred_proj(out))
        return torch.stack(latents[1:], dim=1)


def _layer(
    layer: PredictorLayer, x: Tensor, modulation: Tensor, past: Past | None, last_only: bool
) -> tuple[Tensor, Past]:
    """PredictorLayer.forward for frames x [B, n, width] that follow those of `past`; with `last_only` for the last
    frame's output."""
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(6, dim=-1)
    attention, shape = layer.attn, x.shape[-1:]
    u = attention.norm(F.layer_norm(x, shape, eps=1e-6) * (1 + scale1) + shift1)
    wq, wk, wv = attention.to_qkv.weight.chunk(3)
    keys, values = F.linear(u, wk), F.linear(u, wv)
    if past is not None:
        keys, values = torch.cat([past[0], keys], dim=1), torch.cat([past[1], values], dim=1)
    if last_only:
        x, u, gate1, shift2, scale2, gate2 = (part[:, -1:] for part in (x, u, gate1, shift2, scale2, gate2))
    x = x + gate1 * attention.to_out(_attend_last(F.linear(u, wq), keys, values, attention.heads))
    x = x + gate2 * layer.mlp(F.layer_norm(x, shape, eps=1e-6) * (1 + scale2) + shift2)
    return x, (keys, values)


def _attend_last(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Causal attention of the last frames: q [B, n, inner] of the last n of the frames that k, v [B, T, inner] are
    of."""
    batch, n, inner = q.shape
    if n == k.shape[1]:
        return attend(q, k, v, heads, causal=n > 1)
    if n > 1:
        raise ValueError(f"{n} queries for {k.shape[1]} frames: either one or all")
    q, k, v = (t.unflatten(2, (heads, inner // heads)).transpose(1, 2) for t in (q, k, v))
    weights = (q @ k.transpose(-1, -2) * (inner // heads) ** -0.5).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).reshape(batch, n, inner)
