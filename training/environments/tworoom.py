"""TwoRoom as environment.Environment: the noisy expert's episodes, goals through the door, and what to compare a
planner with."""

from __future__ import annotations

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..closed_loop import closed_loop
from ..config import ACTION_SIZE, Data
from ..episodes import Episodes
from . import tworoom_dynamics as dynamics
from .environment import Encode, Pairs, Policy
from .frames import IMAGE

TELEPORT_MIN = 25.0
PAIRS_SEED = 42
DOOR_STEPS = {"door_near": (8, 18), "door_far": (19, 35)}
TABLE_GRID = 3.0


def straight_line(positions: Tensor, goals: Tensor, step: int) -> Tensor:
    """Moves toward the goal as if there were no wall. It is told the positions, which a model is not."""
    return dynamics.toward(positions, goals)


def oracle(positions: Tensor, goals: Tensor, step: int) -> Tensor:
    """The expert without noise, which knows positions and the door: what is possible."""
    return dynamics.expert(positions, goals)


def collect(data: Data) -> Episodes:
    """Runs all episodes side by side: uniform start and goal, expert plus normal noise, clipped to -1..1, until the
    goal is reached or `steps_max`.

    The reference collects with noise 3, which leaves the expert a slight drift; smaller noise adds straight runs and
    passages through the door.
    """
    generator = torch.Generator().manual_seed(data.seed)
    position = dynamics.sample_positions(data.episodes, generator)
    # The environment draws goals over the whole square, the wall included.
    goals = dynamics.POSITION_MIN + torch.rand(data.episodes, 2, generator=generator) * (
        dynamics.POSITION_MAX - dynamics.POSITION_MIN
    )
    noise = torch.tensor(data.action_noise)[torch.arange(data.episodes) % len(data.action_noise)].unsqueeze(1)
    states = torch.zeros(data.episodes, data.steps_max + 1, 2)
    actions = torch.zeros(data.episodes, data.steps_max, ACTION_SIZE)
    lengths = torch.zeros(data.episodes, dtype=torch.int64)
    running = torch.ones(data.episodes, dtype=torch.bool)
    states[:, 0] = position
    for index in range(data.steps_max):
        action = (
            dynamics.expert(position, goals) + noise * torch.randn(data.episodes, ACTION_SIZE, generator=generator)
        ).clamp(-1, 1)
        position = torch.where(running.unsqueeze(1), dynamics.step(position, action), position)
        actions[running, index] = action[running]
        states[running, index + 1] = position[running]
        lengths[running] = index + 1
        running &= ~dynamics.reached(position, goals)
    return Episodes(states, actions, lengths, goals)


def door_pairs(count: int, steps: tuple[int, int]) -> Pairs:
    """Starts and goals in different rooms, so that every way leads through the door. The noiseless expert needs a
    number of steps in the range `steps`."""
    generator = torch.Generator().manual_seed(PAIRS_SEED)
    starts, goals = dynamics.sample_positions(400 * count, generator), dynamics.sample_positions(400 * count, generator)
    low, high = dynamics.BORDER + dynamics.RADIUS, IMAGE - dynamics.BORDER - dynamics.RADIUS
    inside = ((starts > low) & (starts < high) & (goals > low) & (goals < high)).all(dim=1)
    opposite = (starts[:, 0] > dynamics.WALL_CENTER) != (goals[:, 0] > dynamics.WALL_CENTER)
    outcome = closed_loop(TwoRoom(), oracle, starts, goals)
    chosen = (
        inside & opposite & outcome.success & (outcome.steps >= steps[0]) & (outcome.steps <= steps[1])
    ).nonzero()[:count, 0]
    return Pairs(starts[chosen], goals[chosen])


class _World:
    def __init__(self, positions: Tensor) -> None:
        self.positions = positions

    def step(self, actions: Tensor) -> Tensor:
        self.positions = dynamics.step(self.positions, actions)
        return self.positions


class _Table:
    """Latents of frames TABLE_GRID pixels apart, in the place of the frame at a position the nearest."""

    def __init__(self, encode: Encode) -> None:
        self.low = dynamics.BORDER + dynamics.RADIUS
        axis = torch.arange(self.low, IMAGE - dynamics.BORDER - dynamics.RADIUS + 1, TABLE_GRID)
        self.side = len(axis)
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        places = torch.stack([x, y], dim=-1).view(-1, 2)
        self.latents = torch.cat([encode(part) for part in places.split(256)])

    def __call__(self, positions: Tensor) -> Tensor:
        cell = ((positions - self.low) / TABLE_GRID).round().long().clamp(0, self.side - 1)
        return self.latents[cell[:, 1] * self.side + cell[:, 0]]


class TwoRoom:
    """As environment.Environment. A state is the dot's position."""

    sets = tuple(DOOR_STEPS)
    action_bounds = (-1.0, 1.0)
    action_units = f"{dynamics.SPEED:g} px of movement"
    draws_slowly = False

    def world(self, states: Tensor) -> _World:
        return _World(states)

    def render(self, states: Tensor, image: int = IMAGE) -> Tensor:
        return dynamics.render(states, image)

    def reached(self, states: Tensor, goals: Tensor) -> Tensor:
        return dynamics.reached(states, goals)

    def distance_px(self, states: Tensor, goals: Tensor) -> Tensor:
        return (states - goals).norm(dim=-1)

    def factors(self, states: Tensor) -> Tensor:
        return states

    def elsewhere(self, states: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        there = dynamics.sample_positions(len(states), generator)
        return there, (there - states).norm(dim=1) > TELEPORT_MIN

    def collect(self, data: Data) -> Episodes:
        return collect(data)

    def pairs(self, name: str, count: int) -> Pairs:
        return door_pairs(count, DOOR_STEPS[name])

    def baselines(self, pairs: Pairs) -> dict[str, Policy]:
        return {"straight_line": straight_line, "expert_without_noise": oracle}

    def lookup(self, encode: Encode) -> Encode:
        return _Table(encode)

    def picture(self, state: Tensor, goal: Tensor, path: Tensor) -> Image.Image:
        """The goal is a green circle of the success distance, the path a blue line."""
        picture = Image.fromarray(dynamics.render(state.unsqueeze(0))[0].permute(1, 2, 0).numpy())
        pen = ImageDraw.Draw(picture)
        x, y = goal.tolist()
        pen.ellipse(
            (
                x - dynamics.SUCCESS_DISTANCE,
                y - dynamics.SUCCESS_DISTANCE,
                x + dynamics.SUCCESS_DISTANCE,
                y + dynamics.SUCCESS_DISTANCE,
            ),
            outline=(0, 150, 0),
            width=2,
        )
        if len(path) > 1:
            pen.line([tuple(point) for point in path.tolist()], fill=(40, 80, 255), width=2)
        return picture
