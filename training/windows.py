"""Training windows: short sequences of frames cut from episodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .config import ACTION_SIZE, FRAMESKIP
from .environments.environment import Environment
from .episodes import ActionStatistics, Episodes


class Windows:
    """Sequences of `frames` frames, FRAMESKIP steps apart, with the actions between them."""

    def __init__(
        self,
        environment: Environment,
        episodes: Episodes,
        statistics: ActionStatistics,
        frames: int,
        image: int,
        device: torch.device,
        cached: bool = False,
    ) -> None:
        """`cached`: draws all frames once, into memory, which pays where drawing is slow next to training. If it is
        slow in itself, windows begin at every FRAMESKIPth step alone, which needs a fifth of the frames."""
        self.environment = environment
        self.episodes, self.statistics, self.frames, self.image, self.device = (
            episodes,
            statistics,
            frames,
            image,
            device,
        )
        self.span = FRAMESKIP * (frames - 1)
        self.stride = FRAMESKIP if cached and environment.draws_slowly else 1
        starts = (torch.div(episodes.lengths - self.span, self.stride, rounding_mode="floor") + 1).clamp_min(0)
        self.episode = torch.repeat_interleave(torch.arange(len(episodes)), starts)
        first = torch.cumsum(starts, 0) - starts
        self.start = self.stride * (torch.arange(len(self.episode)) - first[self.episode])
        if len(self.episode) == 0:
            raise ValueError(f"no episode has the {self.span} steps that {frames} frames need")
        self.drawn = self._draw_all() if cached else None
        self.encoded = False

    def __len__(self) -> int:
        return len(self.episode)

    def use_encoded(self, encode: Callable[[Tensor], Tensor]) -> None:
        """From now on batches have in the place of each frame what `encode` (frames uint8 [B, 3, image, image] -> [B,
        width]) gives for it now."""
        states = self._all_states()
        parts = [
            encode(self.environment.render(part.to(self.device), self.image))
            for part in tqdm(states.split(64), desc="encoding", unit="batch")
        ]
        self.drawn, self.encoded = torch.cat(parts), True

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Window numbers [B] -> pixels uint8 [B, frames, 3, image, image] (or encoded f32 [B, frames, width]), actions
        f32 [B, frames - 1, 10] z-scored, states f32 [B, frames, state size]."""
        episode, start = self.episode[chosen], self.start[chosen]
        at = start.unsqueeze(1) + FRAMESKIP * torch.arange(self.frames)
        states = self.episodes.states[episode.unsqueeze(1), at]
        between = start.unsqueeze(1) + torch.arange(self.span)
        actions = self.statistics.standardize(self.episodes.actions[episode.unsqueeze(1), between])
        actions = actions.view(len(chosen), self.frames - 1, FRAMESKIP * ACTION_SIZE)
        if self.drawn is None:
            pixels = self.environment.render(states.to(self.device).flatten(0, 1), self.image).unflatten(
                0, states.shape[:2]
            )
        else:
            pixels = self.drawn[self.offsets[episode].unsqueeze(1) + at // self.stride].to(self.device)
        return pixels, actions.to(self.device), states

    def sample(self, count: int, *seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """`count` windows, uniformly with replacement; the same for the same seeds."""
        chosen = np.random.default_rng(seed).integers(len(self), size=count)
        return self.batch(torch.from_numpy(chosen))

    def _all_states(self) -> Tensor:
        """[frames, state size], those that windows may have; `offsets` then has each episode's first."""
        states = self.episodes.states[:, :: self.stride]
        lengths = self.episodes.lengths // self.stride + 1
        self.offsets = torch.cumsum(lengths, 0) - lengths
        return states[torch.arange(states.shape[1]) < lengths.unsqueeze(1)]

    def _draw_all(self) -> Tensor:
        states = self._all_states()
        drawn = torch.empty(len(states), 3, self.image, self.image, dtype=torch.uint8)
        for at in tqdm(range(0, len(states), 256), desc="frames", unit="batch", leave=False):
            drawn[at : at + 256] = self.environment.render(states[at : at + 256], self.image)
        return drawn
