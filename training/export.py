"""Writes a trained model as a folder that needs nothing of this package: weights, configs, held-out episodes with their
latents, and a model card."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .cards import words
from .config import ACTION_SIZE, FRAMESKIP
from .environments import environment
from .environments.environment import Environment
from .environments.frames import IMAGE, block_size
from .episodes import Episodes
from .evaluate import RECORDED, REPORT, held_out, pictured
from .evaluation_set import EPISODE, EVALUATION_SET, write_evaluation_set
from .model import IMAGE_MEAN, IMAGE_STD, LeWM, preprocess
from .model_card import model_card
from .synapse import action_space, synapse_config
from .train import CURVES
from .trained import DESCRIPTION, WEIGHTS, Trained, load_trained, load_weights, save_weights

EPISODES = 50
EPISODE_FRAMES_MAX = 12
MINIMUM_FRAMES = 4


def export(source: Path, data: Path, evaluation: Path, out: Path) -> None:
    """`source`: a checkpoint or a model folder. The report in `evaluation` must be of it. An existing folder `out`,
    which may be `source`, is replaced once the new one is whole."""
    trained = load_trained(source, torch.device("cpu"))
    report = json.loads((evaluation / REPORT).read_text())
    if report["name"] != trained.config.name or report["step"] != trained.step:
        raise ValueError(
            f"{evaluation / REPORT} is of {report['name']} at step {report['step']}, {source} is "
            f"{trained.config.name} at step "
            f"{trained.step}: evaluate it first"
        )
    if RECORDED not in report:
        raise ValueError(f"{evaluation / REPORT} has no recorded goals: evaluate them first")
    world = environment(trained.config.data.environment)
    pictures = [f"{name}.{kind}" for name in pictured(world) if name in report for kind in ("gif", "png")]
    copied = [evaluation / name for name in (*pictures, REPORT)] + [
        (source if source.is_dir() else source.parent) / CURVES
    ]
    if missing := [str(file) for file in copied if not file.exists()]:
        raise ValueError(f"missing {', '.join(missing)}; the checkpoint must lie where training wrote it")
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_weights(trained.model, partial / WEIGHTS)
    _write(partial / DESCRIPTION, describe(trained, report))
    _write(partial / "synapse.json", synapse_config(trained.config, trained.statistics))
    _write(partial / "action-stats.json", vars(trained.statistics) | action_space(world))
    # What is compared with the runtime later must come from the weights as they are stored.
    stored = load_weights(partial / WEIGHTS, trained.config.dimensions)
    write_episodes(world, stored, held_out(trained.config, Episodes.load(data)), partial / EVALUATION_SET)
    for source in copied:
        shutil.copyfile(source, partial / source.name)
    (partial / "README.md").write_text(model_card(trained, report, pictures))
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    total = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{out}: {total / 1e6:.2f} MB")


def describe(trained: Trained, report: dict) -> dict:
    """config.json: architecture, inputs, how it was trained and how well it works."""
    block = block_size(trained.config.dimensions.image)
    reduced = f", each block of {block} x {block} replaced by its mean" if block > 1 else ""
    return {
        "name": trained.config.name,
        "description": trained.config.description,
        "architecture": "LeWM (arXiv 2603.19312)",
        "dimensions": dataclasses.asdict(trained.config.dimensions),
        "image": {
            "size": trained.config.dimensions.image,
            "from": f"{words(trained.config.data.environment).title} frames of {IMAGE} pixels{reduced}",
            "mean": list(IMAGE_MEAN),
            "std": list(IMAGE_STD),
        },
        "action": {"size": ACTION_SIZE, "frameskip": FRAMESKIP, **vars(trained.statistics)}
        | action_space(environment(trained.config.data.environment)),
        "data": dataclasses.asdict(trained.config.data),
        "training": dataclasses.asdict(trained.config.training)
        | {"step": trained.step, "seconds": round(trained.seconds), "device": trained.device},
        "then": [dataclasses.asdict(stage) for stage in trained.config.then],
        "metrics": {
            key: report[key]
            for key in ("latents", RECORDED, *environment(trained.config.data.environment).sets, "cem")
            if key in report
        },
    }


@torch.no_grad()
def write_episodes(world: Environment, model: LeWM, episodes: Episodes, path: Path) -> None:
    """50 episodes, the first half `calibration-NN`, the others `test-NN`. Each has frames FRAMESKIP steps apart (PNG:
    two decoders agree on every bit), the raw actions between them, states, and PyTorch's latents."""
    chosen = [
        index for index in range(len(episodes)) if int(episodes.lengths[index]) >= FRAMESKIP * (MINIMUM_FRAMES - 1)
    ][:EPISODES]
    if len(chosen) < EPISODES:
        raise ValueError(
            f"{EPISODES} held-out episodes of at least {MINIMUM_FRAMES} frames are needed, there are {len(chosen)}"
        )
    members: dict[str, bytes] = {}
    for number, index in enumerate(chosen):
        split, place = ("calibration", number) if number < EPISODES // 2 else ("test", number - EPISODES // 2)
        name = f"{split}-{place:02d}"
        frames = min(int(episodes.lengths[index]) // FRAMESKIP + 1, EPISODE_FRAMES_MAX)
        states = episodes.states[index, : FRAMESKIP * frames : FRAMESKIP][:frames]
        actions = episodes.actions[index, : FRAMESKIP * (frames - 1)].reshape(frames - 1, FRAMESKIP * ACTION_SIZE)
        pixels = world.render(states, model.dimensions.image).permute(0, 2, 3, 1).numpy()
        for at, picture in enumerate(pixels):
            members[f"{name}/frame-{at:02d}.png"] = _png(picture)
        latents = model.encode(preprocess(pixels))
        document = {"actions": _rows(actions), "states": _rows(states), "latents": _rows(latents)}
        members[f"{name}/{EPISODE}"] = _text(document, indent=None).encode()
    write_evaluation_set(path, members)


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def _rows(values: torch.Tensor) -> list[list[float]]:
    """Numbers with the 7 digits that a float32 has."""
    return [[float(f"{value:.7g}") for value in row] for row in np.asarray(values, dtype=np.float32)]


def _text(document: dict, indent: int | None = 1) -> str:
    return json.dumps(document, indent=indent) + "\n"


def _write(path: Path, document: dict) -> None:
    path.write_text(_text(document))
