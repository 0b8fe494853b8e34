"""Pictures of closed-loop episodes for the model card."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor

from .closed_loop import Outcome
from .environments.environment import Environment
from .environments.frames import IMAGE
from .files import replacing

EPISODES = 5


def _row(environment: Environment, outcome: Outcome, goals: Tensor, step: int) -> Image.Image:
    count = min(EPISODES, len(goals))
    row = Image.new("RGB", (count * IMAGE, IMAGE), "white")
    for index in range(count):
        at = min(step, int(outcome.steps[index]))
        states = outcome.states[index]
        row.paste(environment.picture(states[at], goals[index], states[: at + 1]), (index * IMAGE, 0))
    return row


def contact_sheet(environment: Environment, outcome: Outcome, goals: Tensor, path: Path) -> None:
    """The first five episodes at their end, with their paths, as PNG."""
    with replacing(path) as temporary:
        _row(environment, outcome, goals, outcome.states.shape[1]).save(temporary, optimize=True)


def walk_gif(environment: Environment, outcome: Outcome, goals: Tensor, path: Path) -> None:
    """The first five episodes side by side, every second step, half size."""
    last = int(outcome.steps[:EPISODES].max())
    rows = [_row(environment, outcome, goals, step) for step in range(0, last + 2, 2)]
    small = [row.resize((row.width // 2, row.height // 2), Image.Resampling.BOX).quantize(64) for row in rows]
    with replacing(path) as temporary:
        small[0].save(temporary, save_all=True, append_images=small[1:], duration=120, loop=0, optimize=True)
