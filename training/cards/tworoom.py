"""TwoRoom in words."""

from __future__ import annotations

from ..config import Data
from ..environments.tworoom import DOOR_STEPS
from . import Words

NEAR, FAR = DOOR_STEPS["door_near"], DOOR_STEPS["door_far"]


def _behaviour(data: Data) -> str:
    return f"the environment's expert with action noise {' and '.join(f'{noise:g}' for noise in data.action_noise)}"


def _fails(width: int) -> str:
    return f"""It knows one room layout, one dot and one set of colours; nothing else was ever shown to it. SIGReg
spreads a plane of positions over {width} dimensions, so that the distance between latents, which a plan is to make
small, grows over the first 50 pixels or so and is about the same for all that is farther. It is that of the
straight line, too, and knows nothing of the wall: plans toward goals behind it often end at the wall. The
environment in the predictor's place does not help, as the table shows."""


WORDS = Words(
    title="TwoRoom",
    source="The environment is `swm/TwoRoom-v1` of stable-worldmodel with its default colours, wall and door.",
    behaviour=_behaviour,
    goals=f"""Goals through the door lie in the other room, {NEAR[0]} to {NEAR[1]} (near) or {FAR[0]} to {FAR[1]}
(far) steps away for an expert.""",
    sets={"door_near": "through the door, near", "door_far": "through the door, far"},
    policies={
        "straight_line": "straight toward the goal (is told positions)",
        "expert_without_noise": "expert (is told positions and the door)",
    },
    recorded="Hardly one has a wall in its way: compare with the straight line.",
    factors="position",
    teleported="a teleported dot",
    walk="five episodes of walking to a goal in the other room",
    fails=_fails,
)
