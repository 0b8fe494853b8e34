"""Episodes: states and actions, and how actions are standardised.

Frames are a function of the state and are drawn when they are needed, so an episode file stays small and serves every
image size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .files import replacing


@dataclass(frozen=True)
class Episodes:
    """states float32 [E, steps + 1, state size], actions float32 [E, steps, ACTION_SIZE], lengths int64 [E] (actions
    taken; what follows is zero), goals float32 [E, state size], NaN where an episode has none."""

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
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{key: value.numpy() for key, value in vars(self).items()})

    @staticmethod
    def load(path: Path) -> Episodes:
        with np.load(path, allow_pickle=False) as file:
            return Episodes(**{key: torch.from_numpy(file[key]) for key in ("states", "actions", "lengths", "goals")})


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
        return (actions - torch.tensor(self.mean, device=actions.device)) / torch.tensor(
            self.std, device=actions.device
        )

    def restore(self, actions: Tensor) -> Tensor:
        return actions * torch.tensor(self.std, device=actions.device) + torch.tensor(self.mean, device=actions.device)
