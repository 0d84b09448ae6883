"""How fast a month is judged anew: `python -m tests.bench.bench_judgement [contracts]`.

1,000 machines that change their state some 50 times a day, in 20 contracts unless said otherwise, on its own server.
Passes as analytics runs them, up to the saved assessments, as ratios to reading the same events once with COPY in
binary, in the same run: a month in which nothing differs, one in which a code has come to mean something else (every
seventh interval), and one of which nothing was derived yet. And how long a pass takes after one late event.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from services.analytics.refresh import Pass, run_once
from shared import fleet
from shared.contracts import spec
from shared.db import contracts, migrate
from shared.db import fleet as fleets
from shared.db.pool import AsyncConnection, Connection, connect, connect_async
from shared.embedded import start
from tests.integration.judging import interval, us

MACHINES: Final = 1_000
EVENTS: Final = 1_550
ROUNDS: Final = 5
LATE: Final = 20
BEGINS, ENDS = "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"
CODES: Final[dict[str, dict[str, str]]] = {
    "run": {"category": "FP", "cause": "running", "party": "nobody"},
    "idle": {"category": "TS", "cause": "idle", "party": "nobody"},
    "slow": {"category": "PP", "cause": "derated", "party": "customer"},
    "down": {"category": "FO", "cause": "broken", "party": "supplier"},
    "service": {"category": "SM", "cause": "service", "party": "supplier"},
}
CONTRACT: Final = """
contract: {{id: B-{number}, version: 1, customer: bench, offering: AES, currency: EUR, tz: Europe/Berlin}}
term: {{start: 2026-03-01, end: 2026-03-31, period: calendar_month}}
assets: [{assets}]
guarantees:
  - id: TBA
    kind: time_availability
    level: 0.97
    form: excluded_from_denominator
    category_model: iec61400_26_2019
    verdicts: {{available: [FP, PP, TS, OEN], excluded: [RS, OEL, FM, IU], unavailable: [SM, PCA, FO, S]}}
    rounding: {{availability_decimals: 4, mode: half_up, money_decimals: 2}}
    settlement:
      malus: {{formula: "unavailable_h * rate", rate: 62.00, unit: EUR/h}}
      cap: {{malus_per_period: 29750}}
"""
FILL: Final = """
INSERT INTO asset_event (customer_id, asset_id, kind, code, start_at, seq, received_at, topic, payload)
SELECT a.customer_id, a.id, 'state',
       (ARRAY['run', 'idle', 'run', 'down', 'slow', 'run', 'service'])[1 + abs(hashint4(a.id * 7919 + i)) %% 7],
       %(begins)s::timestamptz + i * interval '1728 s' + abs(hashint4(a.id * 31 + i)) %% 1024 * interval '1 s', 0,
       now(), 'vouch/v1/bench/hall/' || a.slug || '/event', '{"code": "run", "ts": 1772319600000}'
FROM generate_series(0, %(events)s - 1) AS i, asset a
"""
# All that a timeline is derived from.
READ: Final = """
COPY (SELECT id, asset_id, kind, code, start_at, end_at, seq FROM asset_event
      WHERE start_at >= '2026-03-01T00:00+01:00' AND start_at < '2026-04-01T00:00+02:00') TO STDOUT (FORMAT binary)
