"""What the rules let become known, of messages that name something unknown."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.registration import wanted
from services.ingest.wire import Decoded, Sample, Status
from shared.db.catalog import Catalog, KnownAsset, columns
from shared.model.registration import Accepts, Rule, Wanted

_BIRTHS = Rule(id=1, place="lechtal/kempten", accepts=Accepts.BIRTH, slugs=("g-*", "x?"), learns_sensors=True)
_TELEMETRY = Rule(id=2, place="lechtal/kempten", accepts=Accepts.TELEMETRY, slugs=("p*",), learns_sensors=False)
_CATALOG = Catalog(
    assets={
        "lechtal/kempten/c1": KnownAsset(id=7, customer_id=3, sensors={"power": 0}),
        "lechtal/kempten/g-0": KnownAsset(id=8, customer_id=3, sensors={"power": 0}, rule=1),
    },
    sensors=columns([]),
    version=(8, 80),
    rules=(_BIRTHS, _TELEMETRY),
)


def _born(slug: str, *, online: bool = True, **units: str) -> Decoded:
    samples = [Sample(at_us=0, values=dict.fromkeys(units, 1.0), units=units)] if units else []
    return Decoded(path=f"lechtal/kempten/{slug}", status=Status(ts=0, online=online), samples=samples)


def _told(slug: str, **values: float | None) -> Decoded:
    return Decoded(path=f"lechtal/kempten/{slug}", samples=[Sample(at_us=0, values=dict(values))])


def test_a_birth_registers_what_a_pattern_of_a_rule_matches() -> None:
    found = wanted([_born("g-1"), _born("x7"), _born("x77"), _born("q")], _CATALOG)
    assert [(one.rule, one.slug) for one in found] == [(1, "g-1"), (1, "x7")]


def test_telemetry_registers_only_where_a_rule_takes_it_and_a_last_will_never() -> None:
    found = wanted([_told("p1", power=1.0), _told("g-1", power=1.0), _born("p2", online=False), _told("p3")], _CATALOG)
    assert found == [Wanted(rule=2, slug="p1", sensors={})]


def test_a_birth_is_good_enough_for_a_rule_that_takes_telemetry() -> None:
    assert [one.slug for one in wanted([_born("p1")], _CATALOG)] == ["p1"]


def test_another_site_is_no_business_of_a_rule() -> None:
    assert wanted([Decoded(path="lechtal/ulm/p1", status=Status(ts=0, online=True)), Decoded()], _CATALOG) == []


def test_an_asset_is_asked_for_once_with_every_sensor_that_is_named() -> None:
    found = wanted([_born("g-1", level="m", power="kW"), _born("g-1", level="ft", flow="m3/h")], _CATALOG)
    assert found == [Wanted(rule=1, slug="g-1", sensors={"level": "m", "power": "kW", "flow": "m3/h"})]


def test_a_birth_speaks_for_the_telemetry_that_follows_it_in_the_same_batch() -> None:
    found = wanted([_told("g-1", early=1.0), _born("g-1"), _told("g-1", level=3.0)], _CATALOG)
    assert found == [Wanted(rule=1, slug="g-1", sensors={"level": ""})]


def test_a_known_asset_learns_sensors_if_its_rule_does_and_it_does_not_have_them() -> None:
    learns, told = _told("g-0", power=1.0, level=2.0), _told("c1", level=2.0)
    assert wanted([learns, told], _CATALOG) == [Wanted(rule=1, slug="g-0", sensors={"level": ""})]
    assert wanted([_told("g-0", power=1.0)], _CATALOG) == []


def test_names_no_fleet_file_could_declare_are_left_out() -> None:
    found = wanted([_born("g-A"), _told("g-1"), _born("g-1"), _told("g-1", **{"Le vel": 1.0, "x" * 65: 1.0})], _CATALOG)
    assert found == [Wanted(rule=1, slug="g-1", sensors={})]


@given(st.text(max_size=80), st.dictionaries(st.text(max_size=70), st.text(max_size=50), max_size=3))
def test_whatever_a_device_calls_itself_only_good_names_are_asked_for(path: str, units: dict[str, str]) -> None:
    for place in ("", "lechtal/kempten/g-", "lechtal/kempten/g-0"):
        said = Decoded(
            path=place + path,
            status=Status(ts=0, online=True),
            samples=[Sample(at_us=0, values=dict.fromkeys(units, 1.0), units=units)],
        )
        for one in wanted([said], _CATALOG):
            assert one.slug.isascii()
            assert len(one.slug) <= 64
            assert all(name.isascii() and len(unit) <= 40 for name, unit in one.sensors.items())
