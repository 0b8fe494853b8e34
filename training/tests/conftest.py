from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.config import Config, Data, Training
from training.environments.tworoom import collect
from training.episodes import Episodes
from training.model import Dimensions

TINY = Config(
    name="tiny",
    description="For tests.",
    dimensions=Dimensions(
        image=28,
        patch=7,
        width=32,
        encoder_layers=2,
        encoder_heads=1,
        encoder_mlp=64,
        predictor_layers=2,
        predictor_heads=2,
        predictor_head_dim=32,
        predictor_mlp=64,
        action_hidden=64,
        projector_hidden=64,
    ),
    data=Data(
        environment="tworoom",
        episodes=140,
        held_out=80,
        steps_max=100,
        action_noise=[3.0, 1.0],
        action_hold=[],
        seed=11,
    ),
    training=Training(
        steps=50,
        batch=16,
        learning_rate=1e-3,
        weight_decay=1e-3,
        warmup_steps=2,
        schedule="cosine",
        clip=1.0,
        dropout=0.1,
        sigreg_weight=0.09,
        common_weight=0.1,
        encoder_std=0.1,
        residual_std=0.1,
        patch_std=0.05,
        position_std=0.5,
        salient_patches=0,
        other_patches=0,
        frozen_episodes=0,
        bf16=False,
        seed=3,
    ),
    then=[],
)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Config:
    return TINY


@pytest.fixture(scope="session")
def episodes() -> Episodes:
    return collect(TINY.data)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, episodes: Episodes) -> Path:
    """A folder with episodes.npz, run/checkpoint.pt of three steps, and evaluation/ of few pairs."""
    from training.evaluate import evaluate
    from training.train import CHECKPOINT, Trainer

    folder = tmp_path_factory.mktemp("trained")
    episodes.save(folder / "episodes.npz")
    Trainer(TINY, episodes, folder / "run", torch.device("cpu")).run(3, log_every=1)
    evaluate(
        folder / "run" / CHECKPOINT,
        folder / "episodes.npz",
        folder / "evaluation",
        torch.device("cpu"),
        pairs=3,
        samples=8,
        iterations=2,
    )
    return folder
