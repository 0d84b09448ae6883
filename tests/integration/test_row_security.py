"""A customer sees its own rows only: tried through every route the app has, and below them, in PostgreSQL itself."""

import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import psycopg
import pytest
from psycopg import sql

from services.api.app import PAGES, create_app
from shared.db.pool import Connection, connect
from shared.settings import ApiSettings
from tests.integration.asking import END, HERON, START, ZEBRA, Estate, asking, bearer, furnished_database, key

ROLES: Final = ("admin", "service_engineer", "account_manager", "customer")
STREAM: Final = "/api/v1/stream"
# The same for everybody.
FORMULAS: Final = {"/api/v1/indicators", "/api/v1/indicators/{name}"}
OPEN: Final = {"/healthz", "/readyz", "/metrics", "/login"}
# Asked as others than their owner in test_quarantine, test_reclassification and test_api_findings.
POSTED: Final = {
    "/api/v1/quarantine/{id}/replay",
    "/api/v1/quarantine/{id}/discard",
    "/api/v1/assets/{id}/reclassifications",
    "/api/v1/reclassifications/{id}/accept",
    "/api/v1/reclassifications/{id}/dispute",
    "/api/v1/reclassifications/{id}/rule",
    "/api/v1/reclassifications/{id}/withdraw",
    "/api/v1/anomalies/{id}/review",
    "/api/v1/reviews/{id}",
    # Reads and writes no row.
    "/api/v1/indicators/{name}/evaluate",
}
STAFF_ONLY: Final = {"/api/v1/quarantine", "/api/v1/quarantine/{id}"}
# Of the supplier, whole: in test_api_prognosis.
REGISTRY: Final = {"/api/v1/models", "/api/v1/models/{id}"}

# Everything that only the zebra customer has: ids, names, slugs, levels, rates and readings, also as pages write them.
ZEBRA_MARKS: Final = re.compile(r"918.?273|zebra|ZB-1|237\.8|0\.9731|97\.31|83\.91", re.IGNORECASE)
HERON_MARKS: Final = re.compile(r"heron|HR-1|151\.5", re.IGNORECASE)
# What holds of nobody: a number that is no id.
NOBODY: Final = Estate(
    slug="nobody", word="Nobody", first_id=555_444_333, power_kw=0.0, contract="NO-1", level="", rate=""
)


def _operations() -> dict[str, list[str]]:
    """Every GET route with its query parameters: the API by its OpenAPI document, the pages by their router."""
    app = create_app(ApiSettings(database_url="postgresql://nowhere/none"), lambda: 0)
    found = {
        path: [parameter["name"] for parameter in operations["get"].get("parameters", []) if parameter["in"] == "query"]
        for path, operations in app.openapi()["paths"].items()
        if "get" in operations
    }
    posted = {path for path, operations in app.openapi()["paths"].items() if set(operations) - {"get"}}
    assert posted == POSTED, f"teach this test, and that of the route, to ask {posted ^ POSTED}"
    shown: list[Any] = [route for page in PAGES for route in page.router.routes]
    return found | {route.path: [] for route in shown if "GET" in route.methods}


OPERATIONS: Final = _operations()
ASKED: Final = {path: names for path, names in OPERATIONS.items() if path not in OPEN | FORMULAS | REGISTRY | {STREAM}}


def _url(path: str, names: list[str], of: Estate) -> httpx.URL:
    """The path with the ids, and the filters, that are `of` a customer."""
    filled = path.replace("{id}", of.contract if "/contracts/" in path else str(of.first_id))
    filled = filled.replace("{event_id}", str(of.first_id)).replace("{name}", "time_availability")
    assert "{" not in filled, f"teach this test a value for the parameter of {path}"
    known = {"from": START, "to": END, "sensor": "power_kw", "limit": "100", "asset": str(of.first_id)}
    return httpx.URL(filled, params={name: known[name] for name in names if name in known})


