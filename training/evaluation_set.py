"""An evaluation set as one file: a plain zip archive of `<episode>/episode.json` and `<episode>/frame-NN.png`, nothing
compressed twice.

Members are stored: PNG frames would not shrink, a reader finds each at its place in the file, and the bytes depend on
no version of zlib. Names are in order, times are those before which zip has none and modes are equal, so the same
episodes make the same file anywhere."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from .files import replacing

EVALUATION_SET = "eval.zip"
"""Name in the folder of an exported model."""
EPISODE = "episode.json"

_UNIX = 3
_MODE = 0o100644
_FIRST_TIME = (1980, 1, 1, 0, 0, 0)
_MEMBER_BYTES_MAX = 64 << 20


def write_evaluation_set(path: Path, members: Mapping[str, bytes]) -> None:
    """`members`: contents by name, such as `test-00/frame-00.png`. The file is there as a whole or not at all."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _FIRST_TIME)
            info.create_system, info.external_attr = _UNIX, _MODE << 16
            archive.writestr(info, members[name])


def episode_names(path: Path, split: str = "") -> list[str]:
    """Names of the episodes whose name begins with `split`, `calibration` or `test`, in order."""
    with _opened(path) as archive:
        folders = (name.rpartition("/") for name in archive.namelist())
        return sorted(folder for folder, _, file in folders if file == EPISODE and folder.startswith(split))


def read_episode(path: Path, name: str) -> tuple[np.ndarray, dict]:
    """The frames of an episode, uint8 [frames, height, width, 3], and its actions, states and latents."""
    with _opened(path) as archive:
        frames = sorted(
            member for member in archive.namelist() if member.startswith(f"{name}/") and member.endswith(".png")
        )
        if not frames:
            raise ValueError(f"{path}: has no episode {name}; expected one of {', '.join(episode_names(path))}")
        pixels = np.stack(
            [np.array(Image.open(io.BytesIO(_content(archive, frame))).convert("RGB")) for frame in frames]
        )
        return pixels, json.loads(_content(archive, f"{name}/{EPISODE}"))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: {error}; expected a zip archive of episodes") from error


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"{archive.filename}: has no {name}; expected a zip archive of episodes") from None
    if info.file_size > _MEMBER_BYTES_MAX:
        raise ValueError(
            f"{archive.filename}: {name} claims {info.file_size} bytes; expected at most {_MEMBER_BYTES_MAX}"
        )
    return archive.read(info)
