"""Assets that become known by themselves: created under a rule, bounded, by one process at a time."""

from collections.abc import Mapping, Sequence
from typing import Final

from shared.db.named import load
from shared.db.pool import Connection
from shared.instant import from_us
from shared.model.registration import Accepts, Registered, Rule, Wanted

# Who adds assets or sensors does so alone, so that the catalog's version rises with every addition.
_LOCK: Final = 730_052
# No device invents sensors without end.
_MOST_SENSORS: Final = 500
_SQL: Final = load("registration")


def lock(connection: Connection) -> None:
    """Be the only one to add assets or sensors until the transaction ends."""
    connection.execute(_SQL["lock"], {"lock": _LOCK})


def rules(connection: Connection) -> tuple[Rule, ...]:
    """The rules that are open, in the order they apply: that of their names."""
    return tuple(
        Rule(id=rule_id, place=place, accepts=Accepts(accepts), slugs=tuple(slugs), learns_sensors=learns)
        for rule_id, place, accepts, slugs, learns in connection.execute(_SQL["rules"])
    )


def register(connection: Connection, wanted: Sequence[Wanted], now_us: int) -> Registered:
    """Create what is wanted and not there yet, in a transaction of its own or inside the caller's.

    An asset gets its slug as its name, the sensors of its rule's model, and the learned ones, at most 500 in all. What
    another process, or a fleet file, created first stays as it is.
    """
    with connection.transaction():
        lock(connection)
        asked = {
            "rule": [one.rule for one in wanted],
            "slug": [one.slug for one in wanted],
            "now": from_us(now_us),
        }
        created = [asset_id for (asset_id,) in connection.execute(_SQL["create_assets"], asked)]
        sensors = connection.execute(_SQL["give_model_sensors"], {"assets": created}).rowcount
        sensors += _learn(connection, wanted)
        full = connection.execute(_SQL["full"], {"rules": sorted({one.rule for one in wanted})}).fetchall()
    return Registered(assets=len(created), sensors=sensors, full=tuple(name for (name,) in full))


def _learn(connection: Connection, wanted: Sequence[Wanted]) -> int:
    learned: Mapping[tuple[int, str, str], str] = {
        (one.rule, one.slug, name): unit for one in wanted for name, unit in one.sensors.items()
    }
    if not learned:
        return 0
    asked = {
        "rule": [rule for rule, _, _ in learned],
        "slug": [slug for _, slug, _ in learned],
        "name": [name for _, _, name in learned],
        "unit": list(learned.values()),
        "most": _MOST_SENSORS,
    }
    return connection.execute(_SQL["learn_sensors"], asked).rowcount
