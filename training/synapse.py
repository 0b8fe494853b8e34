"""The packer's config for a model of this package: the architecture of `configs/lewm.json` with the dimensions and
action statistics of a training run."""

from __future__ import annotations

from .config import ACTION_SIZE, Config
from .environments import environment
from .environments.environment import Environment
from .episodes import ActionStatistics
from .model import IMAGE_MEAN, IMAGE_STD, Dimensions


def synapse_config(config: Config, statistics: ActionStatistics) -> dict:
    """What `synapse-host pack --config` reads (docs/config.md)."""
    d = config.dimensions
    return {
        "name": config.name,
        "description": config.description,
        "licence": "Apache-2.0",
        "entries": _entries(d),
        "parts": {
            "encoder": _encoder(d),
            "projector": _projector("projector", d),
            "action_encoder": {
                "kind": "mlp",
                "description": "Raw environment actions, those of all skipped frames side by side.",
                "width": d.action_in,
                "layers": [
                    {"kind": "standardize", "statistics": "action"},
                    {"kind": "linear", "out": d.action_smoothed, "weights": "action_encoder.patch_embed"},
                    {"kind": "linear", "out": d.action_hidden, "weights": "action_encoder.embed.0"},
                    {"kind": "act", "act": "silu"},
                    {"kind": "linear", "out": d.width, "weights": "action_encoder.embed.2"},
                ],
            },
            "predictor": _predictor(d),
            "pred_proj": _projector("pred_proj", d),
        },
        "statistics": {"action": {"mean": statistics.mean, "std": statistics.std}},
        "actions": action_space(environment(config.data.environment)),
        "ignore": ["*.num_batches_tracked"],
    }


def action_space(world: Environment) -> dict:
    """Units and bounds of each value of an environment action, which the packed model takes as they are."""
    low, high = world.action_bounds
    return {"units": world.action_units, "bounds": {"min": [low] * ACTION_SIZE, "max": [high] * ACTION_SIZE}}


def _entries(d: Dimensions) -> dict:
    return {
        "encode": {
            "description": "An image to a latent.",
            "inputs": {"image": {"kind": "image"}},
            "steps": [
                {"part": "encoder", "x": "image", "as": "class_token"},
                {"part": "projector", "x": "class_token", "as": "latent"},
            ],
            "outputs": {"latent": "latent"},
        },
        "predict": {
            "description": f"Latents of 1 to {d.history_frames} frames and the action taken at each "
            "to the latents that follow.",
            "rowsMax": d.history_frames,
            "inputs": {
                "latents": {"kind": "latent", "width": d.width},
                "actions": {"kind": "action", "width": d.action_in},
            },
            "steps": [
                {"part": "action_encoder", "x": "actions", "as": "action_embedding"},
                {"part": "predictor", "x": "latents", "condition": "action_embedding", "as": "hidden"},
                {"part": "pred_proj", "x": "hidden", "as": "prediction"},
            ],
            "outputs": {"prediction": "latent"},
        },
    }


def _encoder(d: Dimensions) -> dict:
    layer = "encoder.encoder.layer.{i}."
    return {
        "kind": "transformer",
        "width": d.width,
        "layers": d.encoder_layers,
        "embedding": {
            "kind": "patches",
            "image": [d.image, d.image],
            "patch": d.patch,
            "classToken": True,
            "mean": list(IMAGE_MEAN),
            "std": list(IMAGE_STD),
        },
        "position": "learned",
        "norm": {"kind": "layer_norm", "eps": 1e-12},
        "attention": {
            "heads": d.encoder_heads,
            "headDim": d.width // d.encoder_heads,
            "qkv": "separate",
            "qkvBias": True,
            "outBias": True,
        },
        "ffn": {"kind": "mlp", "hidden": d.encoder_mlp, "act": "gelu", "bias": True},
        "finalNorm": {"kind": "layer_norm", "eps": 1e-12},
        "select": "class_token",
        "weights": {
            "patch": "encoder.embeddings.patch_embeddings.projection",
            "classToken": "encoder.embeddings.cls_token",
            "position": "encoder.embeddings.position_embeddings",
            "finalNorm": "encoder.layernorm",
            "layer": {
                "norm1": layer + "layernorm_before",
                "q": layer + "attention.attention.query",
                "k": layer + "attention.attention.key",
                "v": layer + "attention.attention.value",
                "out": layer + "attention.output.dense",
                "norm2": layer + "layernorm_after",
                "up": layer + "intermediate.dense",
                "down": layer + "output.dense",
            },
        },
    }


def _predictor(d: Dimensions) -> dict:
    layer = "predictor.transformer.layers.{i}."
    return {
        "kind": "transformer",
        "width": d.width,
        "layers": d.predictor_layers,
        "embedding": {"kind": "rows"},
        "position": "learned",
        "conditioning": {
            "kind": "adaln_zero",
            "width": d.width,
            "act": "silu",
            "norm": {"kind": "layer_norm", "eps": 1e-6},
        },
        "norm": {"kind": "layer_norm", "eps": 1e-5},
        "attention": {
            "heads": d.predictor_heads,
            "headDim": d.predictor_head_dim,
            "causal": True,
            "qkv": "fused",
            "qkvBias": False,
            "outBias": True,
        },
        "ffn": {"kind": "mlp", "hidden": d.predictor_mlp, "act": "gelu", "bias": True},
        "finalNorm": {"kind": "layer_norm", "eps": 1e-5},
        "weights": {
            "position": "predictor.pos_embedding",
            "finalNorm": "predictor.transformer.norm",
            "layer": {
                "modulation": layer + "adaLN_modulation.1",
                "norm1": layer + "attn.norm",
                "qkv": layer + "attn.to_qkv",
                "out": layer + "attn.to_out.0",
                "norm2": layer + "mlp.net.0",
                "up": layer + "mlp.net.1",
                "down": layer + "mlp.net.4",
            },
        },
    }


def _projector(name: str, d: Dimensions) -> dict:
    return {
        "kind": "mlp",
        "width": d.width,
        "layers": [
            {"kind": "linear", "out": d.projector_hidden, "weights": f"{name}.net.0"},
            {"kind": "batch_norm", "eps": 1e-5, "weights": f"{name}.net.1"},
            {"kind": "act", "act": "gelu"},
            {"kind": "linear", "out": d.width, "weights": f"{name}.net.3"},
        ],
    }
