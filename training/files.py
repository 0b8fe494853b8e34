"""Files that are there as a whole or as they were before."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file with the suffix of `path`, in its folder, that takes its place when the block ends well and is removed when it does
    not. A symbolic link stays one, and the file behind it is replaced; a file that was there keeps its mode. Raises OSError."""
    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{secrets.token_hex(8)}{place.suffix}")
    try:
        yield temporary
        if place.exists():
            temporary.chmod(stat.S_IMODE(place.stat().st_mode))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """As `Path.write_text`, all of it or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text)
