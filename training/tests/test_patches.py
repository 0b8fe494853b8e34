from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from training.config import Config, parse
from training.environments.tworoom_dynamics import render, sample_positions
from training.episodes import Episodes
from training.model import LeWM, normalize
from training.patches import PatchSample, encode_sampled
from training.train import CHECKPOINT, Trainer, initialize
from training.trained import load_checkpoint

CPU = torch.device("cpu")


def _model(config: Config) -> LeWM:
    model = LeWM(config.dimensions)
    initialize(model, config.training)
    return model


def _frames(count: int) -> torch.Tensor:
    return render(sample_positions(count, torch.Generator().manual_seed(5)), 28)


def test_all_patches_in_any_order_give_the_latents_of_the_whole_frame(tiny: Config) -> None:
    model, frames = _model(tiny), _frames(6)
    generator = torch.Generator().manual_seed(0)
    order = torch.stack([torch.randperm(16, generator=generator) for _ in frames])
    with torch.no_grad():
        latents = encode_sampled(model.encoder, frames, order, torch.zeros(17))
        torch.testing.assert_close(latents, model.encoder(normalize(frames)), atol=1e-5, rtol=0)


def test_a_key_that_counts_for_two_gives_the_latents_of_a_frame_that_has_it_twice(tiny: Config) -> None:
    model, frames = _model(tiny), _frames(6)
    once = torch.arange(5).expand(6, -1)
    twice = torch.cat([once, once[:, 4:]], dim=1)
    bias = torch.zeros(6)
    bias[5] = torch.tensor(2.0).log()
    with torch.no_grad():
        torch.testing.assert_close(
            encode_sampled(model.encoder, frames, once, bias),
            encode_sampled(model.encoder, frames, twice, torch.zeros(7)),
            atol=1e-5,
            rtol=0,
        )


def test_the_dot_is_always_chosen_and_no_patch_twice() -> None:
    frames = render(sample_positions(50, torch.Generator().manual_seed(5)))
    sample = PatchSample(frames.median(dim=0).values, 14, 12, 8)
    chosen = sample.choose(frames, torch.Generator().manual_seed(0))
    assert all(len(row.unique()) == 20 for row in chosen)
    # Red where the dot is: green is below red nowhere else.
    red = (
        (frames[:, 0].int() - frames[:, 1].int())
        .unflatten(2, (16, 14))
        .unflatten(1, (16, 14))
        .sum(dim=(2, 4))
        .flatten(1)
    )
    assert (red.gather(1, chosen[:, :12]).sum(dim=1) / red.sum(dim=1)).min() > 0.9
    assert sample.key_bias(256).exp().sum().item() == pytest.approx(257)
    again = sample.choose(frames, torch.Generator().manual_seed(1))
    assert torch.equal(again[:, :12], chosen[:, :12]) and not torch.equal(again, chosen)


def test_a_run_on_sampled_patches_goes_on_as_if_it_had_not_been_stopped(
    tiny: Config, episodes: Episodes, tmp_path: Path
) -> None:
    config = dataclasses.replace(tiny, training=dataclasses.replace(tiny.training, salient_patches=4, other_patches=3))
    whole = Trainer(config, episodes, tmp_path / "whole", CPU)
    whole.run(4, log_every=1)
    Trainer(config, episodes, tmp_path / "parts", CPU).run(2, log_every=1)
    second = Trainer(config, episodes, tmp_path / "parts", CPU)
    second.run(4, log_every=1)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key


def test_a_checkpoint_from_the_middle_of_a_run_says_that_it_is_not_for_inference(
    tiny: Config, episodes: Episodes, tmp_path: Path
) -> None:
    trainer = Trainer(tiny, episodes, tmp_path, CPU)
    trainer.save(inference=False)
    with pytest.raises(ValueError, match="middle of a run"):
        load_checkpoint(tmp_path / CHECKPOINT, CPU)
    trainer.run(1)
    assert load_checkpoint(tmp_path / CHECKPOINT, CPU).step == 1


def test_a_config_that_asks_for_more_patches_than_there_are_is_refused(tiny: Config) -> None:
    document = tiny.as_dict()
    for salient, others in ((10, 7), (4, 0), (0, 4), (-1, 1)):
        with pytest.raises(ValueError, match="patches"):
            parse(document | {"training": document["training"] | {"salient_patches": salient, "other_patches": others}})
    with pytest.raises(ValueError, match="schedule"):
        parse(document | {"training": document["training"] | {"schedule": "linear"}})
