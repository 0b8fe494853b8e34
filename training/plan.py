"""Planning by the cross-entropy method in latent space, for many agents at once, as stable-worldmodel's `CEMSolver` does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import env
from .config import ACTION_SIZE, FRAMESKIP
from .data import ActionStatistics
from .model import LeWM, normalize

Policy = Callable[[Tensor, Tensor, int], Tensor]
"""(positions [B, 2], goals [B, 2], step number) -> actions [B, 2] of this step."""


@dataclass(frozen=True)
class CEM:
    """`horizon` in model steps of FRAMESKIP environment steps. `rows_max`: candidate sequences that are rolled out at a time."""

    samples: int = 300
    iterations: int = 30
    elites: int = 30
    horizon: int = 5
    rows_max: int = 6000

    @torch.no_grad()
    def plan(self, model: LeWM, latents: Tensor, goals: Tensor, generator: torch.Generator) -> Tensor:
        """latents, goals [B, width] -> z-scored actions [B, horizon, action_in] that bring the last predicted latent nearest to the goal.

        Starts at mean 0 and standard deviation 1; candidate 0 is the mean; each iteration takes mean and standard deviation from the
        elites; the answer is the last mean.
        """
        batch = max(1, self.rows_max // self.samples)
        return torch.cat([self._plan(model, z, g, generator) for z, g in zip(latents.split(batch), goals.split(batch))])

    def _plan(self, model: LeWM, latents: Tensor, goals: Tensor, generator: torch.Generator) -> Tensor:
        agents = len(latents)
        shape = (agents, self.horizon, model.dimensions.action_in)
        mean, std = torch.zeros(shape, device=latents.device), torch.ones(shape, device=latents.device)
        starts = latents.repeat_interleave(self.samples, dim=0)
        for _ in range(self.iterations):
            noise = torch.randn(agents, self.samples, *shape[1:], generator=generator).to(latents.device)
            candidates = noise * std.unsqueeze(1) + mean.unsqueeze(1)
            candidates[:, 0] = mean
            reached = model.rollout(starts, candidates.flatten(0, 1))[:, -1].unflatten(0, (agents, self.samples))
            cost = (reached - goals.unsqueeze(1)).square().sum(dim=-1)
            best = cost.topk(self.elites, dim=1, largest=False).indices
            elite = candidates[torch.arange(agents, device=best.device).unsqueeze(1), best]
            mean, std = elite.mean(dim=1), elite.std(dim=1)
        return mean


class ModelPolicy:
    """Sees frames of the current position and the goal only. Plans, carries out the whole plan, plans again."""

    def __init__(self, model: LeWM, statistics: ActionStatistics, solver: CEM, seed: int) -> None:
        self.model, self.statistics, self.solver = model, statistics, solver
        self.device = next(model.parameters()).device
        self.generator = torch.Generator().manual_seed(seed)
        self.plan = torch.empty(0)
        self.done = torch.empty(0, dtype=torch.bool)

    @torch.no_grad()
    def encode(self, positions: Tensor) -> Tensor:
        return self.model.encode(normalize(env.render(positions.to(self.device), self.model.dimensions.image)))

    def __call__(self, positions: Tensor, goals: Tensor, step: int) -> Tensor:
        length = self.solver.horizon * FRAMESKIP
        if step % length == 0:
            # An agent that has arrived stays in the batch of the closed loop but needs no plan.
            running = torch.ones(len(positions), dtype=torch.bool) if step == 0 else ~self.done
            self.plan = torch.zeros(len(positions), length, ACTION_SIZE)
            if running.any():
                plan = self.solver.plan(self.model, self.encode(positions[running]), self.encode(goals[running]), self.generator).cpu()
                self.plan[running] = self.statistics.restore(plan.reshape(len(plan), length, ACTION_SIZE))
            self.done = torch.zeros(len(positions), dtype=torch.bool) if step == 0 else self.done
        return self.plan[:, step % length]

    def arrived(self, done: Tensor) -> None:
        self.done = done


@dataclass(frozen=True)
class Outcome:
    """success bool [B]; steps int64 [B], the step at which the goal was reached or the budget; positions float32 [B, budget + 1, 2]."""

    success: Tensor
    steps: Tensor
    positions: Tensor


def closed_loop(policy: Policy, starts: Tensor, goals: Tensor, budget: int = 50) -> Outcome:
    """Runs a policy in the environment from starts [B, 2] toward goals [B, 2]. An agent that comes near enough to its goal stops there."""
    position = starts.clone()
    success = torch.zeros(len(starts), dtype=torch.bool)
    steps = torch.full((len(starts),), budget)
    trace = [position]
    for index in range(budget):
        moved = env.step(position, policy(position, goals, index))
        position = torch.where(success.unsqueeze(1), position, moved)
        now = ~success & env.reached(position, goals)
        steps[now] = index + 1
        success |= now
        if isinstance(policy, ModelPolicy):
            policy.arrived(success)
        trace.append(position)
    return Outcome(success, steps, torch.stack(trace, dim=1))


def straight_line(positions: Tensor, goals: Tensor, step: int) -> Tensor:
    """Moves toward the goal as if there were no wall. It is told the positions, which the model is not."""
    return env.toward(positions, goals)


def oracle(positions: Tensor, goals: Tensor, step: int) -> Tensor:
    """The expert without noise, which knows positions and the door: what is possible."""
    return env.expert(positions, goals)


def random_policy(seed: int) -> Policy:
    """Uniform actions in -1..1."""
    generator = torch.Generator().manual_seed(seed)
    return lambda positions, goals, step: torch.rand(positions.shape, generator=generator) * 2 - 1
