from __future__ import annotations

import torch
from torch import Tensor, nn

from training.data import ActionStatistics
from training.evaluate import auroc, door_pairs, recorded_pairs, wilson
from training.model import Dimensions, LeWM
from training.plan import CEM, TrueDynamicsPolicy, closed_loop, oracle, random_policy, straight_line


class Adder(nn.Module):
    """A world whose latent is the sum of the actions so far."""

    dimensions = Dimensions(action_in=2, width=2)

    def rollout(self, latent: Tensor, actions: Tensor) -> Tensor:
        return latent.unsqueeze(1) + actions.cumsum(dim=1)


def test_cem_finds_actions_that_reach_the_goal() -> None:
    latents, goals = torch.zeros(7, 2), torch.randn(7, 2, generator=torch.Generator().manual_seed(1)) * 2
    solver = CEM(rows_max=900)
    plan = solver.plan(Adder(), latents, goals, torch.Generator().manual_seed(2))
    assert plan.shape == (7, 5, 2)
    assert (Adder().rollout(latents, plan)[:, -1] - goals).norm(dim=1).max() < 0.05


def test_door_pairs_need_the_door() -> None:
    starts, goals = door_pairs(20, (10, 30))
    assert len(starts) == 20
    assert closed_loop(oracle, starts, goals).success.all()
    assert closed_loop(straight_line, starts, goals).success.float().mean() < 0.8
    assert closed_loop(random_policy(1), starts, goals).success.float().mean() < 0.3


def test_pairs_are_fixed(tiny, episodes) -> None:
    first, second = recorded_pairs(tiny, episodes, 10), recorded_pairs(tiny, episodes, 10)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_statistics_of_the_report() -> None:
    low, high = wilson(43, 50)
    assert 0.73 < low < 0.75 and 0.92 < high < 0.94
    assert wilson(0, 50)[0] == 0 and wilson(50, 50)[1] > 0.9999
    assert auroc(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == 1
    assert auroc(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])) == 0.5


def test_true_dynamics_rolls_out_the_environment(tiny, episodes) -> None:
    policy = TrueDynamicsPolicy(LeWM(tiny.dimensions), ActionStatistics.of(episodes), CEM(), 1)
    chosen = (episodes.lengths >= 10).nonzero()[:3, 0]
    raw, states = episodes.actions[chosen, :10], episodes.states[chosen]
    rolled = policy.rollout(states[:, 0], policy.statistics.standardize(raw).reshape(3, 2, 10))
    reached = ((states[:, 10] - policy.low) / policy.GRID).round() * policy.GRID + policy.low
    torch.testing.assert_close(rolled[:, 0], policy.encode(reached), atol=1e-5, rtol=0)
