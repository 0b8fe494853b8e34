"""What training, evaluation and export ask of an environment. All of it is batched: states [B, state size], actions [B,
ACTION_SIZE]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image
from torch import Generator, Tensor

from ..config import Data
from ..episodes import Episodes
from .frames import IMAGE

Policy = Callable[[Tensor, Tensor, int], Tensor]
"""(states, goals, step number) -> actions of this step."""

Encode = Callable[[Tensor], Tensor]
"""States -> latents [B, width] of their frames."""


@dataclass(frozen=True)
class Pairs:
    """Starts and goals; `actions` [B, steps, ACTION_SIZE]: those that led from one to the other, where they were
    recorded."""

    starts: Tensor
    goals: Tensor
    actions: Tensor | None = None


class World(Protocol):
    """Agents side by side, each in a world of its own."""

    def step(self, actions: Tensor) -> Tensor:
        """-> the states after the actions."""
        ...


class Environment(Protocol):
    sets: tuple[str, ...]
    """Names of the sets of pairs that it makes itself, beside those that are cut from recorded episodes."""
    action_bounds: tuple[float, float]
    """Of each value of an action, as the reference's action space has them."""
    action_units: str
    """What an action of 1 does, for people."""
    draws_slowly: bool
    """Whether frames had better be drawn once and kept."""

    def world(self, states: Tensor) -> World:
        """Worlds that begin in the states."""
        ...

    def render(self, states: Tensor, image: int = IMAGE) -> Tensor:
        """Frames on the states' device: uint8 [B, 3, image, image]. At IMAGE they are the reference's; a smaller frame
        has the means of its blocks (frames.py)."""
        ...

    def reached(self, states: Tensor, goals: Tensor) -> Tensor:
        """bool [B]: success as the reference defines it."""
        ...

    def distance_px(self, states: Tensor, goals: Tensor) -> Tensor:
        """[B]: how far what must move is from where it must be."""
        ...

    def factors(self, states: Tensor) -> Tensor:
        """[..., state size] -> [..., K]: what a linear probe should find in a latent."""
        ...

    def elsewhere(self, states: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """States that do not follow from these, and bool [B]: which of them are so far away that it must be seen."""
        ...

    def collect(self, data: Data) -> Episodes: ...

    def pairs(self, name: str, count: int) -> Pairs:
        """Those of one of `sets`."""
        ...

    def baselines(self, pairs: Pairs) -> dict[str, Policy]:
        """What to compare with; some are told more than a frame shows."""
        ...

    def lookup(self, encode: Encode) -> Encode | None:
        """A faster `encode` for planning with the true dynamics, or None where these are too slow for it."""
        ...

    def picture(self, state: Tensor, goal: Tensor, path: Tensor) -> Image.Image:
        """The frame of a state [state size] with the goal and the path [steps, state size] so far drawn in."""
        ...
