"""What a model card says of an environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..config import Data


@dataclass(frozen=True)
class Words:
    """Parts of sentences have no full stop. `sets` and `policies`: headings of the environment's own sets and
    baselines, in the order of the table. `behaviour`: of what the episodes are. `goals`: what the sets beside the
    recorded goals are. `recorded`: how easy those are. `fails`: of latents of that width."""

    title: str
    source: str
    behaviour: Callable[[Data], str]
    goals: str
    sets: dict[str, str]
    policies: dict[str, str]
    recorded: str
    factors: str
    teleported: str
    walk: str
    fails: Callable[[int], str]


def words(environment: str) -> Words:
    from . import pusht, tworoom

    return {"tworoom": tworoom.WORDS, "pusht": pusht.WORDS}[environment]
