"""Who runs the servers: PostgreSQL refuses root, so root hands them to an unprivileged user."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from shared.errors import ConfigError

# Nothing of the user's environment (PGHOST, LD_LIBRARY_PATH, ...) may reach a server that brings its own libraries.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class PopenUser(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The user and group the servers run as."""

    uid: int
    gid: int

    @property
    def as_popen(self) -> PopenUser:
        """What `subprocess` needs to start a child as this account; empty when that is ourselves."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Whether this account reaches the folder, tried by a child that runs as it."""
        return self._succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])

    def can_run(self, binary: Path) -> bool:
        """Whether this account can execute the binary with the libraries there are."""
        return self._succeeds([str(binary), "-h" if binary.name == "mosquitto" else "--version"])

    def own(self, path: Path) -> None:
        """Make this account the owner of the path."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)

    def _succeeds(self, command: list[str]) -> bool:
        try:
            ended = subprocess.run(
                command, capture_output=True, check=False, timeout=30, cwd="/", env=ENVIRONMENT, **self.as_popen
            )
        except OSError:
            return False
        # mosquitto -h prints its help and exits with 3.
        return ended.returncode in {0, 3}


def for_servers() -> Account:
    """Ourselves, or `nobody` when we are root; raises ConfigError where there is no such user."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ConfigError("PostgreSQL does not run as root, and this machine has no user 'nobody'") from error
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)
