"""Running a policy in an environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .environments.environment import Environment, Policy

BUDGET = 50


@dataclass(frozen=True)
class Outcome:
    """success bool [B]; steps int64 [B], the step at which the goal was reached or the budget; states float32 [B,
    budget + 1, state size]."""

    success: Tensor
    steps: Tensor
    states: Tensor


def closed_loop(
    environment: Environment,
    policy: Policy,
    starts: Tensor,
    goals: Tensor,
    budget: int = BUDGET,
    arrived: Callable[[Tensor], None] = lambda done: None,
) -> Outcome:
    """Runs a policy from starts [B, state size] toward goals [B, state size]. An agent that comes near enough to its
    goal stops there; `arrived` is told after each step which have, bool [B]."""
    world, states = environment.world(starts), starts.clone()
    success = torch.zeros(len(starts), dtype=torch.bool)
    steps = torch.full((len(starts),), budget)
    trace = [states]
    for index in range(budget):
        moved = world.step(policy(states, goals, index))
        states = torch.where(success.unsqueeze(1), states, moved)
        now = ~success & environment.reached(states, goals)
        steps[now] = index + 1
        success |= now
        arrived(success)
        trace.append(states)
    return Outcome(success, steps, torch.stack(trace, dim=1))


def random_policy(action_size: int, seed: int) -> Policy:
    """Uniform actions in -1..1."""
    generator = torch.Generator().manual_seed(seed)
    return lambda states, goals, step: torch.rand(len(states), action_size, generator=generator) * 2 - 1
