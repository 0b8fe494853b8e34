"""LeWM (Maes et al. 2026, arXiv 2603.19312) in plain PyTorch, with the state_dict keys of the published checkpoints.

Written from the paper and the published code. `LeWM` starts in eval mode: no dropout, BatchNorm with running
statistics. `oracle/check_reference.py` holds it against `stable-worldmodel` and the Hugging Face ViT.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Dimensions:
    image: int = 224
    patch: int = 14
    width: int = 192
    encoder_layers: int = 12
    encoder_heads: int = 3
    encoder_mlp: int = 768
    predictor_layers: int = 6
    predictor_heads: int = 16
    predictor_head_dim: int = 64
    predictor_mlp: int = 2048
    history_frames: int = 3
    action_in: int = 10
    action_smoothed: int = 10
    action_hidden: int = 768
    projector_hidden: int = 2048


TRUE = Dimensions()


class PatchEmbeddings(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, d.width, d.patch, stride=d.patch)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.projection(pixels).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d.width))
        self.position_embeddings = nn.Parameter(torch.zeros(1, (d.image // d.patch) ** 2 + 1, d.width))
        self.patch_embeddings = PatchEmbeddings(d)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embeddings(pixels)
        return torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches], dim=1) + self.position_embeddings


class SelfAttention(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.heads = d.encoder_heads
        self.query = nn.Linear(d.width, d.width)
        self.key = nn.Linear(d.width, d.width)
        self.value = nn.Linear(d.width, d.width)

    def forward(self, x: Tensor, key_bias: Tensor | None = None) -> Tensor:
        return attend(self.query(x), self.key(x), self.value(x), self.heads, causal=False, key_bias=key_bias)


def attend(
    q: Tensor, k: Tensor, v: Tensor, heads: int, causal: bool, dropout: float = 0.0, key_bias: Tensor | None = None
) -> Tensor:
    """softmax(q k^T / sqrt(head dim) + key_bias) v by head. q, k, v [B, T, heads * dim]; the same shape comes back.
    key_bias [T]."""
    batch, frames, inner = q.shape
    q, k, v = (t.view(batch, frames, heads, inner // heads).transpose(1, 2) for t in (q, k, v))
    if q.is_cuda:
        mask = None if key_bias is None else key_bias.to(q.dtype).expand(frames, frames)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, dropout_p=dropout)
        return out.transpose(1, 2).reshape(batch, frames, inner)
    # On a CPU the fused kernel is slower for short sequences, in bfloat16 by far.
    scores = q @ k.transpose(-1, -2) * (inner // heads) ** -0.5
    if causal:
        future = torch.ones(frames, frames, dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
    if key_bias is not None:
        scores = scores + key_bias.to(scores.dtype)
    weights = scores.softmax(dim=-1)
    if dropout > 0:
        weights = F.dropout(weights, dropout)
    return (weights @ v).transpose(1, 2).reshape(batch, frames, inner)


class Dense(nn.Module):
    """A linear layer under the name `dense`, as the ViT's keys have it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x)


