"""Holds `lewm.py` against the published LeWM class and the Hugging Face ViT, on the same seeded weights. Prints the
largest differences.

Needs, besides requirements.txt: pip install --no-deps stable-worldmodel==0.1.1 einops==0.8.2
(its other dependencies are for simulators and datasets; the two model files used here import only torch and einops).

Run: python oracle/check_reference.py          exit code 1 if a difference is above 1e-5.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import lewm
import numpy as np
import seeded
import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

LIMIT = 1e-5

# The spelling of transformers >= 5, and the one of the published checkpoints.
RENAMED = [
    (r"^encoder\.layer\.(\d+)\.attention\.attention\.query\.", r"layers.\1.attention.q_proj."),
    (r"^encoder\.layer\.(\d+)\.attention\.attention\.key\.", r"layers.\1.attention.k_proj."),
    (r"^encoder\.layer\.(\d+)\.attention\.attention\.value\.", r"layers.\1.attention.v_proj."),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"layers.\1.attention.o_proj."),
    (r"^encoder\.layer\.(\d+)\.intermediate\.dense\.", r"layers.\1.mlp.fc1."),
    (r"^encoder\.layer\.(\d+)\.output\.dense\.", r"layers.\1.mlp.fc2."),
    (r"^encoder\.layer\.(\d+)\.", r"layers.\1."),
]


def renamed(key: str) -> str:
    for pattern, replacement in RENAMED:
        if re.match(pattern, key):
            return re.sub(pattern, replacement, key)
    return key


def published(name: str) -> ModuleType:
    """A module of stable_worldmodel.wm.lewm by its file, because importing the package would start simulators."""
    package = importlib.util.find_spec("stable_worldmodel")
    if package is None or not package.submodule_search_locations:
        sys.exit("stable-worldmodel is not installed: pip install --no-deps stable-worldmodel==0.1.1 einops==0.8.2")
    file = Path(package.submodule_search_locations[0]) / "wm" / "lewm" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"published_{name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference(d: lewm.Dimensions, state: dict[str, Tensor]) -> nn.Module:
    parts = published("module")
    vit = ViTModel(
        ViTConfig(
            hidden_size=d.width,
            num_hidden_layers=d.encoder_layers,
            num_attention_heads=d.encoder_heads,
            intermediate_size=d.encoder_mlp,
            image_size=d.image,
            patch_size=d.patch,
        ),
        add_pooling_layer=False,
    )
    model = published("lewm").LeWM(
        encoder=vit,
        predictor=parts.Predictor(
            num_frames=d.history_frames,
            depth=d.predictor_layers,
            heads=d.predictor_heads,
            mlp_dim=d.predictor_mlp,
            input_dim=d.width,
            hidden_dim=d.width,
            dim_head=d.predictor_head_dim,
        ),
        action_encoder=parts.Embedder(d.action_in, d.action_smoothed, d.width, d.action_hidden // d.width),
        projector=parts.MLP(d.width, d.projector_hidden, norm_fn=nn.BatchNorm1d),
        pred_proj=parts.MLP(d.width, d.projector_hidden, norm_fn=nn.BatchNorm1d),
    )
    wanted = set(model.state_dict())
    loaded = {}
    for key, value in state.items():
        part, rest = key.split(".", 1)
        loaded[f"{part}.{renamed(rest)}" if part == "encoder" and key not in wanted else key] = value
    model.load_state_dict(loaded, strict=True)
    return model.eval()


def compare(title: str, d: lewm.Dimensions, seed: int) -> float:
    model = lewm.load_seeded(d, seed)
    other = reference(d, model.state_dict())
    images = np.stack([seeded.image(f"image.{i}", seed, d.image) for i in range(2)])
    pixels = lewm.preprocess(images)
    actions = torch.from_numpy(seeded.actions("actions", seed, 50, d.action_in))[None]
    steps = actions.shape[1]

    differences: dict[str, float] = {}

    def note(name: str, ours: Tensor, theirs: Tensor) -> None:
        differences[name] = (ours - theirs).abs().max().item()

    note("class token (HF ViTModel)", model.encoder(pixels), other.encoder(pixels).last_hidden_state[:, 0])
    info = other.encode({"pixels": pixels[:, None], "action": actions.expand(2, -1, -1)})
    latents = model.encode(pixels)
    note("latents", latents, info["emb"][:, 0])
    embeddings = model.action_encoder(actions)
    note("action embeddings", embeddings, info["act_emb"][:1])
    history = torch.stack([latents[0], latents[1], latents[0] * 0.5])[None]
    for frames in (1, 2, 3):
        note(
            f"predict, {frames} frames",
            model.predict(history[:, :frames], embeddings[:, :frames]),
            other.predict(history[:, :frames], embeddings[:, :frames]),
        )
    rolled = other.rollout({"pixels": pixels[:1, None, None]}, actions[:, None])["predicted_emb"][0, 0]
    note(f"rollout, {steps} steps", model.rollout(latents[:1], actions)[0], rolled[1:])

    worst = max(differences.values())
    for name, difference in differences.items():
        print(f"{title:6} {name:28} max difference {difference:.2e}")
    print(f"{title:6} latents: standard deviation {latents.std().item():.3f}, worst difference {worst:.2e}")
    return worst


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    worst = max(compare("true", lewm.TRUE, 1), compare("small", lewm.SMALL, 1))
    sys.exit(0 if worst <= LIMIT else 1)
