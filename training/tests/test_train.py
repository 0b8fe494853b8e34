from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from training.config import Config, load, parse
from training.diagnostics import effective_rank, latent_std, linear_probe_r2, read_log, varying_share
from training.environments.tworoom import TwoRoom
from training.environments.tworoom_dynamics import render, step
from training.episodes import ActionStatistics, Episodes
from training.loss import SIGReg
from training.model import LeWM, normalize
from training.train import LOG, Trainer, initialize, learning_rate, losses
from training.windows import Windows

CPU = torch.device("cpu")


def test_optimisation_lowers_the_loss_on_a_fixed_batch(tiny: Config, episodes: Episodes) -> None:
    model = LeWM(tiny.dimensions).train()
    initialize(model, tiny.training)
    windows = Windows(TwoRoom(), episodes, ActionStatistics.of(episodes), 4, tiny.dimensions.image, CPU)
    pixels, actions, _ = windows.sample(32, 5)
    sigreg = SIGReg(projections=64)
    directions = sigreg.directions(tiny.dimensions.width, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    before = losses(model, sigreg, directions, pixels, actions, tiny.training, bf16=False).total
    before.backward()
    optimizer.step()
    after = losses(model, sigreg, directions, pixels, actions, tiny.training, bf16=False).total
    assert after.item() < before.item()


def test_what_class_tokens_have_in_common_is_a_part_of_the_loss(tiny: Config, episodes: Episodes) -> None:
    model = LeWM(tiny.dimensions).train()
    initialize(model, tiny.training)
    pixels, actions, _ = Windows(
        TwoRoom(), episodes, ActionStatistics.of(episodes), 4, tiny.dimensions.image, CPU
    ).sample(8, 5)
    sigreg = SIGReg(projections=64)
    directions = sigreg.directions(tiny.dimensions.width, torch.Generator().manual_seed(0))
    settings = dataclasses.replace(tiny.training, common_weight=0.25)
    found = losses(model, sigreg, directions, pixels, actions, settings, bf16=False)
    with torch.no_grad():
        tokens = model.encoder(normalize(pixels.flatten(0, 1)))
    torch.testing.assert_close(found.common, tokens.mean(dim=0).square().mean())
    torch.testing.assert_close(found.total, found.prediction + 0.09 * found.sigreg + 0.25 * found.common)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tiny: Config, episodes: Episodes, tmp_path: Path) -> None:
    whole = Trainer(tiny, episodes, tmp_path / "whole", CPU)
    whole.run(4, log_every=1)
    Trainer(tiny, episodes, tmp_path / "parts", CPU).run(2, log_every=1)
    second = Trainer(tiny, episodes, tmp_path / "parts", CPU)
    assert second.step == 2
    second.run(4, log_every=1)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key
    logs = [
        [{k: v for k, v in record.items() if k != "seconds"} for record in read_log(tmp_path / name / LOG)]
        for name in ("whole", "parts")
    ]
    assert [record["loss"] for record in logs[0]] == [record["loss"] for record in logs[1]]
    assert (tmp_path / "parts" / "curves.png").stat().st_size > 1000


def test_a_checkpoint_of_other_dimensions_is_refused(tiny: Config, episodes: Episodes, tmp_path: Path) -> None:
    Trainer(tiny, episodes, tmp_path, CPU).save()
    other = dataclasses.replace(tiny, dimensions=dataclasses.replace(tiny.dimensions, encoder_mlp=96))
    with pytest.raises(ValueError, match="other dimensions"):
        Trainer(other, episodes, tmp_path, CPU)


def test_windows_line_up_frames_actions_and_states(episodes: Episodes) -> None:
    statistics = ActionStatistics.of(episodes)
    for cached in (False, True):
        windows = Windows(TwoRoom(), episodes.part(slice(0, 30)), statistics, 4, 28, CPU, cached)
        pixels, actions, states = windows.sample(20, 9)
        assert torch.equal(pixels, render(states.flatten(0, 1), 28).unflatten(0, (20, 4)))
        raw = statistics.restore(actions.view(20, 3, 5, 2))
        for frame in range(3):
            position = states[:, frame]
            for index in range(5):
                position = step(position, raw[:, frame, index])
            torch.testing.assert_close(position, states[:, frame + 1], atol=1e-3, rtol=0)


def test_collected_episodes_end_where_the_goal_is_reached(episodes: Episodes) -> None:
    for states, length, goal in zip(episodes.states, episodes.lengths.tolist(), episodes.goals):
        distance = (states[1 : length + 1] - goal).norm(dim=1)
        assert length == 100 or distance[-1] < 16
        assert (distance[:-1] >= 16).all()


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_schedule(tiny: Config, schedule: str) -> None:
    settings = dataclasses.replace(tiny.training, learning_rate=1.0, warmup_steps=10, steps=100, schedule=schedule)
    rates = [learning_rate(index, settings) for index in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert (rates[80] == 1.0) == (schedule == "constant")


def test_diagnostics_tell_collapse() -> None:
    generator = torch.Generator().manual_seed(0)
    healthy = torch.randn(2000, 8, generator=generator)
    line = healthy[:, :1] * torch.ones(8)
    assert latent_std(healthy) == pytest.approx(1, abs=0.05) and latent_std(healthy * 0) == 0
    assert effective_rank(healthy) > 7.9 and effective_rank(line) == pytest.approx(1, abs=0.01)
    positions = healthy[:, :2] * 30 + 100
    assert linear_probe_r2(healthy[:1000], positions[:1000], healthy[1000:], positions[1000:]) > 0.999
    assert linear_probe_r2(line[:1000] * 0, positions[:1000], line[1000:] * 0, positions[1000:]) < 0.01


def test_shipped_configs_are_valid_and_wrong_ones_are_named() -> None:
    true = load("lewm-tworoom")
    assert sum(value.numel() for value in LeWM(true.dimensions).parameters()) == 18_034_478
    document = load("lewm-tworoom-small").as_dict()
    data = document["data"]
    for change, message in (
        ({"extra": 1}, "unknown extra"),
        ({"data": {}}, "missing"),
        ({"data": data | {"environment": "chess"}}, "environment 'chess' is none of tworoom, pusht"),
        ({"data": data | {"environment": "pusht"}}, r"action_noise \[3.0, 1.0\] is for tworoom"),
        ({"data": data | {"action_noise": [], "environment": "pusht"}}, r"action_hold \[\] is for pusht"),
        ({"data": data | {"action_noise": [], "action_hold": [0], "environment": "pusht"}}, "at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            parse(document | change)
    with pytest.raises(ValueError, match="known: lewm-pusht-small, lewm-tworoom"):
        load("nothing")


def test_an_offset_that_all_tokens_share_counts_as_not_varying() -> None:
    tokens = torch.randn(512, 16, generator=torch.Generator().manual_seed(4))
    assert varying_share(tokens) == pytest.approx(1, abs=0.05)
    assert varying_share(0.01 * tokens + 0.8) == pytest.approx(0.01**2 / 0.8**2, rel=0.1)
