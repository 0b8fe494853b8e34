from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from training.config import Config, parse
from training.episodes import Episodes
from training.train import CHECKPOINT, Trainer
from training.trained import load_checkpoint
from training.windows import Windows

CPU = torch.device("cpu")


def _staged(tiny: Config) -> Config:
    document = tiny.as_dict()
    first = {"steps": 3, "salient_patches": 4, "other_patches": 3}
    whole = {"steps": 2, "salient_patches": 0, "other_patches": 0, "learning_rate": 5e-4}
    frozen = whole | {"steps": 4, "frozen_episodes": 30, "dropout": 0.2}
    return parse(document | {"training": document["training"] | first, "then": [whole, frozen]})


def test_stages_follow_each_other_and_can_be_stopped_anywhere(tiny: Config, episodes: Episodes, tmp_path: Path) -> None:
    config = _staged(tiny)
    assert config.steps == 9 and [config.stage(step) for step in (0, 2, 3, 5, 8, 9)] == [
        (0, 0),
        (0, 0),
        (1, 3),
        (2, 5),
        (2, 5),
        (2, 5),
    ]
    whole = Trainer(config, episodes, tmp_path / "whole", CPU)
    whole.run(100)
    assert whole.step == 9
    for until in (2, 3, 5, 7, 9):
        parts = Trainer(config, episodes, tmp_path / "parts", CPU)
        parts.run(until)
        assert parts.step == until
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, parts.model.state_dict()[key]), key
    stored = [load_checkpoint(tmp_path / name / CHECKPOINT, CPU).model.state_dict() for name in ("whole", "parts")]
    for key, value in stored[0].items():
        assert torch.equal(value, stored[1][key]), key


def test_a_run_that_is_stopped_while_it_enters_a_stage_loses_nothing(
    tiny: Config, episodes: Episodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _staged(tiny)
    whole = Trainer(config, episodes, tmp_path / "whole", CPU)
    whole.run(9)

    def stop(self: Windows, encode: object) -> None:
        raise KeyboardInterrupt

    stopped = Trainer(config, episodes, tmp_path / "parts", CPU)
    with monkeypatch.context() as patch:
        patch.setattr(Windows, "use_encoded", stop)
        stopped.run(9)
    assert stopped.step == 5
    parts = Trainer(config, episodes, tmp_path / "parts", CPU)
    parts.run(9)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, parts.model.state_dict()[key]), key


def test_a_frozen_encoder_keeps_its_latents_while_the_predictor_learns(
    tiny: Config, episodes: Episodes, tmp_path: Path
) -> None:
    config = _staged(tiny)
    trainer = Trainer(config, episodes, tmp_path, CPU)
    trainer.run(5)
    before = load_checkpoint(tmp_path / CHECKPOINT, CPU).model
    trainer.run(9)
    after = load_checkpoint(tmp_path / CHECKPOINT, CPU).model
    pixels = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        latents = before.encode(pixels)
        assert torch.equal(latents, after.encode(pixels))
        actions = before.action_encoder(torch.zeros(1, 3, 10))
        assert not torch.equal(before.predict(latents[None, :3], actions), after.predict(latents[None, :3], actions))


def test_wrong_stages_are_named(tiny: Config) -> None:
    document = tiny.as_dict()
    for then, message in (
        ({}, "then: expected a list"),
        ([3], r"then\[0\]: expected an object"),
        ([{"stps": 3}], r"then\[0\]: unknown stps"),
        ([{}, {"frozen_episodes": 61}], r"then\[1\]: frozen_episodes 61 must be in 0..episodes - held_out = 60"),
        ([{"frozen_episodes": 5}, {"frozen_episodes": 0}], r"then\[1\]: frozen_episodes is 0 after"),
    ):
        with pytest.raises(ValueError, match=message):
            parse(document | {"then": then})
    assert parse(parse(document | {"then": [{"steps": 7}]}).as_dict()).then == [
        dataclasses.replace(tiny.training, steps=7)
    ]
