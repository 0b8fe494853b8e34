"""Environments by name. Each is imported when it is asked for, as Push-T needs libraries that TwoRoom does not."""

from __future__ import annotations

from .environment import Environment


def environment(name: str) -> Environment:
    """Throws ValueError where a library that it needs is missing."""
    try:
        if name == "tworoom":
            from .tworoom import TwoRoom

            return TwoRoom()
        if name == "pusht":
            from .pusht import PushT

            return PushT()
    except ImportError as error:
        raise ValueError(f"environment {name} needs {error.name}: pip install './training[pusht]'") from error
    raise ValueError(f"no environment {name!r}; there are tworoom and pusht")
