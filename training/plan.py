"""Planning by the cross-entropy method in latent space, for many agents at once, as stable-worldmodel's `CEMSolver`
does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .config import ACTION_SIZE, FRAMESKIP
from .environments.environment import Encode, Environment
from .episodes import ActionStatistics
from .model import Dimensions, LeWM, normalize
from .rollout import PlanningModel


class Rollouts(Protocol):
    """What CEM needs of a model: `rollout` as LeWM has it."""

    dimensions: Dimensions

    def rollout(self, latent: Tensor, actions: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class CEM:
    """`horizon` in model steps of FRAMESKIP environment steps. `rows_max`: candidate sequences that are rolled out at a
    time. `clip`: policies keep candidates within the environment's bounds, as the reference's `ICEMSolver` and boards
    do; its `CEMSolver` leaves that to the environment."""

    samples: int = 300
    iterations: int = 30
    elites: int = 30
    horizon: int = 5
    rows_max: int = 6000
    clip: bool = False

    @torch.no_grad()
    def plan(
        self,
        model: Rollouts,
        latents: Tensor,
        goals: Tensor,
        generator: torch.Generator,
        bounds: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """latents, goals [B, width] -> z-scored actions [B, horizon, action_in] that bring the last predicted latent
        nearest to the goal.

        Starts at mean 0 and standard deviation 1; candidate 0 is the mean; each iteration takes mean and standard
        deviation from the elites; the answer is the last mean. `bounds`: least and greatest z-scored action
        [action_in], to which candidates are clipped."""
        batch = max(1, self.rows_max // self.samples)
        return torch.cat(
            [self._plan(model, z, g, generator, bounds) for z, g in zip(latents.split(batch), goals.split(batch))]
        )

    def _plan(
        self,
        model: Rollouts,
        latents: Tensor,
        goals: Tensor,
        generator: torch.Generator,
        bounds: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        agents = len(latents)
        shape = (agents, self.horizon, model.dimensions.action_in)
        mean, std = torch.zeros(shape, device=latents.device), torch.ones(shape, device=latents.device)
        starts = latents.repeat_interleave(self.samples, dim=0)
        for _ in range(self.iterations):
            noise = torch.randn(agents, self.samples, *shape[1:], generator=generator).to(latents.device)
            candidates = noise * std.unsqueeze(1) + mean.unsqueeze(1)
            candidates[:, 0] = mean
            if bounds is not None:
                candidates = candidates.clamp(*bounds)
            reached = model.rollout(starts, candidates.flatten(0, 1))[:, -1].unflatten(0, (agents, self.samples))
            cost = (reached - goals.unsqueeze(1)).square().sum(dim=-1)
            best = cost.topk(self.elites, dim=1, largest=False).indices
            elite = candidates[torch.arange(agents, device=best.device).unsqueeze(1), best]
            mean, std = elite.mean(dim=1), elite.std(dim=1)
        # A mean of values within the bounds may be rounded out of them, and without iterations it was never within.
        return mean if bounds is None else mean.clamp(*bounds)


class ModelPolicy:
    """Sees frames of the current state and of the goal only. Plans, carries out the whole plan, plans again."""

    def __init__(
        self, environment: Environment, model: LeWM, statistics: ActionStatistics, solver: CEM, seed: int
    ) -> None:
        self.environment, self.model, self.statistics, self.solver = environment, model, statistics, solver
        self.device = next(model.parameters()).device
        self.world: Rollouts = PlanningModel(model)
        self.generator = torch.Generator().manual_seed(seed)
        self.bounds = self._bounds() if solver.clip else None
        self.plan = torch.empty(0)
        self.done = torch.empty(0, dtype=torch.bool)

    def _bounds(self) -> tuple[Tensor, Tensor]:
        """Least and greatest z-scored action [action_in]."""
        low, high = (
            torch.full((FRAMESKIP, ACTION_SIZE), bound, device=self.device) for bound in self.environment.action_bounds
        )
        return self.statistics.standardize(low).flatten(), self.statistics.standardize(high).flatten()

    @torch.no_grad()
    def encode(self, states: Tensor) -> Tensor:
        """Latents [B, width] of frames of states [B, state size]."""
        return self.model.encode(
            normalize(self.environment.render(states.to(self.device), self.model.dimensions.image))
        )

    def start(self, states: Tensor) -> Tensor:
        """What the world rolls out from."""
        return self.encode(states)

    def __call__(self, states: Tensor, goals: Tensor, step: int) -> Tensor:
        length = self.solver.horizon * FRAMESKIP
        if step % length == 0:
            # An agent that has arrived stays in the batch of the closed loop but needs no plan.
            running = torch.ones(len(states), dtype=torch.bool) if step == 0 else ~self.done
            self.plan = torch.zeros(len(states), length, ACTION_SIZE)
            if running.any():
                start, goal = self.start(states[running]), self.encode(goals[running])
                plan = self.solver.plan(self.world, start, goal, self.generator, self.bounds).cpu()
                self.plan[running] = self.statistics.restore(plan.reshape(len(plan), length, ACTION_SIZE))
            self.done = torch.zeros(len(states), dtype=torch.bool) if step == 0 else self.done
        return self.plan[:, step % length]

    def arrived(self, done: Tensor) -> None:
        self.done = done


class TrueDynamicsPolicy(ModelPolicy):
    """Plans with the environment itself in the predictor's place and the same distance between latents: what is left to
    fail are encoder and planner."""

    def __init__(
        self,
        environment: Environment,
        model: LeWM,
        statistics: ActionStatistics,
        solver: CEM,
        seed: int,
        lookup: Encode | None = None,
    ) -> None:
        """`lookup`: in the place of `encode` for what is imagined."""
        super().__init__(environment, model, statistics, solver, seed)
        self.world = self
        self.dimensions = model.dimensions
        self.lookup = lookup or self.encode

    def start(self, states: Tensor) -> Tensor:
        return states.to(self.device)

    def rollout(self, states: Tensor, actions: Tensor) -> Tensor:
        """states [B, state size], z-scored actions [B, T, action_in] -> the latent after the last action [B, 1,
        width]."""
        world = self.environment.world(states)
        for action in self.statistics.restore(actions.reshape(len(actions), -1, ACTION_SIZE)).unbind(dim=1):
            states = world.step(action)
        return self.lookup(states).unsqueeze(1)
