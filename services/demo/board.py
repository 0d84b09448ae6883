"""What the demo shows of itself: asked of the API over HTTP like anyone would, printed as tables."""

import json
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

from rich import box
from rich.table import Table

from shared.contracts.assessment import Certainty
from shared.errors import UnavailableError

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
    columns = "Contract", "Customer", "Target", "So far", "Budget left", "Verdict", "P(miss)"
    table = table_of("Contracts so far", *columns, wrapped=("Customer",))
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


def table_of(title: str, *columns: str, wrapped: Collection[str] = ()) -> Table:
    """An empty table of named columns; only `wrapped` ones break their lines."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=name not in wrapped)
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
