"""Cuts the lock file down: `python runtime_lock.py requirements.lock [root...]` writes what the roots need, hashes too.

Without roots: the dependencies of the project itself, without those of its extras. Who needs what is read from the
`# via` notes of the lock file.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def entries(lock: str) -> dict[str, str]:
    """The text of each package in the lock file, by its name."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines():
        if line and not line[0].isspace() and line[0] != "#":
            name = canonical(line)
            # A package may be named once for each range of Python versions.
            found.setdefault(name, "")
        if name:
            found[name] += f"{line}\n"
    return found


def canonical(requirement: str) -> str:
    """The name a requirement begins with, as the index compares it."""
    match = _NAME.match(requirement)
    if match is None:
        raise SystemExit(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def needed(packages: dict[str, str], roots: Iterable[str]) -> set[str]:
    """The roots and all that they need; raises SystemExit naming a root that is not locked."""
    wanted_by: dict[str, set[str]] = {}
    for name, text in packages.items():
        notes = [line.strip().removeprefix("#").strip() for line in text.splitlines() if line.lstrip().startswith("#")]
        for note in " ".join(notes).removeprefix("via").split():
            wanted_by.setdefault(note.lower(), set()).add(name)
    queue, found = list(roots), set[str]()
    while queue:
        name = queue.pop()
        if name not in packages:
            raise SystemExit(f"{name} is not in the lock file")
        if name not in found:
            found.add(name)
            queue += wanted_by.get(name, set())
    return found


def main(lock: str, *roots: str) -> None:
    """Write the part of the lock file to standard output."""
    packages = entries(Path(lock).read_text(encoding="utf-8"))
    project = tomllib.loads(Path(lock).with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = needed(packages, roots or [canonical(requirement) for requirement in project["dependencies"]])
    sys.stdout.write("".join(packages[name] for name in sorted(wanted)))


if __name__ == "__main__":
    main(*sys.argv[1:])
