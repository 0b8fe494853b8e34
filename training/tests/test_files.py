"""Files that are written are whole, or as they were before."""

import os
import stat
from pathlib import Path

import pytest

from training.files import WriteFailed, replacing, write_text


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o640)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("no more")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "real.json").write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_name_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("n" * 250 + ".json")
    write_text(path, "long")
    assert path.read_text() == "long"


def test_a_missing_folder_says_so(tmp_path):
    with pytest.raises(WriteFailed, match=r"report\.json: cannot be written \(ENOENT\).*\[WRITE_FAILED\]"):
        write_text(tmp_path / "missing" / "report.json", "x")


def test_a_suffix_longer_than_the_temporary_name_has_room_for(tmp_path):
    path = tmp_path / ("a." + "s" * 250)
    write_text(path, "long")
    assert path.read_text() == "long"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_what_is_no_regular_file_is_written_into_and_stays(tmp_path):
    path = tmp_path / "pipe.json"
    os.mkfifo(path)
    # Open for both, so that neither side ever waits for the other.
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        write_text(path, "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_says_so_and_stays(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(WriteFailed, match="EISDIR"):
        write_text(tmp_path / "taken", "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_says_so(tmp_path):
    link = tmp_path / "full.json"
    link.symlink_to("/dev/full")
    with pytest.raises(WriteFailed, match="ENOSPC"):
        write_text(link, "x")
    assert link.is_symlink()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_file_stays(tmp_path):
    path = tmp_path / "kept.json"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(WriteFailed, match="EACCES"):
        write_text(path, "new")
    assert path.read_text() == "old"
