"""Episodes of the noisy expert: collecting, storing, and cutting them into training windows.

An episode file holds states and actions only. Frames are a function of the state and are drawn when they are needed, so the file stays
small and the same file serves every image size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from . import env
from .config import ACTION_SIZE, FRAMESKIP, Data


@dataclass(frozen=True)
class Episodes:
    """states float32 [E, steps + 1, 2], actions float32 [E, steps, 2], lengths int64 [E] (actions taken; what follows is zero), goals
    float32 [E, 2]."""

    states: Tensor
    actions: Tensor
    lengths: Tensor
    goals: Tensor

    def __len__(self) -> int:
        return len(self.states)

    def part(self, chosen: slice) -> Episodes:
        return Episodes(self.states[chosen], self.actions[chosen], self.lengths[chosen], self.goals[chosen])

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **{key: value.numpy() for key, value in vars(self).items()})

    @staticmethod
    def load(path: Path) -> Episodes:
        with np.load(path, allow_pickle=False) as file:
            return Episodes(**{key: torch.from_numpy(file[key]) for key in ("states", "actions", "lengths", "goals")})


def collect(data: Data) -> Episodes:
    """Runs all episodes side by side: uniform start and goal, expert plus normal noise, clipped to -1..1, until the goal is reached or
    `steps_max`.

    The reference collects with noise 3, which leaves the expert a slight drift; smaller noise adds straight runs and passages through the
    door.
    """
    generator = torch.Generator().manual_seed(data.seed)
    position = env.sample_positions(data.episodes, generator)
    # The environment draws goals over the whole square, the wall included.
    goals = env.POSITION_MIN + torch.rand(data.episodes, 2, generator=generator) * (env.POSITION_MAX - env.POSITION_MIN)
    noise = torch.tensor(data.action_noise)[torch.arange(data.episodes) % len(data.action_noise)].unsqueeze(1)
    states = torch.zeros(data.episodes, data.steps_max + 1, 2)
    actions = torch.zeros(data.episodes, data.steps_max, ACTION_SIZE)
    lengths = torch.zeros(data.episodes, dtype=torch.int64)
    running = torch.ones(data.episodes, dtype=torch.bool)
    states[:, 0] = position
    for index in range(data.steps_max):
        action = (env.expert(position, goals) + noise * torch.randn(data.episodes, ACTION_SIZE, generator=generator)).clamp(-1, 1)
        position = torch.where(running.unsqueeze(1), env.step(position, action), position)
        actions[running, index] = action[running]
        states[running, index + 1] = position[running]
        lengths[running] = index + 1
        running &= ~env.reached(position, goals)
    return Episodes(states, actions, lengths, goals)


@dataclass(frozen=True)
class ActionStatistics:
    """Mean and standard deviation of each action component over the training episodes: lists of 2."""

    mean: list[float]
    std: list[float]

    @staticmethod
    def of(episodes: Episodes) -> ActionStatistics:
        taken = torch.arange(episodes.actions.shape[1]) < episodes.lengths.unsqueeze(1)
        actions = episodes.actions[taken].double()
        return ActionStatistics(actions.mean(dim=0).tolist(), actions.std(dim=0).tolist())

    def standardize(self, actions: Tensor) -> Tensor:
        """[..., 2] -> the same, z-scored."""
        return (actions - torch.tensor(self.mean, device=actions.device)) / torch.tensor(self.std, device=actions.device)

    def restore(self, actions: Tensor) -> Tensor:
        return actions * torch.tensor(self.std, device=actions.device) + torch.tensor(self.mean, device=actions.device)


class Windows:
    """Sequences of `frames` frames, FRAMESKIP steps apart, with the actions between them."""

    def __init__(
        self, episodes: Episodes, statistics: ActionStatistics, frames: int, image: int, device: torch.device, cached: bool = False
    ) -> None:
        """`cached`: draws all frames once, into memory, which pays where drawing is slow next to training."""
        self.episodes, self.statistics, self.frames, self.image, self.device = episodes, statistics, frames, image, device
        self.span = FRAMESKIP * (frames - 1)
        starts = (episodes.lengths - self.span + 1).clamp_min(0)
        self.episode = torch.repeat_interleave(torch.arange(len(episodes)), starts)
        first = torch.cumsum(starts, 0) - starts
        self.start = torch.arange(len(self.episode)) - first[self.episode]
        if len(self.episode) == 0:
            raise ValueError(f"no episode has the {self.span} steps that {frames} frames need")
        self.drawn = self._draw_all() if cached else None
        self.encoded = False

    def __len__(self) -> int:
        return len(self.episode)

    def use_encoded(self, encode: Callable[[Tensor], Tensor]) -> None:
        """From now on batches have in the place of each frame what `encode` (frames uint8 [B, 3, image, image] -> [B, width]) gives for it
        now."""
        states = self._all_states()
        parts = [encode(env.render(part.to(self.device), self.image)) for part in tqdm(states.split(64), desc="encoding", unit="batch")]
        self.drawn, self.encoded = torch.cat(parts), True

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Window numbers [B] -> pixels uint8 [B, frames, 3, image, image] (or encoded f32 [B, frames, width]), actions f32
        [B, frames - 1, 10] z-scored, states f32 [B, frames, 2]."""
        episode, start = self.episode[chosen], self.start[chosen]
        at = start.unsqueeze(1) + FRAMESKIP * torch.arange(self.frames)
        states = self.episodes.states[episode.unsqueeze(1), at]
        between = start.unsqueeze(1) + torch.arange(self.span)
        actions = self.statistics.standardize(self.episodes.actions[episode.unsqueeze(1), between])
        actions = actions.view(len(chosen), self.frames - 1, FRAMESKIP * ACTION_SIZE)
        if self.drawn is None:
            pixels = env.render(states.to(self.device).flatten(0, 1), self.image).unflatten(0, states.shape[:2])
        else:
            pixels = self.drawn[self.offsets[episode].unsqueeze(1) + at].to(self.device)
        return pixels, actions.to(self.device), states

    def sample(self, count: int, *seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """`count` windows, uniformly with replacement; the same for the same seeds."""
        chosen = np.random.default_rng(seed).integers(len(self), size=count)
        return self.batch(torch.from_numpy(chosen))

    def _all_states(self) -> Tensor:
        """[frames, 2]; `offsets` then has each episode's first."""
        lengths = self.episodes.lengths + 1
        self.offsets = torch.cumsum(lengths, 0) - lengths
        return self.episodes.states[torch.arange(self.episodes.states.shape[1]) < lengths.unsqueeze(1)]

    def _draw_all(self) -> Tensor:
        states = self._all_states()
        drawn = torch.empty(len(states), 3, self.image, self.image, dtype=torch.uint8)
        for at in tqdm(range(0, len(states), 256), desc="frames", unit="batch", leave=False):
            drawn[at : at + 256] = env.render(states[at : at + 256], self.image)
        return drawn