"""


def declared(codes: dict[str, dict[str, str]]) -> str:
    """The machines, of one model."""
    place = {"customer": "bench", "site": "hall", "model": "mill"}
    model = {"slug": "mill", "name": "Mill", "telemetry_hold_s": 60, "codes": codes}
    assets = [place | {"slug": f"m{number}", "name": f"Machine {number}"} for number in range(MACHINES)]
    customers, sites = [{"slug": "bench", "name": "Bench"}], [{"customer": "bench", "slug": "hall", "name": "Hall"}]
    return json.dumps({"customers": customers, "sites": sites, "models": [model], "assets": assets})


def fill(connection: Connection, number_of_contracts: int) -> None:
    """The schema, the machines with a month of events, and the contracts."""
    migrate.run(connection)
    fleets.save(connection, fleet.parse(declared(CODES), "bench"))
    each = MACHINES // number_of_contracts
    for number in range(number_of_contracts):
        names = [f"{{id: m{machine}}}" for machine in range(number * each, (number + 1) * each)]
        text = CONTRACT.format(number=number, assets=", ".join(names))
        contracts.store(connection, spec.parse(text, "bench"), us("2026-01-01"))
    connection.execute(FILL, {"begins": BEGINS, "events": EVENTS})
    connection.execute("VACUUM ANALYZE")


def mark(connection: Connection) -> None:
    """All of the month is to be derived again."""
    connection.execute("DELETE FROM dirty_window")
    connection.execute(
        "INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at) SELECT id, %s, %s, now() FROM asset",
        (BEGINS, ENDS),
    )


def read(connection: Connection) -> float:
    """Seconds to read the events once."""
    begun = time.perf_counter()
    with connection.cursor().copy(READ.encode()) as copy:
        size = sum(len(chunk) for chunk in copy)
    assert size > MACHINES * EVENTS * 40
    return time.perf_counter() - begun


async def work(worker: AsyncConnection, now: str) -> tuple[float, Pass]:
    """Seconds of the passes until nothing is left, and the last of them."""
    begun = time.perf_counter()
    while (done := await run_once(worker, us(now))).is_full:
        pass
    return time.perf_counter() - begun, done


async def measure(connection: Connection, worker: AsyncConnection) -> None:
    """Print the table."""
    rows: list[tuple[str, float]] = []
    copied = statistics.median([read(connection) for _ in range(ROUNDS)])

    async def timed(name: str, prepare: Callable[[int], Any]) -> None:
        took = []
        for number in range(ROUNDS):
            prepare(number)
            connection.execute("CHECKPOINT")
            took.append((await work(worker, "2026-04-01T00:00"))[0])
        rows.append((name, statistics.median(took)))

    def nothing_derived(_: int) -> None:
        connection.execute("TRUNCATE interval, asset_day, assessment")
        mark(connection)

    def another_meaning(number: int) -> None:
        codes = CODES | {"service": CODES["service"] | {"cause": f"service_{number}"}}
        fleets.save(connection, fleet.parse(declared(codes), "bench"))

    await timed("nothing derived yet", nothing_derived)
    connection.execute("VACUUM ANALYZE")
    await timed("nothing differs", lambda _: mark(connection))
    await timed("one code means another", another_meaning)
    connection.execute("VACUUM ANALYZE")
    late = await after_one(connection, worker)
    copied = statistics.median([copied, *(read(connection) for _ in range(ROUNDS))])
    print(f"{MACHINES * EVENTS:,} events read with COPY: {copied:.2f} s\n")
    print("| month judged anew | s | ratio |\n|---|---|---|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} | {seconds / copied:.1f} |")
    print(f"\none late event to its saved assessment: median {late[0] * 1e3:.0f} ms, longest {late[-1] * 1e3:.0f} ms")


async def after_one(connection: Connection, worker: AsyncConnection) -> list[float]:
    """Seconds of a pass after one late event, each of another machine: the median and the longest."""
    assets = [row[0] for row in connection.execute("SELECT id FROM asset ORDER BY id").fetchall()]
    took = []
    for number in range(LATE):
        span = f"2026-03-{10 + number % 7:02}T10:00", f"2026-03-{10 + number % 7:02}T14:00"
        interval(connection, assets[number * 37], *span, "down")
        seconds, done = await work(worker, "2026-04-01T00:00")
        assert done.assessments > 0
        took.append(seconds)
    return [statistics.median(took), max(took)]


async def run(database_url: str) -> None:
    """Fill, then measure."""
    with connect(database_url) as connection:
        fill(connection, int(sys.argv[1]) if len(sys.argv) > 1 else 20)
        async with connect_async(database_url) as worker:
            await measure(connection, worker)


def main() -> None:
    """Print the ratios, and what one late event takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        named = {name: value for name, value in os.environ.items() if not name.startswith("VOUCH_")}
        # A broker is not needed, and none is started where one is named.
        with start(folder, environ=named | {"VOUCH_MQTT_URL": "mqtt://127.0.0.1:1"}) as servers:
            asyncio.run(run(servers.database_url))


if __name__ == "__main__":
    main()