@pytest.fixture(scope="module")
def furnished(admin_url: str, template: str) -> Iterator[str]:
    with furnished_database(admin_url, template) as url:
        yield url


@pytest.fixture(scope="module")
def owner(furnished: str) -> Iterator[Connection]:
    with connect(furnished) as opened:
        yield opened


@pytest.mark.parametrize("role", ROLES)
async def test_nothing_of_another_customer_appears_in_any_answer(furnished: str, owner: Connection, role: str) -> None:
    presented = bearer(key(owner, role, "heron"))
    async with asking(furnished) as client:
        for path, names in ASKED.items():
            own = await client.get(_url(path, names, HERON), headers=presented)
            assert not ZEBRA_MARKS.search(own.text), f"{path}: {own.text}"
            if own.status_code == 200:
                assert HERON_MARKS.search(own.text), f"{path} shows nothing, so this test sees nothing: {own.text}"

            theirs = await client.get(_url(path, names, ZEBRA), headers=presented)
            nobodys = await client.get(_url(path, names, NOBODY), headers=presented)
            assert theirs.status_code == nobodys.status_code, path
            asked = theirs.text.replace(str(ZEBRA.first_id), str(NOBODY.first_id)).replace("ZB-1", "NO-1")
            assert asked == nobodys.text, f"{path}: a customer's row can be told from one that does not exist"
            if "{" in path and own.status_code == 200:
                assert theirs.status_code == 404, path


async def test_the_marks_looked_for_are_in_the_answers_their_owner_gets(furnished: str, owner: Connection) -> None:
    presented = bearer(key(owner, "admin", "zebra"))
    async with asking(furnished) as client:
        for path, names in ASKED.items():
            answer = await client.get(_url(path, names, ZEBRA), headers=presented)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            assert ZEBRA_MARKS.search(answer.text), f"{path}: {answer.text}"


async def test_lists_show_every_customer_to_whoever_sees_all(furnished: str, owner: Connection) -> None:
    presented = bearer(key(owner, "service_engineer"))
    lists = [path for path in ASKED if "{" not in path]
    async with asking(furnished) as client:
        for path in lists:
            answer = await client.get(path, headers=presented)
            assert ZEBRA_MARKS.search(answer.text), path
            assert HERON_MARKS.search(answer.text), path


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_ask_what_its_rights_say(furnished: str, owner: Connection, role: str) -> None:
    presented = bearer(key(owner, role, "heron"))
    async with asking(furnished) as client:
        for path, names in ASKED.items():
            answer = await client.get(_url(path, names, HERON), headers=presented)
            is_allowed = path not in STAFF_ONLY or role in {"admin", "service_engineer"}
            assert answer.status_code == (200 if is_allowed else 403), f"{path}: {answer.text}"


async def test_every_route_but_the_open_ones_needs_a_key(furnished: str) -> None:
    async with asking(furnished) as client:
        for path, names in OPERATIONS.items():
            answer = await client.get(_url(path, names, HERON))
            assert answer.status_code == (200 if path in OPEN else 401), path


@pytest.mark.parametrize(("role", "sees_deliveries"), [("customer", False), ("account_manager", True)])
async def test_where_an_alert_was_sent_is_shown_to_the_supplier_only(
    furnished: str, owner: Connection, role: str, sees_deliveries: bool
) -> None:
    presented = bearer(key(owner, role, "heron"))
    async with asking(furnished) as client:
        alert = (await client.get("/api/v1/alerts/1", headers=presented)).json()
        assert (alert["deliveries"] is not None) is sees_deliveries
        assert ("heron-team" in str(alert)) is sees_deliveries
        assert "secret" not in str(alert)


# Below the API: the role it connects as.


@pytest.fixture
def as_api(furnished: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(furnished, autocommit=True, options="-c role=vouch_api") as opened:
        yield opened


def _readable(owner: Connection) -> set[str]:
    """The tables in any schema but PostgreSQL's own of which vouch_api may read a column."""
    rows = owner.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND n.nspname NOT LIKE '%timescaledb%' AND has_any_column_privilege('vouch_api', c.oid, 'SELECT')"
    )
    return {row[0] for row in rows.fetchall()}


