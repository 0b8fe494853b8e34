from __future__ import annotations

import torch
from torch import Tensor, nn

from training.closed_loop import closed_loop, random_policy
from training.environments.tworoom import TABLE_GRID, TwoRoom, door_pairs, oracle, straight_line
from training.environments.tworoom_dynamics import BORDER, RADIUS
from training.episodes import ActionStatistics
from training.evaluate import auroc, recorded_pairs, wilson
from training.model import Dimensions, LeWM
from training.plan import CEM, ModelPolicy, TrueDynamicsPolicy


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


def test_a_goal_beyond_the_bounds_is_approached_within_them() -> None:
    """As the test of the device core's planner has it: a bowl whose bottom lies outside in some values is descended to
    the bound."""
    latents, goals = torch.zeros(2, 2), torch.tensor([[9.0, 0.5], [-9.0, -0.5]])
    bounds = torch.tensor([-0.5, -1.0]), torch.tensor([0.125, 0.5])
    plan = CEM(horizon=3).plan(Adder(), latents, goals, torch.Generator().manual_seed(2), bounds)
    assert (plan >= bounds[0]).all() and (plan <= bounds[1]).all()
    torch.testing.assert_close(plan[:, :, 0], torch.tensor([[0.125], [-0.5]]).expand(2, 3))
    assert (plan[:, :, 1].sum(dim=1) - goals[:, 1]).abs().max() < 0.05


def test_a_policy_that_clips_takes_no_action_beyond_the_bounds(tiny, episodes) -> None:
    world, statistics = TwoRoom(), ActionStatistics([0.4, -0.2], [2.0, 3.0])
    taken = {}
    for clip in (False, True):
        policy = ModelPolicy(
            world, LeWM(tiny.dimensions).eval(), statistics, CEM(samples=8, iterations=2, elites=2, clip=clip), 1
        )
        states = episodes.states[:3, 0]
        policy(states, episodes.states[:3, 5], 0)
        taken[clip] = policy.plan
    assert taken[False].abs().max() > 1
    assert taken[True].abs().max() <= 1 + 1e-6


def test_door_pairs_need_the_door() -> None:
    pairs, world = door_pairs(20, (10, 30)), TwoRoom()
    starts, goals = pairs.starts, pairs.goals
    assert len(starts) == 20
    assert closed_loop(world, oracle, starts, goals).success.all()
    assert closed_loop(world, straight_line, starts, goals).success.float().mean() < 0.8
    assert closed_loop(world, random_policy(2, 1), starts, goals).success.float().mean() < 0.3


def test_pairs_are_fixed(tiny, episodes) -> None:
    first, second = recorded_pairs(tiny, episodes, 10), recorded_pairs(tiny, episodes, 10)
    assert torch.equal(first.starts, second.starts) and torch.equal(first.goals, second.goals)


def test_recorded_actions_lead_to_recorded_goals(tiny, episodes) -> None:
    pairs = recorded_pairs(tiny, episodes, 10)
    states = pairs.starts
    for action in pairs.actions.unbind(dim=1):
        states = TwoRoom().world(states).step(action)
    assert torch.equal(states, pairs.goals)


def test_statistics_of_the_report() -> None:
    low, high = wilson(43, 50)
    assert 0.73 < low < 0.75 and 0.92 < high < 0.94
    assert wilson(0, 50)[0] == 0 and wilson(50, 50)[1] > 0.9999
    assert auroc(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == 1
    assert auroc(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])) == 0.5


def test_true_dynamics_rolls_out_the_environment(tiny, episodes) -> None:
    world, model, statistics = TwoRoom(), LeWM(tiny.dimensions), ActionStatistics.of(episodes)
    encode = ModelPolicy(world, model, statistics, CEM(), 1).encode
    chosen = (episodes.lengths >= 10).nonzero()[:3, 0]
    raw, states = episodes.actions[chosen, :10], episodes.states[chosen]
    low = BORDER + RADIUS
    nearest = ((states[:, 10] - low) / TABLE_GRID).round() * TABLE_GRID + low
    for lookup, seen in ((world.lookup(encode), nearest), (None, states[:, 10])):
        policy = TrueDynamicsPolicy(world, model, statistics, CEM(), 1, lookup)
        rolled = policy.rollout(states[:, 0], statistics.standardize(raw).reshape(3, 2, 10))
        torch.testing.assert_close(rolled[:, 0], encode(seen), atol=1e-5, rtol=0)
