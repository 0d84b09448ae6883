"""One PostgreSQL cluster in a folder: created once with a password, started on loopback, stopped cleanly."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT, SIGQUIT
from urllib.parse import quote

from shared.embedded import process
from shared.embedded.account import ENVIRONMENT, Account
from shared.embedded.binaries import Postgres
from shared.errors import ConfigError, UnavailableError

# Fast shutdown, then immediate (recovers at the next start).
_SIGNALS = [(SIGINT, 30.0), (SIGQUIT, 10.0)]
_START_LIMIT_S = 120.0
_POLL_S = 0.02


@contextmanager
def running(postgres: Postgres, folder: Path, account: Account, *, durable: bool) -> Iterator[str]:
    """Start the cluster below `folder` (created when new) and yield the URL of its superuser `vouch`, password and all.

    `durable=False` gives up crash safety for speed. Raises UnavailableError when the server does not come up,
    ConfigError when the data belong to another major version or have no password.
    """
    data, log = folder / "postgres", folder / "postgres.log"
    _end_leftover(data)
    if not data.exists():
        _create(postgres, data, account)
    _refuse_other_version(postgres, data)
    password = _password(data)
    port = process.port_for("postgres", folder)
    (data / "postgresql.conf").write_text(_configuration(postgres, port, durable=durable), encoding="utf-8")
    command = [str(postgres.folder / "postgres"), "-D", str(data)]
    server = process.launch(command, account=account, log=log, last_signal=SIGINT)
    try:
        _await_ready(server, data, log)
        yield f"postgresql://vouch:{quote(password, safe='')}@127.0.0.1:{port}/postgres"
    finally:
        process.stop(server, _SIGNALS)


def _create(postgres: Postgres, data: Path, account: Account) -> None:
    # Created aside and renamed last: an interrupted initdb leaves neither half a cluster nor one without its password.
    # Every account of the machine reaches loopback, and a superuser of the database can run programs.
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.own(fresh)
    password = secrets.token_urlsafe(32)
    told = data.with_name("postgres.pwfile")
    options = ["--no-locale", "-E", "UTF8", "-U", "vouch", "--auth=scram-sha-256", f"--pwfile={told}"]
    try:
        # For initdb only: the servers' account cannot read the file that is kept.
        _write_secret(told, password)
        account.own(told)
        command = [str(postgres.folder / "initdb"), *options, "--no-sync", "--no-instructions", "-D", str(fresh)]
        _run(command, account)
    finally:
        told.unlink(missing_ok=True)
    _write_secret(_password_file(data), password)
    fresh.rename(data)


def _write_secret(file: Path, secret: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
        output.write(f"{secret}\n")


def _password_file(data: Path) -> Path:
    return data.with_name("postgres.password")


def _password(data: Path) -> str:
    file = _password_file(data)
    password = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    if not password:
        raise ConfigError(
            f"{data} has no password in {file.name}: made by an earlier version, which let every account of the "
            "machine in, or the file is lost; `make demo-clean` starts anew (or remove the folder)"
        )
    return password


def _run(command: list[str], account: Account) -> None:
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=ENVIRONMENT,
        **account.as_popen,
    )
    if ended.returncode:
        raise UnavailableError(f"{command[0]} ended with {ended.returncode}: {ended.stderr.strip()[-2000:]}")


def _refuse_other_version(postgres: Postgres, data: Path) -> None:
    kept = int((data / "PG_VERSION").read_text(encoding="ascii"))
    if kept != postgres.major:
        raise ConfigError(
            f"{data} was made by PostgreSQL {kept}, but the one found is {postgres.major} ({postgres.origin}); "
            "remove the folder to begin anew"
        )


def _configuration(postgres: Postgres, port: int, *, durable: bool) -> str:
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "port": str(port),
        # No socket file: a path below a deep folder can exceed the limit of the system (107 bytes).
        "unix_socket_directories": "''",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "max_connections": "100",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "track_commit_timestamp": "on",
        # The compiler's library is half of what would have to be fetched.
        "jit": "off",
    }
    if postgres.has_timescaledb:
        settings |= {"shared_preload_libraries": "'timescaledb'", "timescaledb.telemetry_level": "off"}
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    if postgres.has_timescaledb and not durable:
        # The workers hold connections to the template database that tests are copied from.
        settings["timescaledb.max_background_workers"] = "0"
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _end_leftover(data: Path) -> None:
    noted = _pid_file(data)
    if not noted or not noted[0].isdigit():
        return
    pid = int(noted[0])
    process.end_leftover(pid, known_by=f"/postgres -D {data}", signals=_SIGNALS)
    process.await_nobody_in(data)
    if process.is_taken(pid):
        # By another program, or by a dead server nobody has reaped: PostgreSQL would take either for a running one.
        (data / "postmaster.pid").unlink(missing_ok=True)


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []


def _await_ready(server: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    # The eighth line of postmaster.pid says when connections are accepted; pg_ctl waits for the same.
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline and server.poll() is None:
        lines = _pid_file(data)
        if len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(server.pid):
            return
        time.sleep(_POLL_S)
    raise process.failed(server, log)
