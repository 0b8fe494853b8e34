"""Push-T in words."""

from __future__ import annotations

from ..config import Data
from . import Words


def _behaviour(data: Data) -> str:
    holds = " or ".join(f"{hold}" for hold in data.action_hold)
    return f"""an agent that goes to random places about the block, to each for {holds} steps, and so pushes it
about"""


def _fails(width: int) -> str:
    return """It knows one table, one block, one agent and one set of colours; nothing else was ever shown to it.
Its episodes are of aimless pushing: what a skilled hand does with the block is rare in them."""


WORDS = Words(
    title="Push-T",
    source="The environment is `swm/PushT-v1` of stable-worldmodel with its default shapes and colours.",
    behaviour=_behaviour,
    goals="""A goal is reached when agent and block are less than 20 of the table's 512 pixels from where they shall
be, together, and the block is turned by less than 20 degrees from how it shall lie.""",
    sets={},
    policies={
        "straight_line": "agent straight to its place in the goal (is told positions)",
        "recorded_actions": "the recorded actions again",
    },
    recorded="Straight motion shows how many ask for no push.",
    factors="places of agent and block and the block's angle",
    teleported="a table with all set down elsewhere",
    walk="five episodes of pushing the block to a goal",
    fails=_fails,
)
