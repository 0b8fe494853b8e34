"""Planning by the cross-entropy method in latent space, for many agents at once, as stable-worldmodel's `CEMSolver` does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from . import env
from .config import ACTION_SIZE, FRAMESKIP
from .data import ActionStatistics
from .model import Dimensions, LeWM, normalize
from .rollout import PlanningModel

Policy = Callable[[Tensor, Tensor, int], Tensor]
"""(positions [B, 2], goals [B, 2], step number) -> actions [B, 2] of this step."""


class World(Protocol):
    """What CEM needs of a model: `rollout` as LeWM has it."""

    dimensions: Dimensions

    def rollout(self, latent: Tensor, actions: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class CEM:
    """`horizon` in model steps of FRAMESKIP environment steps. `rows_max`: candidate sequences that are rolled out at a time."""

    samples: int = 300
    iterations: int = 30
    elites: int = 30
    horizon: int = 5
    rows_max: int = 6000

    @torch.no_grad()
    def plan(self, model: World, latents: Tensor, goals: Tensor, generator: torch.Generator) -> Tensor:
        """latents, goals [B, width] -> z-scored actions [B, horizon, action_in] that bring the last predicted latent nearest to the goal.

        Starts at mean 0 and standard deviation 1; candidate 0 is the mean; each iteration takes mean and standard deviation from the
        elites; the answer is the last mean.
        """
        batch = max(1, self.rows_max // self.samples)
        return torch.cat([self._plan(model, z, g, generator) for z, g in zip(latents.split(batch), goals.split(batch))])

    def _plan(self, model: World, latents: Tensor, goals: Tensor, generator: torch.Generator) -> Tensor:
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
        self.world: World = PlanningModel(model)
        self.generator = torch.Generator().manual_seed(seed)
        self.plan = torch.empty(0)
        self.done = torch.empty(0, dtype=torch.bool)

    @torch.no_grad()
    def encode(self, positions: Tensor) -> Tensor:
        """Latents [B, width] of frames at positions [B, 2]."""
        return self.model.encode(normalize(env.render(positions.to(self.device), self.model.dimensions.image)))

    def start(self, positions: Tensor) -> Tensor:
        """What the world rolls out from."""
        return self.encode(positions)

    def __call__(self, positions: Tensor, goals: Tensor, step: int) -> Tensor:
        length = self.solver.horizon * FRAMESKIP
        if step % length == 0:
            # An agent that has arrived stays in the batch of the closed loop but needs no plan.
            running = torch.ones(len(positions), dtype=torch.bool) if step == 0 else ~self.done
            self.plan = torch.zeros(len(positions), length, ACTION_SIZE)
            if running.any():
                start, goal = self.start(positions[running]), self.encode(goals[running])
                plan = self.solver.plan(self.world, start, goal, self.generator).cpu()
                self.plan[running] = self.statistics.restore(plan.reshape(len(plan), length, ACTION_SIZE))
            self.done = torch.zeros(len(positions), dtype=torch.bool) if step == 0 else self.done
        return self.plan[:, step % length]

    def arrived(self, done: Tensor) -> None:
        self.done = done


class TrueDynamicsPolicy(ModelPolicy):
    """Plans with the environment itself in the predictor's place and the same distance between latents: what is left to fail are encoder
    and planner.

    Latents are read from a table of frames GRID pixels apart.
    """

    GRID = 3.0

    def __init__(self, model: LeWM, statistics: ActionStatistics, solver: CEM, seed: int) -> None:
        super().__init__(model, statistics, solver, seed)
        self.world = self
        self.dimensions = model.dimensions
        self.low = env.BORDER + env.RADIUS
        axis = torch.arange(self.low, env.IMAGE - env.BORDER - env.RADIUS + 1, self.GRID)
        self.side = len(axis)
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        places = torch.stack([x, y], dim=-1).view(-1, 2)
        self.table = torch.cat([self.encode(part) for part in places.split(256)])

    def start(self, positions: Tensor) -> Tensor:
        return positions.to(self.device)

    def rollout(self, positions: Tensor, actions: Tensor) -> Tensor:
        """positions [B, 2], z-scored actions [B, T, action_in] -> the latent after the last action [B, 1, width]."""
        for action in self.statistics.restore(actions.reshape(len(actions), -1, ACTION_SIZE)).unbind(dim=1):
            positions = env.step(positions, action)
        cell = ((positions - self.low) / self.GRID).round().long().clamp(0, self.side - 1)
        return self.table[cell[:, 1] * self.side + cell[:, 0]].unsqueeze(1)


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
