from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.evaluation_set import episode_names, read_episode, write_evaluation_set

ROOT = Path(__file__).resolve().parents[2]


def members() -> dict[str, bytes]:
    """Two episodes of two frames, each frame of one value."""
    made = {}
    for episode, name in enumerate(("calibration-00", "test-00")):
        for frame in range(2):
            file = io.BytesIO()
            Image.fromarray(np.full((4, 4, 3), 10 * episode + frame, np.uint8)).save(file, "PNG")
            made[f"{name}/frame-{frame:02d}.png"] = file.getvalue()
        made[f"{name}/episode.json"] = json.dumps({"actions": [[episode]]}).encode()
    return made


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "eval.zip"
    write_evaluation_set(path, members())
    assert episode_names(path) == ["calibration-00", "test-00"] and episode_names(path, "test") == ["test-00"]
    pixels, episode = read_episode(path, "test-00")
    assert pixels.shape == (2, 4, 4, 3) and pixels[:, 0, 0, 0].tolist() == [10, 11] and episode == {"actions": [[1]]}


def test_the_same_members_make_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    made = members()
    write_evaluation_set(tmp_path / "a.zip", made)
    write_evaluation_set(tmp_path / "b.zip", dict(reversed(made.items())))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("name", ["lewm-tworoom", "lewm-tworoom-small"])
def test_a_shipped_set_is_what_its_members_make(name: str, tmp_path: Path) -> None:
    shipped = ROOT / "models" / name / "eval.zip"
    with zipfile.ZipFile(shipped) as archive:
        write_evaluation_set(tmp_path / "again.zip", {member: archive.read(member) for member in archive.namelist()})
    assert (tmp_path / "again.zip").read_bytes() == shipped.read_bytes()


def test_what_is_no_evaluation_set_is_said_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "eval.zip"
    write_evaluation_set(path, members())
    with pytest.raises(ValueError, match="has no episode test-01; expected one of calibration-00, test-00"):
        read_episode(path, "test-01")
    whole = path.read_bytes()
    for damaged in (b"", whole[:-30], whole.replace(b"PNG", b"GNP", 1)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path}: .*expected a zip archive of episodes"):
            read_episode(path, "calibration-00")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test-00/frame-00.png", bytes(65 << 20))
    with pytest.raises(ValueError, match="frame-00.png claims 68157440 bytes; expected at most 67108864"):
        read_episode(path, "test-00")