def test_every_table_the_api_may_read_forces_row_security(furnished: str, owner: Connection) -> None:
    forced = owner.execute("SELECT relname FROM pg_class WHERE relforcerowsecurity").fetchall()
    assert _readable(owner) - {name for (name,) in forced} == {"schema_migration"}


def test_without_a_customer_set_no_table_has_rows(
    as_api: psycopg.Connection[tuple[Any, ...]], owner: Connection
) -> None:
    for table in _readable(owner) - {"schema_migration"}:
        found = as_api.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert found == (0,), table
        owned = owner.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert owned is not None
        assert owned[0] > 0 or table == "anomaly_score", f"{table} is empty, so this test sees nothing"


def test_with_a_customer_set_only_its_rows_are_there(
    as_api: psycopg.Connection[tuple[Any, ...]], owner: Connection
) -> None:
    owned = owner.execute(
        "SELECT table_name FROM information_schema.columns"
        " WHERE column_name = 'customer_id' AND table_schema = 'public'"
    ).fetchall()
    tables = {name for (name,) in owned} & _readable(owner)
    assert len(tables) > 15
    as_api.execute("SELECT set_config('vouch.customers', %s, false)", (str(HERON.first_id),))
    for table in tables:
        query = sql.SQL("SELECT DISTINCT customer_id FROM {}").format(sql.Identifier(table))
        assert set(as_api.execute(query).fetchall()) <= {(HERON.first_id,)}, table


@pytest.mark.parametrize("table", ["reading", "api_key", "principal", "principal_customer", "dirty_window"])
def test_what_has_no_row_security_cannot_be_read(as_api: psycopg.Connection[tuple[Any, ...]], table: str) -> None:
    as_api.execute("SELECT set_config('vouch.customers', '*', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_api.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))


def test_the_chunks_of_readings_cannot_be_read_either(
    as_api: psycopg.Connection[tuple[Any, ...]], owner: Connection
) -> None:
    chunks = owner.execute("SELECT show_chunks('reading')::text").fetchall()
    assert chunks
    for (chunk,) in chunks:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_api.execute(sql.SQL("SELECT * FROM {}").format(sql.SQL(chunk)))


def test_a_channel_s_address_cannot_be_read(as_api: psycopg.Connection[tuple[Any, ...]]) -> None:
    as_api.execute("SELECT set_config('vouch.customers', '*', false)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_api.execute("SELECT url FROM channel")


def test_nothing_can_be_written(as_api: psycopg.Connection[tuple[Any, ...]], owner: Connection) -> None:
    as_api.execute("SELECT set_config('vouch.customers', '*', false)")
    for table in _readable(owner):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_api.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def test_readings_are_reached_through_a_sensor_one_sees(as_api: psycopg.Connection[tuple[Any, ...]]) -> None:
    def count(series_id: int) -> object:
        query = "SELECT count(*) FROM vouch_readings(%s, '-infinity', 'infinity', 100)"
        return as_api.execute(query, (series_id,)).fetchone()

    assert count(HERON.first_id) == (0,)
    as_api.execute("SELECT set_config('vouch.customers', %s, false)", (str(HERON.first_id),))
    assert count(HERON.first_id) == (12,)
    assert count(ZEBRA.first_id) == (0,)


def test_only_the_api_may_ask_whose_key_it_is(furnished: str, owner: Connection) -> None:
    owner.execute("CREATE ROLE vouch_test_stranger")
    try:
        refused = owner.execute(
            "SELECT has_function_privilege('vouch_test_stranger', 'vouch_principal(bytea)', 'EXECUTE')"
        ).fetchone()
        assert refused == (False,)
    finally:
        owner.execute("DROP ROLE vouch_test_stranger")
