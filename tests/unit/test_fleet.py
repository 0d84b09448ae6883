"""The fleet file: what it gives, and that every fault is listed with its place."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared import fleet
from shared.errors import Fault, SpecError
from shared.model.facts import USUAL_TRUST, Category, Party, Source
from shared.model.payload import Format

_EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def _declared() -> dict[str, Any]:
    """A fleet without fault, to be damaged by a test."""
    return {
        "customers": [{"slug": "lechtal", "name": "Lechtal Foods"}],
        "sites": [{"customer": "lechtal", "slug": "kempten", "name": "Kempten"}],
        "models": [
            {
                "slug": "compressor-250",
                "name": "Screw compressor",
                "telemetry_hold_s": 300,
                "sensors": [
                    {"name": "power_kw", "unit": "kW", "physical": [0, 400], "expected": [0, 280]},
                    {"name": "oil_degc", "unit": "degC", "physical": [-40, None]},
                ],
                "state_rules": [
                    {"when": {"power_kw": [5, None]}, "category": "FP", "cause": "running", "party": "nobody"}
                ],
                "detector": {
                    "sensors": ["power_kw", "oil_degc"],
                    "bucket_s": 600,
                    "open_after": 3,
                    "close_after": 6,
                    "false_alarms_per_month": 0.5,
                },
                "codes": {"111": {"category": "FO", "cause": "emergency_stop", "party": "supplier"}},
            }
        ],
        "assets": [
            {
                "customer": "lechtal",
                "site": "kempten",
                "slug": "c1",
                "name": "Compressor 1",
                "model": "compressor-250",
                "silent_after_s": 60,
                "healthy": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-15T00:00:00+01:00"},
            }
        ],
        "channels": [{"name": "team", "url": "json://127.0.0.1:9/x", "kinds": ["machine_silent"]}],
    }


def _faults(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        fleet.parse(yaml.safe_dump(data), "fleet.yaml")
    return {fault.path: fault.reason for fault in refused.value.faults}


def test_a_fleet_without_fault_is_read_as_declared() -> None:
    read = fleet.parse(yaml.safe_dump(_declared()), "fleet.yaml")
    model, asset = read.models[0], read.assets[0]
    assert (model.sensors[0].physical, model.sensors[1].physical) == ((0, 400), (-40, None))
    assert model.codes["111"].category is Category.FO
    assert model.codes["111"].party is Party.SUPPLIER
    assert model.state_rules[0].when == {"power_kw": (5, None)}
    assert asset.healthy is not None
    assert asset.healthy.start.isoformat() == "2026-01-01T00:00:00+00:00"
    assert read.channels[0].customer is None


def test_times_written_bare_in_yaml_keep_their_zone() -> None:
    text = yaml.safe_dump(_declared()).replace("'2026-01-01T00:00:00Z'", "2026-01-01T00:00:00Z")
    assert "from: 2026-01-01T00:00:00Z" in text
    healthy = fleet.parse(text, "fleet.yaml").assets[0].healthy
    assert healthy is not None
    assert healthy.start.utcoffset() is not None


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("models", "telemetry_hold_s", 1e-7),
        ("models", "telemetry_hold_s", 10**15),
        ("assets", "silent_after_s", 2**31),
        ("assets", "silent_after_s", 0),
    ],
)
def test_a_duration_that_could_not_be_stored_is_a_fault_of_the_file(place: str, key: str, value: float) -> None:
    data = _declared()
    data[place][0][key] = value
    assert list(_faults(data)) == [f"{place}[0].{key}"]


def test_an_empty_file_of_lists_is_an_empty_fleet() -> None:
    assert fleet.parse("customers: []", "fleet.yaml").assets == ()


def test_every_fault_of_a_file_is_listed_at_once_with_its_place() -> None:
    data = _declared()
    data["customers"] += [{"slug": "Lech tal", "name": "x"}, {"slug": "lechtal", "name": "again"}]
    data["sites"] += [{"customer": "nobody", "slug": "ulm", "name": "Ulm"}]
    model = data["models"][0]
    model["telemetry_hold_s"] = 0
    model["sensors"][0]["physical"] = [400, 0]
    model["codes"]["112"] = {"category": "XX", "cause": "emergency stop", "party": "somebody"}
    data["assets"] += [dict(data["assets"][0], model="no-such", healthy={"from": "2026-01-01T00:00:00", "to": None})]
    data["channels"][0]["kinds"].append("whatever")
    data["gateways"] = []
    assert set(_faults(data)) == {
        "customers[1].slug",
        "customers[2].slug",
        "sites[1].customer",
        "models[0].telemetry_hold_s",
        "models[0].sensors[0].physical",
        "models[0].codes.112.category",
        "models[0].codes.112.cause",
        "models[0].codes.112.party",
        "assets[1].slug",
        "assets[1].model",
        "assets[1].healthy.from",
        "assets[1].healthy.to",
        "channels[0].kinds[1]",
        "gateways",
    }


@pytest.mark.parametrize("key", ["customers", "sites", "models", "assets", "channels"])
def test_an_entry_declared_twice_is_a_fault(key: str) -> None:
    data = _declared()
    data[key].append(copy.deepcopy(data[key][0]))
    assert any(path.startswith(f"{key}[1].") and "twice" in reason for path, reason in _faults(data).items())


@pytest.mark.parametrize(
    ("key", "field", "path"),
    [
        ("sites", "customer", "sites[0].customer"),
        ("assets", "customer", "assets[0].customer"),
        ("assets", "site", "assets[0].site"),
        ("assets", "model", "assets[0].model"),
        ("channels", "customer", "channels[0].customer"),
    ],
)
def test_a_reference_to_what_is_not_declared_is_a_fault(key: str, field: str, path: str) -> None:
    data = _declared()
    data[key][0][field] = "elsewhere"
    assert "is not among the" in _faults(data)[path]


def test_the_site_of_another_customer_is_not_this_customers_site() -> None:
    data = _declared()
    data["customers"].append({"slug": "other", "name": "Other"})
    data["assets"][0]["customer"] = "other"
    assert _faults(data) == {"assets[0].site": "'other/kempten' is not among the sites"}


def test_rules_and_detectors_know_the_sensors_of_their_model_only() -> None:
    data = _declared()
    model = data["models"][0]
    model["state_rules"][0]["when"] = {"speed": [0, 1]}
    model["detector"]["sensors"] = ["power_kw", "speed", "torque"]
    assert _faults(data) == {
        "models[0].state_rules": "speed is not a sensor of this model",
        "models[0].detector": "speed, torque is not a sensor of this model",
    }


def test_what_drives_a_machine_is_a_sensor_of_its_own_that_is_not_watched() -> None:
    data = _declared()
    detector = data["models"][0]["detector"]
    detector["drivers"] = ["load"]
    assert _faults(data) == {"models[0].detector": "load is not a sensor of this model"}
    detector["drivers"] = ["power_kw"]
    assert _faults(data) == {"models[0].detector.drivers": "power_kw is watched itself"}
    detector |= {"sensors": ["oil_degc"], "drivers": ["power_kw", "power_kw"]}
    assert _faults(data) == {"models[0].detector.drivers": "power_kw is named twice"}


def test_a_machine_without_a_healthy_window_is_fine_and_a_budget_of_nothing_is_not() -> None:
    data = _declared()
    del data["assets"][0]["healthy"]
    assert fleet.parse(yaml.safe_dump(data), "fleet").assets[0].healthy is None
    data["models"][0]["detector"]["false_alarms_per_month"] = 0
    assert list(_faults(data)) == ["models[0].detector.false_alarms_per_month"]


def test_a_sensor_named_twice_is_a_fault() -> None:
    data = _declared()
    data["models"][0]["sensors"].append({"name": "power_kw", "unit": "W"})
    assert _faults(data) == {"models[0].sensors": "power_kw is declared twice"}


def test_a_sensor_that_reports_in_another_unit_has_its_conversion() -> None:
    data = _declared()
    data["models"][0]["payload"] = "senml_json"
    data["models"][0]["sensors"][1]["reported_unit"] = "degF"
    model = fleet.parse(yaml.safe_dump(data), "fleet.yaml").models[0]
    assert (model.sensors[0].conversion, model.sensors[1].conversion) == ((1.0, 0.0), (5 / 9, -160 / 9))
    assert model.payload is Format.SENML_JSON


def test_a_unit_nobody_knows_is_free_text_as_long_as_it_is_not_converted() -> None:
    data = _declared()
    data["models"][0]["sensors"][0]["unit"] = "skips"
    assert fleet.parse(yaml.safe_dump(data), "fleet.yaml").models[0].sensors[0].unit == "skips"
    data["models"][0]["sensors"][0]["reported_unit"] = "kW"
    data["models"][0]["sensors"][1]["reported_unit"] = "bar"
    data["models"][0]["payload"] = "xml"
    faults = _faults(data)
    assert faults["models[0].sensors[0].reported_unit"] == "power_kw: 'skips' is not a known unit"
    assert faults["models[0].sensors[1].reported_unit"] == "oil_degc: 'bar' cannot become 'degC': another dimension"
    assert set(faults) >= {"models[0].payload"}


def test_of_our_own_codes_only_the_lost_connection_is_read_otherwise_and_stays_unknown_time() -> None:
    data = _declared()
    meant = {"category": "IU", "cause": "network", "party": "customer"}
    data["models"][0]["codes"]["$offline"] = meant
    assert fleet.parse(yaml.safe_dump(data), "fleet.yaml").models[0].codes["$offline"].party is Party.CUSTOMER
    data["models"][0]["codes"]["$offline"] = meant | {"category": "FO"}
    assert _faults(data) == {"models[0].codes": "$offline must be IU"}
    data["models"][0]["codes"] = {"$silent": meant}
    assert _faults(data) == {"models[0].codes": "$silent is not a code that can be read otherwise; $offline is"}


def test_a_registration_rule_points_at_what_is_declared_and_its_patterns_are_slugs() -> None:
    data = _declared()
    rule = {"name": "new", "customer": "lechtal", "site": "kempten", "model": "compressor-250", "from": "birth"}
    data["registration"] = [rule]
    read = fleet.parse(yaml.safe_dump(data), "fleet.yaml").registration[0]
    assert (read.accepts, read.slugs, read.sensors, read.most) == ("birth", ("*",), "declared", 1000)
    data["registration"] = [rule | {"site": "ulm", "model": "pump", "slugs": ["C/*"]}, rule, rule | {"from": "all"}]
    assert set(_faults(data)) == {
        "registration[0].site",
        "registration[0].model",
        "registration[0].slugs[0]",
        "registration[1].name",
        "registration[2].name",
        "registration[2].from",
    }


@pytest.mark.parametrize("end", ["2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z"])
def test_a_healthy_window_needs_a_duration(end: str) -> None:
    data = _declared()
    data["assets"][0]["healthy"]["to"] = end
    assert _faults(data) == {"assets[0].healthy": "`from` must be before `to`"}


@pytest.mark.parametrize("text", ["true", "'300'", ".nan", ".inf", "null", "[300]"])
def test_only_a_number_is_a_number(text: str) -> None:
    data = _declared()
    data["models"][0]["telemetry_hold_s"] = yaml.safe_load(text)
    assert list(_faults(data)) == ["models[0].telemetry_hold_s"]


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("customers: [", "line 1, column 13", "not YAML"),
        ("customers: []\ncustomers: []", "customers", "given twice"),
        ("- 1", "file", "must be a mapping of keys"),
        ("", "file", "empty"),
    ],
)
def test_broken_yaml_is_refused_with_its_place(text: str, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as refused:
        fleet.parse(text, "fleet.yaml")
    assert refused.value.faults[0].path == path
    assert reason in refused.value.faults[0].reason


def test_a_code_that_yaml_could_take_for_a_number_stays_the_text_it_is() -> None:
    text = yaml.safe_dump(_declared()).replace("'111'", "62:03")
    assert list(fleet.parse(text, "fleet.yaml").models[0].codes) == ["62:03"]


def test_faults_of_the_yaml_do_not_hide_the_others() -> None:
    text = yaml.safe_dump(_declared()).replace("slug: kempten", "slug: kempten\n  slug: ulm").replace("FO", "XX")
    with pytest.raises(SpecError) as refused:
        fleet.parse(text, "fleet.yaml")
    assert [fault.path for fault in refused.value.faults] == ["sites[0].slug", "models[0].codes.111.category"]


@pytest.mark.parametrize("folder", ["wind_status_log", "kelmarsh", "la_haute_borne"])
def test_the_shipped_examples_have_no_fault(folder: str) -> None:
    path = _EXAMPLES / folder / "fleet.yaml"
    assert fleet.parse(path.read_text(encoding="utf-8"), str(path)).assets


def _refusal(text: str) -> list[Fault] | None:
    try:
        fleet.parse(text, "fleet.yaml")
    except SpecError as refused:
        return refused.faults
    return None


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from(["customers", "sites", "models", "assets", "channels", "x"]), _TREES))
def test_any_tree_is_read_or_refused_with_faults(data: dict[str, Any]) -> None:
    assert _refusal(yaml.safe_dump(data, allow_unicode=True)) != []


@given(st.text())
def test_any_text_is_read_or_refused_with_faults(text: str) -> None:
    assert _refusal(text) != []


@given(
    st.sampled_from(["customers", "sites", "models", "assets", "channels"]),
    st.data(),
)
def test_a_damaged_field_is_named_and_no_other_entry_is_accused(key: str, data: st.DataObject) -> None:
    damaged = _declared()
    field = data.draw(st.sampled_from([name for name in damaged[key][0] if name not in ("customer", "slug")]))
    damaged[key][0][field] = {"not": "that"} if field != "codes" else [1]
    assert all(path.startswith(f"{key}[0].{field}") for path in _faults(damaged))


# How facts are read.


def test_a_code_may_mean_something_else_from_a_date_on() -> None:
    data = _declared()
    changed = {"from": "2026-04-01T00:00:00+02:00", "category": "OEL", "cause": "grid", "party": "third_party"}
    data["models"][0]["codes"]["111"]["changes"] = [changed]
    [first, second] = fleet.parse(yaml.safe_dump(data), "fleet.yaml").models[0].codes["111"].versions
    assert (first[0], first[1].category) == (None, Category.FO)
    assert second[0] is not None
    assert (second[0].isoformat(), second[1].category) == ("2026-04-01T00:00:00+02:00", Category.OEL)


def test_trust_is_an_order_of_all_sources_in_which_some_may_share_a_rank() -> None:
    data = _declared()
    assert fleet.parse(yaml.safe_dump(data), "fleet.yaml").models[0].trust == USUAL_TRUST
    data["models"][0]["trust"] = ["packml", ["event", "state"], "telemetry"]
    assert fleet.parse(yaml.safe_dump(data), "fleet.yaml").models[0].trust == (
        (Source.MANUAL,),
        (Source.PACKML,),
        (Source.EVENT, Source.STATE),
        (Source.TELEMETRY,),
    )


_CHANGE = {"category": "FO", "cause": "x", "party": "supplier"}
_ALL = "must name event, packml, state and telemetry once each; manual goes first, alone"


@pytest.mark.parametrize(
    ("key", "value", "path", "reason"),
    [
        ("trust", ["event", "state"], "trust", _ALL),
        ("trust", ["event", "manual", "packml", "state", "telemetry"], "trust", _ALL),
        ("trust", [["manual", "event"], "packml", "state", "telemetry"], "trust", _ALL),
        ("trust", ["event", "event", "packml", "state", "telemetry"], "trust", _ALL),
        ("trust", ["events"], "trust", "'events' is not one of manual, event, packml, state, telemetry"),
        ("trust", "event", "trust", "must be a list, not 'event'"),
        ("min_event_s", -1, "min_event_s", "input should be greater than or equal to 0, not -1"),
        ("packml", {"sensor": "mode"}, "packml", "mode is not a sensor of this model"),
        (
            "codes",
            {"1": {**_CHANGE, "changes": [{**_CHANGE, "from": f"2026-0{month}-01T00:00:00Z"} for month in (2, 2)]}},
            "codes.1.changes",
            "must ascend in time, one meaning from each time on",
        ),
        (
            "codes",
            {"$offline": {"category": "IU", "cause": "x", "party": "nobody", "changes": [
                {**_CHANGE, "from": "2026-01-01T00:00:00Z"}]}},
            "codes",
            "$offline must be IU",
        ),
    ],
)  # fmt: skip
def test_what_reads_facts_wrongly_is_a_fault_with_its_place(key: str, value: Any, path: str, reason: str) -> None:
    data = _declared()
    data["models"][0][key] = value
    assert _faults(data) == {f"models[0].{path}": reason}
