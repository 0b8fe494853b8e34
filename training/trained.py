"""A trained model ready for inference: from a checkpoint of a run, or from the folder that `export` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .config import Config, parse
from .episodes import ActionStatistics
from .files import replacing
from .model import Dimensions, LeWM

WEIGHTS = "model.safetensors"
DESCRIPTION = "config.json"
RECORD = ("step", "seconds", "device")
"""What config.json has of the training besides the settings of its first stage."""


@dataclass(frozen=True)
class Trained:
    """`seconds` of training on `device`."""

    model: LeWM
    config: Config
    statistics: ActionStatistics
    step: int
    seconds: float
    device: str


def load_trained(path: Path, device: torch.device) -> Trained:
    """`path`: a checkpoint, or a model folder, whose weights are those of the checkpoint rounded to float16."""
    return _load_folder(path, device) if path.is_dir() else load_checkpoint(path, device)


def load_checkpoint(path: Path, device: torch.device) -> Trained:
    state = torch.load(path, map_location=device, weights_only=True)
    config = parse(state["config"], f"{path}: config")
    model = LeWM(config.dimensions)
    if state["inference"] is None:
        raise ValueError(
            f"{path}: saved in the middle of a run; `train` writes the weights for inference when it ends or is stopped"
        )
    model.load_state_dict(state["inference"])
    return Trained(
        model.to(device).eval(),
        config,
        ActionStatistics(**state["action"]),
        state["step"],
        state["seconds"],
        state["device"],
    )


def save_weights(model: LeWM, path: Path) -> None:
    """f16 safetensors with the published keys. BatchNorm's counter stays an integer."""
    state = {
        key: value.cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        for key, value in model.state_dict().items()
    }
    for key, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{key} has values that float16 cannot hold")
    with replacing(path) as temporary:
        save_file(state, temporary)


def load_weights(path: Path, dimensions: Dimensions) -> LeWM:
    """The model of an exported folder's weights, in float32 and eval mode."""
    model = LeWM(dimensions)
    model.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in load_file(path).items()}
    )
    return model.eval()


def _load_folder(path: Path, device: torch.device) -> Trained:
    document = json.loads((path / DESCRIPTION).read_text())
    training = {key: value for key, value in document["training"].items() if key not in RECORD}
    config = parse(
        {key: document[key] for key in ("name", "description", "dimensions", "data", "then")} | {"training": training},
        str(path / DESCRIPTION),
    )
    statistics = ActionStatistics(document["action"]["mean"], document["action"]["std"])
    step, seconds, trained_on = (document["training"][key] for key in RECORD)
    return Trained(
        load_weights(path / WEIGHTS, config.dimensions).to(device), config, statistics, step, seconds, trained_on
    )
