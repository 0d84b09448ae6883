"""The whole house as a user runs it: three service processes and the commands, asked over HTTP."""

import json
import os
import socket
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from shared.db.pool import Connection
from tests.waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
_VOUCH = Path(sysconfig.get_path("scripts")) / "vouch"
_START_LIMIT_S = 60.0
Service = Callable[..., "subprocess.Popen[bytes]"]


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """The running services, asked as one who sees everything; `env` is the environment of further commands."""

    env: dict[str, str]
    connection: Connection
    http: httpx.Client
    ingest_metrics: str

    def vouch(self, *arguments: str | Path, limit_s: float = 120) -> str:
        """Run a command to its end, which must be a success; returns what it printed."""
        command = [str(part) for part in (_VOUCH, *arguments)]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=limit_s, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def declare(self, example: str) -> None:
        """Load fleet and contract of one of the shipped examples."""
        self.vouch("fleet", "load", EXAMPLES / example / "fleet.yaml")
        self.vouch("contract", "load", EXAMPLES / example / "contract.yaml")

    def replay(self, example: str, data: Path, limit_s: float = 120) -> str:
        """Publish the data of an example as fast as it is taken; returns the summary."""
        return self.vouch("replay", EXAMPLES / example / "replay.yaml", "--data", data, limit_s=limit_s)

    def settled(self, condition: Callable[[], bool], limit_s: float = 120) -> None:
        """Wait until `condition` holds, and then until nothing is dirty any more: all has been derived."""
        wait_for(condition, limit_s, "the facts to be stored")
        wait_for(lambda: self.count("dirty_mark") == 0, limit_s, "the dirty marks to be worked off")

    def count(self, table: str) -> int:
        """Rows of a table."""
        row = self.connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return row[0]

    def ingested(self, meter: str) -> float:
        """What ingest has counted, e.g. `null_values_total` or `duplicates_total{kind="event"}`."""
        lines = httpx.get(self.ingest_metrics).text.splitlines()
        name = f"vouch_ingest_{meter} "
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a GET below /api/v1, which must be a success."""
        answer = self.http.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, f"{path} {query}: {answer.status_code} {answer.text}"
        return answer.json()

    def value_in_use(self, contract: str, start: str, end: str) -> dict[str, dict[str, Any]]:
        """The documents of a contract's guarantees over a window, by guarantee."""
        judged = self.get(f"/contracts/{contract}/value-in-use", **{"from": start, "to": end})
        return {item["guarantee"]: item["document"] for item in judged["items"]}


@contextmanager
def running(service: Service, env: dict[str, str], connection: Connection, logs: Path) -> Iterator[House]:
    """Start ingest, analytics and the API, and give them time until all three are ready."""
    key = subprocess.run(
        [_VOUCH, "key", "create", "--name", "auditor", "--role", "admin"],
        env=env, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    metrics_port = str(_free_port())
    for name in ("ingest", "analytics", "api"):
        service(name, VOUCH_API_PORT="0", VOUCH_ANALYTICS_INTERVAL_S="1", VOUCH_INGEST_METRICS_PORT=metrics_port)
    wait_for(lambda: _said(logs, "ingest_ready"), _START_LIMIT_S, "ingest to subscribe")
    ready = wait_for(lambda: _said(logs, "api_ready"), _START_LIMIT_S, "the API to listen") or {}
    base = f"http://{ready['host']}:{ready['port']}"
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        yield House(
            env=env, connection=connection, http=http, ingest_metrics=f"http://127.0.0.1:{metrics_port}/metrics"
        )


def _said(logs: Path, event: str) -> dict[str, Any] | None:
    lines = (line for file in logs.glob("*.log") for line in file.read_text(encoding="utf-8").split(os.linesep))
    return next((json.loads(line) for line in lines if f'"event": "{event}"' in line), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
