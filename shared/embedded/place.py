"""Where the servers' files lie: below the folder asked for, or apart from it when their user cannot enter that."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.embedded.account import Account
from shared.errors import ConfigError

_POINTER = "moved-to"
_LOCK = "lock"


def settle(folder: Path, account: Account) -> Path:
    """The folder itself, created; or one derived from its path that the account can enter, noted in the folder.

    Raises ConfigError when that other folder is somebody else's.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if moved_to(folder) is None and account.can_enter(folder):
        return folder
    apart = _apart(folder)
    apart.mkdir(exist_ok=True)
    if apart.is_symlink() or apart.stat().st_uid != os.geteuid():
        raise ConfigError(f"{apart} belongs to somebody else; it would hold the data of {folder}")
    apart.chmod(0o755)
    (folder / _POINTER).write_text(f"{apart}\n", encoding="utf-8")
    return apart


def moved_to(folder: Path) -> Path | None:
    """Where `settle` put the data of this folder, when that is apart from it."""
    pointer = folder.absolute() / _POINTER
    apart = _apart(folder.absolute())
    # After the folder was moved or copied, the data noted in it belong to the other path.
    return apart if pointer.exists() and pointer.read_text(encoding="utf-8").strip() == str(apart) else None


def _apart(folder: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path("/var/tmp") / f"vouch-{os.geteuid()}-{digest}"  # noqa: S108  (survives a reboot; ownership is checked)


@contextmanager
def held(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the folder for this process; raises ConfigError naming the process that holds it, unless told to wait."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            file.seek(0)
            raise ConfigError(f"{folder} is in use by the running process {file.read().strip()}") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