class EncoderAttention(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.attention = SelfAttention(d)
        self.output = Dense(d.width, d.width)

    def forward(self, x: Tensor, key_bias: Tensor | None = None) -> Tensor:
        return self.output(self.attention(x, key_bias))


class EncoderLayer(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.layernorm_before = nn.LayerNorm(d.width, eps=1e-12)
        self.attention = EncoderAttention(d)
        self.layernorm_after = nn.LayerNorm(d.width, eps=1e-12)
        self.intermediate = Dense(d.width, d.encoder_mlp)
        self.output = Dense(d.encoder_mlp, d.width)

    def forward(self, x: Tensor, key_bias: Tensor | None = None) -> Tensor:
        h = x + self.attention(self.layernorm_before(x), key_bias)
        return h + self.output(F.gelu(self.intermediate(self.layernorm_after(h))))


class EncoderStack(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.layer = nn.ModuleList([EncoderLayer(d) for _ in range(d.encoder_layers)])

    def forward(self, x: Tensor, key_bias: Tensor | None = None) -> Tensor:
        for layer in self.layer:
            x = layer(x, key_bias)
        return x


class Encoder(nn.Module):
    """pixels [B, 3, H, W], normalised -> class token [B, width]."""

    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.embeddings = Embeddings(d)
        self.encoder = EncoderStack(d)
        self.layernorm = nn.LayerNorm(d.width, eps=1e-12)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layernorm(self.encoder(self.embeddings(pixels)))[:, 0]


class Projector(nn.Module):
    """[rows, width] -> [rows, width]."""

    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        hidden = d.projector_hidden
        self.net = nn.Sequential(
            nn.Linear(d.width, hidden), nn.BatchNorm1d(hidden), nn.GELU(), nn.Linear(hidden, d.width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class ActionEncoder(nn.Module):
    """actions [B, T, action_in] -> [B, T, width]."""

    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.patch_embed = nn.Conv1d(d.action_in, d.action_smoothed, 1)
        self.embed = nn.Sequential(
            nn.Linear(d.action_smoothed, d.action_hidden), nn.SiLU(), nn.Linear(d.action_hidden, d.width)
        )

    def forward(self, actions: Tensor) -> Tensor:
        return self.embed(self.patch_embed(actions.transpose(1, 2)).transpose(1, 2))


class PredictorAttention(nn.Module):
    def __init__(self, d: Dimensions, dropout: float) -> None:
        super().__init__()
        inner = d.predictor_heads * d.predictor_head_dim
        self.heads = d.predictor_heads
        self.norm = nn.LayerNorm(d.width)
        self.to_qkv = nn.Linear(d.width, 3 * inner, bias=False)
        self.dropout = dropout
        self.to_out = nn.Sequential(nn.Linear(inner, d.width), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        return self.to_out(attend(q, k, v, self.heads, causal=True, dropout=self.dropout if self.training else 0.0))


class PredictorMlp(nn.Module):
    def __init__(self, d: Dimensions, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(d.width),
            nn.Linear(d.width, d.predictor_mlp),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(d.predictor_mlp, d.width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class PredictorLayer(nn.Module):
    def __init__(self, d: Dimensions, dropout: float) -> None:
        super().__init__()
        self.attn = PredictorAttention(d, dropout)
        self.mlp = PredictorMlp(d, dropout)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(d.width, 6 * d.width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(condition).chunk(6, dim=-1)
        shape = x.shape[-1:]
        x = x + gate1 * self.attn(F.layer_norm(x, shape, eps=1e-6) * (1 + scale1) + shift1)
        return x + gate2 * self.mlp(F.layer_norm(x, shape, eps=1e-6) * (1 + scale2) + shift2)


class PredictorStack(nn.Module):
    def __init__(self, d: Dimensions, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d.width)
        self.layers = nn.ModuleList([PredictorLayer(d, dropout) for _ in range(d.predictor_layers)])

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, condition)
        return self.norm(x)


class Predictor(nn.Module):
    """latents [B, T, width], action embeddings [B, T, width], T at most history_frames -> [B, T, width]."""

    def __init__(self, d: Dimensions, dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, d.history_frames, d.width))
        self.transformer = PredictorStack(d, dropout)

    def forward(self, latents: Tensor, action_embeddings: Tensor) -> Tensor:
        return self.transformer(latents + self.pos_embedding[:, : latents.shape[1]], action_embeddings)


class LeWM(nn.Module):
    """`dropout` acts on the predictor's attention weights and the outputs of its linear layers, in training mode
    only."""

    def __init__(self, dimensions: Dimensions = TRUE, dropout: float = 0.0) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.encoder = Encoder(dimensions)
        self.predictor = Predictor(dimensions, dropout)
        self.action_encoder = ActionEncoder(dimensions)
        self.projector = Projector(dimensions)
        self.pred_proj = Projector(dimensions)
        self.eval()

    def set_dropout(self, dropout: float) -> None:
        for module in self.predictor.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
            elif isinstance(module, PredictorAttention):
                module.dropout = dropout

    def encode(self, pixels: Tensor) -> Tensor:
        """pixels [B, 3, H, W], normalised -> latents [B, width]."""
        return self.projector(self.encoder(pixels))

    def predict(self, latents: Tensor, action_embeddings: Tensor) -> Tensor:
        """[B, T, width] twice -> [B, T, width]; output t predicts the latent of t + 1 and sees frames 0..t."""
        out = self.predictor(latents, action_embeddings)
        return self.pred_proj(out.flatten(0, 1)).view_as(out)

    def rollout(self, latent: Tensor, actions: Tensor) -> Tensor:
        """latent [B, width], actions [B, T, action_in] -> the T predicted latents [B, T, width]. Each sees at most the
        last history_frames."""
        embeddings = self.action_encoder(actions)
        history = [latent]
        for step in range(actions.shape[1]):
            first = max(0, step + 1 - self.dimensions.history_frames)
            history.append(self.predict(torch.stack(history[first:], dim=1), embeddings[:, first : step + 1])[:, -1])
        return torch.stack(history[1:], dim=1)


def preprocess(rgb: np.ndarray, mean: tuple[float, ...] = IMAGE_MEAN, std: tuple[float, ...] = IMAGE_STD) -> Tensor:
    """uint8 [B, H, W, 3] -> f32 [B, 3, H, W], scaled to 0..1 and normalised by channel."""
    return normalize(torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2), mean, std)


def normalize(pixels: Tensor, mean: tuple[float, ...] = IMAGE_MEAN, std: tuple[float, ...] = IMAGE_STD) -> Tensor:
    """uint8 [..., 3, H, W] on any device -> f32, scaled to 0..1 and normalised by channel."""
    return (pixels.float() / 255 - torch.tensor(mean, device=pixels.device).view(3, 1, 1)) / torch.tensor(
        std, device=pixels.device
    ).view(3, 1, 1)


def shapes(dimensions: Dimensions) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in LeWM(dimensions).state_dict().items()}
