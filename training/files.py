"""Files that are there as a whole or as they were before."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What is longer is no suffix by which a writer chooses its format,
# and might make the temporary name longer than names may be.
SUFFIX_BYTES_MAX = 16


class WriteFailed(OSError):
    """A file could not be written, with its name and what the system said."""

    def __init__(self, path: Path, cause: OSError) -> None:
        said = errno.errorcode.get(cause.errno or 0, cause.strerror or str(cause))
        super().__init__(
            f"{path}: cannot be written ({said}); expected a file that may be written, in a folder that exists, on "
            f"a disk with space [WRITE_FAILED]"
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file with the suffix of `path`, in its folder, that takes its place when the block ends well and is
    removed when it does not. A symbolic link stays one, and the file behind it is replaced; a file that was there keeps
    its mode, and its owner where that may be set. What is no regular file (a device, a FIFO) is written into, since it
    cannot be replaced. Raises WriteFailed, also for a file that its owner made read-only."""
    try:
        with _through(path) if path.exists() and not path.is_file() else _instead(path) as temporary:
            yield temporary
    except OSError as error:
        raise WriteFailed(path, error) from error


@contextmanager
def _instead(path: Path) -> Iterator[Path]:
    place = Path(os.path.realpath(path))
    if place.exists() and not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, "this is read-only", str(place))
    suffix = place.suffix if len(os.fsencode(place.suffix)) <= SUFFIX_BYTES_MAX else ""
    temporary = place.with_name(f".{secrets.token_hex(8)}{suffix}")
    try:
        yield temporary
        if place.exists():
            _like_before(temporary, place.stat())
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _through(path: Path) -> Iterator[Path]:
    """A temporary file elsewhere, whose bytes go into `path` when the block ends well."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder", str(path))
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / f"file{path.suffix if len(os.fsencode(path.suffix)) <= SUFFIX_BYTES_MAX else ''}"
        yield temporary
        # Without creating or truncating: neither means anything there.
        with temporary.open("rb") as file, os.fdopen(os.open(path, os.O_WRONLY), "wb") as out:
            shutil.copyfileobj(file, out)


def _like_before(temporary: Path, old: os.stat_result) -> None:
    # Only root may give files away. Owner first: setting it takes bits of the mode away.
    with suppress(OSError):
        os.chown(temporary, old.st_uid, old.st_gid)
    temporary.chmod(stat.S_IMODE(old.st_mode))


def write_text(path: Path, text: str) -> None:
    """As `Path.write_text`, all of it or nothing. Raises WriteFailed."""
    with replacing(path) as temporary:
        temporary.write_text(text)
