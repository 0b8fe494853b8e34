"""TwoRoom (`swm/TwoRoom-v1` of stable-worldmodel) for many agents at once: dynamics, frames and the expert, without a
simulator.

A red dot moves in a square of 224 pixels that a vertical wall with one door divides. States are the dot's centre [x, y]
in pixels. The environment's optional variations (colours, more doors, a horizontal wall) are at their defaults, as in
the published data set. Every formula is evaluated in float32 in the order in which the reference evaluates it, so that
states and frames agree bit for bit on a CPU."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from .frames import IMAGE, block_size, shrink

BORDER = 14
BORDER_LINE = 4
RADIUS = 7.0
SPEED = 5.0
WALL_CENTER = 112.0
WALL_HALF = 5.0
DOOR_CENTER = 49.0
DOOR_HALF = 14.0
DOOR_MARGIN = 1.75
DOOR_REACHED = 10.5
SUCCESS_DISTANCE = 16.0
POSITION_MIN, POSITION_MAX = float(BORDER), float(IMAGE - BORDER - 1)

# Beyond this distance the dot's opacity is below 2^-25, where blending in float32 leaves every colour as it is.
DOT_REACH = 42


def step(position: Tensor, action: Tensor) -> Tensor:
    """One step. position [..., 2] pixels, action [..., 2] (clamped to -1..1) -> the next position. Walls stop the dot,
    the wall with a push back."""
    target = position + action.clamp(-1.0, 1.0) * SPEED
    target = target.clamp(BORDER + RADIUS, IMAGE - BORDER - RADIUS)
    x, y = target.unbind(-1)
    in_door = (y >= DOOR_CENTER - DOOR_HALF - DOOR_MARGIN) & (y <= DOOR_CENTER + DOOR_HALF + DOOR_MARGIN)
    left, right = WALL_CENTER - WALL_HALF - RADIUS, WALL_CENTER + WALL_HALF + RADIUS
    started_left = position[..., 0] < WALL_CENTER
    x = torch.where(started_left & (x > left) & ~in_door, left - 0.5, x)
    x = torch.where(~started_left & (x < right) & ~in_door, right + 0.5, x)
    return torch.stack([x, y], dim=-1)


def reached(position: Tensor, goal: Tensor) -> Tensor:
    """bool [...]: success as the environment defines it, less than 16 pixels from the goal."""
    return torch.linalg.vector_norm(position - goal, dim=-1) < SUCCESS_DISTANCE


def sample_positions(count: int, generator: torch.Generator) -> Tensor:
    """float32 [count, 2]: uniform in the square, none inside the wall, as the environment draws starts."""
    accepted = torch.empty(0, 2)
    while len(accepted) < count:
        drawn = POSITION_MIN + torch.rand(2 * count + 8, 2, generator=generator) * (POSITION_MAX - POSITION_MIN)
        accepted = torch.cat([accepted, drawn[(drawn[:, 0] - WALL_CENTER).abs() > WALL_HALF + RADIUS]])
    return accepted[:count]


def expert(position: Tensor, goal: Tensor) -> Tensor:
    """The reference's expert without noise: unit vectors [..., 2] toward the door while the goal is in the other room,
    else toward the goal."""
    door = torch.tensor([WALL_CENTER, DOOR_CENTER])
    other_room = (position[..., 0] > WALL_CENTER) != (goal[..., 0] > WALL_CENTER)
    far_from_door = torch.linalg.vector_norm(door - position, dim=-1) > DOOR_REACHED
    waypoint = torch.where((other_room & far_from_door).unsqueeze(-1), door, goal)
    return toward(position, waypoint)


def toward(position: Tensor, waypoint: Tensor) -> Tensor:
    """Unit vectors [..., 2] from position to waypoint, 0 where they coincide."""
    direction = waypoint - position
    norm = torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    return torch.where(norm > 1e-8, direction / norm.clamp_min(1e-8), torch.zeros_like(direction))


@cache
def _background(device: torch.device) -> Tensor:
    """uint8 [224, 224]: 255, and 0 on the wall and the border lines. All three channels are the same."""
    axis = torch.arange(IMAGE, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    wall = ((x - WALL_CENTER).abs() <= WALL_HALF) & ((y - DOOR_CENTER).abs() > DOOR_HALF)
    for edge in (slice(BORDER - BORDER_LINE, BORDER), slice(IMAGE - BORDER, IMAGE - BORDER + BORDER_LINE)):
        wall[:, edge] = True
        wall[edge, :] = True
    return torch.where(wall, 0, 255).to(torch.uint8).to(device)


def render(position: Tensor, size: int = IMAGE) -> Tensor:
    """Frames of positions [B, 2] on their device: uint8 [B, 3, size, size].

    `size` divides 224. At 224 the frames are the environment's. A smaller frame is the environment's with every block
    of k x k pixels (k = 224 / size) replaced by its mean, rounded half up.
    """
    k = block_size(size)
    device = position.device
    position = position.to(torch.float32)
    background = _background(device)
    # Only a window around the dot differs from the background. It starts and ends on block borders.
    window = min(math.ceil((2 * DOT_REACH + k) / k) * k, IMAGE)
    start = (((position - DOT_REACH) / k).floor().long() * k).clamp(0, IMAGE - window)
    cols = start[:, 0:1] + torch.arange(window, device=device)
    rows = start[:, 1:2] + torch.arange(window, device=device)
    base = background[rows[:, :, None], cols[:, None, :]].float()
    opacity = _dot(rows, cols, position)
    # Red on grey: the red channel blends toward 255, green and blue toward 0.
    faded = base * (1.0 - opacity)
    red = (faded + 255.0 * opacity).to(torch.uint8)
    rest = (faded + 0.0 * opacity).to(torch.uint8)
    patch = torch.stack([red, rest, rest], dim=1)
    canvas = background
    if k > 1:
        patch, canvas = shrink(patch, k), shrink(background[None, None], k)[0, 0]
        rows, cols = rows[:, ::k] // k, cols[:, ::k] // k
    frames = canvas.expand(len(position), 3, size, size).clone()
    index = torch.arange(len(position), device=device)[:, None, None, None]
    frames[
        index, torch.arange(3, device=device)[None, :, None, None], rows[:, None, :, None], cols[:, None, None, :]
    ] = patch
    return frames


def _dot(rows: Tensor, cols: Tensor, position: Tensor) -> Tensor:
    """Opacity [B, H, W] of the dot: a Gaussian bell, divided by its largest value on the pixel grid."""
    dx = cols.float() - position[:, 0:1]
    dy = rows.float() - position[:, 1:2]
    distance2 = (dx * dx)[:, None, :] + (dy * dy)[:, :, None]
    bell = torch.exp(-distance2 / (2.0 * RADIUS * RADIUS))
    return (bell / bell.amax(dim=(1, 2), keepdim=True)).clamp(0, 1)
