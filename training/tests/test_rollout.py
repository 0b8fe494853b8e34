from __future__ import annotations

import dataclasses

import pytest
import torch

from training.config import Config
from training.model import LeWM
from training.rollout import PlanningModel


@pytest.mark.parametrize("history", [1, 2, 3, 4])
def test_the_planning_model_rolls_out_as_the_model_does(tiny: Config, history: int) -> None:
    generator = torch.Generator().manual_seed(history)
    model = LeWM(dataclasses.replace(tiny.dimensions, history_frames=history))
    for value in model.predictor.parameters():
        value.data.normal_(std=0.3, generator=generator)
    latents, actions = torch.randn(5, 32, generator=generator), torch.randn(5, 7, 10, generator=generator)
    with torch.no_grad():
        expected = model.rollout(latents, actions)
        torch.testing.assert_close(PlanningModel(model).rollout(latents, actions), expected, atol=1e-5, rtol=1e-5)
        # Frames and actions before the last must matter, or the comparison says nothing.
        earlier = actions.clone()
        earlier[:, 0] += 1
        assert (model.rollout(latents, earlier)[:, 1] - expected[:, 1]).abs().max() > 1e-3


def test_any_number_of_rows_at_a_time_gives_the_same(tiny: Config) -> None:
    generator = torch.Generator().manual_seed(0)
    model = PlanningModel(LeWM(tiny.dimensions))
    latents, actions = torch.randn(650, 32, generator=generator), torch.randn(650, 5, 10, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(
            model.rollout(latents, actions)[640:], model.rollout(latents[640:], actions[640:]), atol=1e-5, rtol=1e-5
        )
