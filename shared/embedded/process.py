"""The servers as processes: started as their account, ended by id, never left behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from shared.embedded.account import ENVIRONMENT, Account
from shared.errors import UnavailableError

_POLL_S = 0.01


def launch(command: list[str], *, account: Account, log: Path, last_signal: signal.Signals) -> subprocess.Popen[bytes]:
    """Start a server that gets `last_signal` when the thread that starts it ends (elsewhere the next start ends it).

    It has a session of its own, so that Ctrl-C in a terminal reaches us only and we stop it last.
    """
    setpriv = shutil.which("setpriv")
    if setpriv and sys.platform == "linux":
        command = [setpriv, "--pdeathsig", last_signal.name.removeprefix("SIG"), "--", *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            **account.as_popen,
        )


def stop(process: subprocess.Popen[bytes], signals: list[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait its limit in seconds, until the process has ended; SIGKILL is the last."""
    for number, limit_s in [*signals, (signal.SIGKILL, 10.0)]:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            continue


def end_leftover(pid: int, *, known_by: str, signals: list[tuple[signal.Signals, float]]) -> None:
    """End a server that an earlier run left behind; another process that now has the id is not touched."""
    for number, limit_s in [*signals, (signal.SIGKILL, 10.0)]:
        if known_by not in command_line(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + limit_s
        while known_by in command_line(pid) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def await_nobody_in(folder: Path, *, limit_s: float = 30.0) -> None:
    """Wait until no process works in the folder (Linux): the workers of a killed server may still be writing there.

    Raises UnavailableError with their ids when some still do after the limit.
    """
    deadline = time.monotonic() + limit_s
    while workers := _processes_in(folder):
        if time.monotonic() > deadline:
            raise UnavailableError(f"{folder} is still used by the processes {', '.join(workers)}")
        time.sleep(_POLL_S)


def _processes_in(folder: Path) -> list[str]:
    wanted = str(folder.resolve())
    found: list[str] = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == wanted:  # noqa: PTH115  (a path that is gone must not be resolved)
                found.append(link.parent.name)
    return found


def is_taken(pid: int) -> bool:
    """Whether there is a process of this id, be it a dead one that nobody has reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_line(pid: int) -> str:
    """The command line of a running process; empty when there is none."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return listing.stdout.decode(errors="replace")


def await_port(process: subprocess.Popen[bytes], port: int, *, log: Path, limit_s: float = 30.0) -> None:
    """Wait until the process accepts connections; raises UnavailableError with the end of its log when it does not."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(_POLL_S)
        else:
            return
    raise failed(process, log)


def failed(process: subprocess.Popen[bytes], log: Path) -> UnavailableError:
    """What to raise when a server does not come up: its name and the last lines of its log."""
    state = "is not ready in time" if process.poll() is None else f"ended with {process.returncode}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
    return UnavailableError("\n  ".join([f"{log.stem} {state}, see {log}:", *lines]))


def port_for(name: str, folder: Path) -> int:
    """The loopback port this server had in the folder, when still free, else a free one; kept for the next start."""
    file = folder / "ports.json"
    kept: dict[str, int] = json.loads(file.read_text(encoding="ascii")) if file.exists() else {}
    kept[name] = _bindable(kept.get(name, 0)) or _bindable(0)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(kept), encoding="ascii")
    fresh.replace(file)
    return kept[name]


def _bindable(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return probe.getsockname()[1]
