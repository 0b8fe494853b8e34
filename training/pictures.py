"""Pictures of closed-loop episodes for the model card."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from . import env
from .plan import Outcome

EPISODES = 5


def _frame(position: Tensor, goal: Tensor, path: Tensor) -> Image.Image:
    """The environment's frame with the goal as a green circle of the success distance and the path so far as a blue line."""
    picture = Image.fromarray(env.render(position.unsqueeze(0))[0].permute(1, 2, 0).numpy())
    pen = ImageDraw.Draw(picture)
    x, y = goal.tolist()
    r = env.SUCCESS_DISTANCE
    pen.ellipse((x - r, y - r, x + r, y + r), outline=(0, 150, 0), width=2)
    if len(path) > 1:
        pen.line([tuple(point) for point in path.tolist()], fill=(40, 80, 255), width=2)
    return picture


def _row(outcome: Outcome, goals: Tensor, step: int) -> Image.Image:
    count = min(EPISODES, len(goals))
    row = Image.new("RGB", (count * env.IMAGE, env.IMAGE), "white")
    for index in range(count):
        at = min(step, int(outcome.steps[index]))
        positions = outcome.positions[index]
        row.paste(_frame(positions[at], goals[index], positions[: at + 1]), (index * env.IMAGE, 0))
    return row


def contact_sheet(outcome: Outcome, goals: Tensor, path: Path) -> None:
    """The first five episodes at their end, with their paths, as PNG."""
    _row(outcome, goals, outcome.positions.shape[1]).save(path, optimize=True)


def walk_gif(outcome: Outcome, goals: Tensor, path: Path) -> None:
    """The first five episodes side by side, every second step, half size."""
    last = int(outcome.steps[:EPISODES].max())
    rows = [_row(outcome, goals, step) for step in range(0, last + 2, 2)]
    small = [row.resize((row.width // 2, row.height // 2), Image.Resampling.BOX).quantize(64) for row in rows]
    small[0].save(path, save_all=True, append_images=small[1:], duration=120, loop=0, optimize=True)
