"""What the demo shows of itself: asked of the API over HTTP like anyone would, printed as tables."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

from rich import box
from rich.table import Table

from shared.contracts.assessment import Certainty
from shared.errors import UnavailableError
from shared.simulate.truth import Fault

_TIMEOUT_S = 10.0
# P(miss) from which the forecast is shown as a warning.
_AT_RISK = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """The API, asked with `key`."""

    host: str
    port: int
    key: str

    @property
    def page(self) -> str:
        """Address of the overview page. The key is in the fragment, which a browser never sends."""
        return f"http://{self.host}:{self.port}/#key={self.key}"

    def is_ready(self) -> bool:
        """Whether it answers and its database does."""
        try:
            return self._get("/readyz")[0] == HTTPStatus.OK
        except (OSError, HTTPException):
            return False

    def items(self, path: str) -> list[dict[str, Any]]:
        """The first page of a list below /api/v1; raises UnavailableError when it is not answered."""
        try:
            status, body = self._get(f"/api/v1/{path}")
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"API, {path}: {error}") from error
        if status != HTTPStatus.OK:
            raise UnavailableError(f"API, {path}: answered {status}")
        return json.loads(body)["items"]

    def _get(self, path: str) -> tuple[int, bytes]:
        with closing(HTTPConnection(self.host, self.port, timeout=_TIMEOUT_S)) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
            answer = connection.getresponse()
            return answer.status, answer.read()


def standings(items: list[dict[str, Any]]) -> Table:
    """The contracts: what is promised, what is so far, what is left, and how likely it will not do."""
    table = _table("Contracts so far", "Contract", "Customer", "Target", "So far", "Budget left", "Verdict", "P(miss)")
    for item in items:
        document = item["document"]
        table.add_row(
            item["contract"],
            item["customer_name"],
            f"{float(document['level']):.1%}",
            _percent(document["value"]),
            f"{document['budget']['left_h']:,.0f} h" if document["budget"] else "-",
            _verdict(document),
            _p_miss(document["forecast"]),
        )
    return table


def findings(items: list[dict[str, Any]], truth: Mapping[str, Sequence[Fault]]) -> Table:
    """What the detectors found, the oldest first, beside the fault of the simulation (`truth`, by asset) if any."""
    table = _table("Detected faults", "Machine", "From (UTC)", "For", "Leading sensor", "Seeded fault")
    for item in sorted(items, key=lambda found: found["start_at"]):
        table.add_row(
            f"{item['asset']} {item['customer']}",
            f"{datetime.fromisoformat(item['start_at']):%m-%d %H:%M}",
            _lasted(item),
            item["contributions"][0]["sensor"],
            _seeded(item, truth.get(item["asset"], ())),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=name != "Customer")
    return table


def _percent(value: dict[str, Any] | None) -> str:
    return f"{value['decimal']:.2%}" if value else "-"


def _verdict(document: dict[str, Any]) -> str:
    verdict = document["verdict"]
    colour = {"met": "green", "missed": "red"}.get(verdict, "yellow")
    so_far = {} if document["period"]["complete"] else {"met": "on target", "missed": "below target"}
    return f"[{colour}]{so_far.get(verdict, verdict.replace('_', ' '))}[/]"


def _p_miss(forecast: dict[str, Any] | None) -> str:
    if forecast is None or forecast["p_miss"] is None:
        return "-"
    if forecast["certainty"] == Certainty.CERTAIN_MISS:
        return "[red]certain[/]"
    colour = "green" if forecast["p_miss"] < _AT_RISK else "yellow"
    return f"[{colour}]{forecast['p_miss']:.0%}[/]"


def _lasted(item: dict[str, Any]) -> str:
    if not item["end_at"]:
        return "open"
    hours = (datetime.fromisoformat(item["end_at"]) - datetime.fromisoformat(item["start_at"])).total_seconds() / 3_600
    return f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.1f} d"


def _seeded(item: dict[str, Any], faults: Sequence[Fault]) -> str:
    start_s = datetime.fromisoformat(item["start_at"]).timestamp()
    end_s = datetime.fromisoformat(item["end_at"]).timestamp() if item["end_at"] else start_s + 1
    return ", ".join(fault.kind.value for fault in faults if fault.start_s < end_s and start_s < fault.end_s) or "-"
