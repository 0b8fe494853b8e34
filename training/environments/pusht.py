"""Push-T as environment.Environment: episodes of an agent that stays about the block, and what to compare a planner
with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from tqdm import tqdm

from ..config import ACTION_SIZE, Data
from ..episodes import Episodes
from . import pusht_dynamics as dynamics
from .environment import Encode, Pairs, Policy
from .frames import IMAGE, block_size, shrink_picture

AGENT_START, BLOCK_START = (50.0, 450.0), (100.0, 400.0)
REACH = 100.0
TELEPORT_MIN = 100.0


def weak_place(rng: np.random.Generator, state: Sequence[float]) -> np.ndarray:
    """Where the reference's policy for collecting goes: a place drawn around the agent, moved into the square of REACH
    around the block. float64 [2], pixels."""
    agent, block = np.asarray(state[:2]), np.asarray(state[2:4])
    return np.clip(agent + rng.uniform(-1, 1, size=ACTION_SIZE) * dynamics.ACTION_SCALE, block - REACH, block + REACH)


def random_states(count: int, rng: np.random.Generator) -> Tensor:
    """float32 [count, 7]: agent, block and angle drawn as the environment draws starts, at rest."""
    agents = rng.uniform(*AGENT_START, size=(count, 2))
    blocks = rng.uniform(*BLOCK_START, size=(count, 2))
    angles = rng.uniform(-2 * math.pi, 2 * math.pi, size=(count, 1)) % (2 * math.pi)
    return torch.from_numpy(np.hstack([agents, blocks, angles, np.zeros((count, 2))]).astype(np.float32))


def collect(data: Data) -> Episodes:
    """Episodes of `steps_max` steps of the reference's policy for collecting. One that is held for k steps draws a new
    place every k steps, so that there are long pushes too."""
    states = torch.zeros(data.episodes, data.steps_max + 1, dynamics.STATE_SIZE)
    actions = torch.zeros(data.episodes, data.steps_max, ACTION_SIZE)
    starts = random_states(data.episodes, np.random.default_rng([data.seed, data.episodes]))
    for episode in tqdm(range(data.episodes), desc="episodes", unit="episode", leave=False):
        rng, hold = np.random.default_rng([data.seed, episode]), data.action_hold[episode % len(data.action_hold)]
        world = dynamics.Worlds(starts[episode : episode + 1])
        states[episode, 0] = world.states[0]
        place = np.zeros(ACTION_SIZE)
        for step in range(data.steps_max):
            agent = states[episode, step, :2].double().numpy()
            if step % hold == 0:
                place = weak_place(rng, states[episode, step].double().numpy())
            action = np.clip((place - agent) / dynamics.ACTION_SCALE, -1, 1)
            actions[episode, step] = torch.from_numpy(action)
            states[episode, step + 1] = world.step(actions[episode, step].unsqueeze(0))[0]
    none = torch.full((data.episodes, dynamics.STATE_SIZE), math.nan)
    return Episodes(states, actions, torch.full((data.episodes,), data.steps_max), none)


def straight_line(states: Tensor, goals: Tensor, step: int) -> Tensor:
    """Moves the agent straight to where it shall be. It is told the states, which a model is not."""
    return ((goals[:, :2] - states[:, :2]) / dynamics.ACTION_SCALE).clamp(-1, 1)


class PushT:
    """As environment.Environment."""

    sets: tuple[str, ...] = ()
    action_bounds = (-1.0, 1.0)
    action_units = f"{dynamics.ACTION_SCALE} px from the agent to where it is sent"
    draws_slowly = True

    def world(self, states: Tensor) -> dynamics.Worlds:
        return dynamics.Worlds(states)

    def render(self, states: Tensor, image: int = IMAGE) -> Tensor:
        k = block_size(image)
        drawn = (dynamics.draw(state) for state in states.double().tolist())
        frames = torch.from_numpy(np.stack([shrink_picture(frame, k) if k > 1 else frame for frame in drawn]))
        return frames.permute(0, 3, 1, 2).contiguous().to(states.device)

    def reached(self, states: Tensor, goals: Tensor) -> Tensor:
        return dynamics.reached(states, goals)

    def distance_px(self, states: Tensor, goals: Tensor) -> Tensor:
        return (states - goals)[..., :4].norm(dim=-1)

    def factors(self, states: Tensor) -> Tensor:
        """Places of agent and block, sine and cosine of its angle."""
        angle = states[..., 4:5]
        return torch.cat([states[..., :4], angle.sin(), angle.cos()], dim=-1)

    def elsewhere(self, states: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        there = random_states(len(states), np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator))))
        return there, self.distance_px(states, there) > TELEPORT_MIN

    def collect(self, data: Data) -> Episodes:
        return collect(data)

    def pairs(self, name: str, count: int) -> Pairs:
        raise ValueError(f"Push-T has no set of pairs {name!r}")

    def baselines(self, pairs: Pairs) -> dict[str, Policy]:
        result: dict[str, Policy] = {"straight_line": straight_line}
        if pairs.actions is not None:
            recorded = pairs.actions
            still = torch.zeros(len(recorded), ACTION_SIZE)
            result["recorded_actions"] = lambda states, goals, step: (
                recorded[:, step] if step < recorded.shape[1] else still
            )
        return result

    def lookup(self, encode: Encode) -> None:
        return None

    def picture(self, state: Tensor, goal: Tensor, path: Tensor) -> Image.Image:
        """The goal is the green outline of the block and of the agent, the agent's path a blue line."""
        picture = Image.fromarray(dynamics.draw(state.double().tolist()))
        pen = ImageDraw.Draw(picture)
        scale = IMAGE / dynamics.TABLE
        for corners in dynamics.outline(goal.double().tolist()):
            points = [(x * scale, y * scale) for x, y in corners]
            pen.line([*points, points[0]], fill=(0, 150, 0), width=2)
        x, y = (goal[:2] * scale).tolist()
        r = dynamics.AGENT_RADIUS * scale
        pen.ellipse((x - r, y - r, x + r, y + r), outline=(0, 150, 0), width=2)
        if len(path) > 1:
            pen.line([(px * scale, py * scale) for px, py in path[:, :2].tolist()], fill=(40, 80, 255), width=2)
        return picture
