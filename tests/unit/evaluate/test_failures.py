"""`vouch evaluate failures`: files told by their columns, and what exactly is counted."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import app
from services.evaluate.failure_files import find
from services.evaluate.failure_score import Protocol, Watch, alarm_rows, calibration, count, leads
from services.evaluate.failure_table import table
from services.evaluate.failures import evaluate, question
from shared.errors import SpecError, VouchError
from shared.instant import HOUR_US

_DAY = Protocol(horizon_us=24 * HOUR_US, gap_us=24 * HOUR_US, confirm=1)


def _watch(hours: int, alarms: list[int], failures: list[int]) -> Watch:
    risk = np.zeros(hours)
    risk[alarms] = 1.0
    return Watch(
        machine="m",
        at_us=np.arange(hours, dtype=np.int64) * HOUR_US,
        risk=risk,
        named={"pump": risk},
        failures={"pump": np.array(failures, dtype=np.int64) * HOUR_US},
    )


@pytest.mark.parametrize(
    ("alarms", "failures", "announced", "episodes", "right"),
    [
        ([76], [100], 1, 1, 1),
        ([75], [100], 0, 1, 0),
        ([99], [100], 1, 1, 1),
        ([100], [100], 0, 1, 0),
        ([60, 80], [100], 1, 1, 1),
        ([50, 80], [100], 1, 2, 1),
        ([80], [90, 100], 2, 1, 1),
        ([], [100], 0, 0, 0),
        ([80], [], 0, 1, 0),
        # A failure in the first horizon is not judged: its rows are not all there; an episode before it is.
        ([5], [10], 0, 1, 1),
    ],
)
def test_alarms_and_failures_are_counted_by_the_horizon_and_the_gap(
    alarms: list[int], failures: list[int], announced: int, episodes: int, right: int
) -> None:
    watch = _watch(200, alarms, failures)

    found = count(watch, watch.risk > 0.5, _DAY)

    assert (found.announced, found.episodes, found.right) == (announced, episodes, right)


def test_components_that_fail_at_one_instant_are_several_failures_of_one_instant() -> None:
    watch = _watch(200, [80], [100, 150])
    both = replace(watch, failures={**watch.failures, "motor": watch.failures["pump"][:1]})

    found = count(both, both.risk > 0.5, _DAY)

    assert (found.failures, found.announced) == (3, 2)
    assert (found.instants, found.instants_announced) == (2, 1)
    assert found.document()["instant_recall"] == 0.5


def test_rows_within_the_horizon_before_a_failure_are_positive() -> None:
    watch = _watch(200, [70, 80, 81], [100])

    found = count(watch, watch.risk > 0.5, _DAY)

    assert (found.rows_positive, found.rows_alarm, found.rows_right) == (24, 3, 2)
    assert found.document()["row_precision"] == pytest.approx(2 / 3)


def test_an_alarm_that_must_be_borne_out_begins_with_the_second_row() -> None:
    risk = np.array([0.9, 0.1, 0.9, 0.9, 0.9, 0.1])

    assert alarm_rows(risk, 0.5, 2).tolist() == [False, False, False, True, True, False]
    assert alarm_rows(risk, 0.9, 1).tolist() == [True, False, True, True, True, False]


def test_the_lead_is_counted_from_the_first_alarm_within_the_horizon() -> None:
    found = leads([_watch(200, [70, 80, 81], [100])], 0.5, _DAY)

    assert found["lead_h_median"] == 20
    assert found["components"] == {"pump": {"failures": 1, "announced": 1, "named": 1}}


def test_a_perfect_forecast_has_no_loss_and_the_base_rate_has_some() -> None:
    found = calibration([_watch(200, list(range(76, 100)), [100])], _DAY, 0.12)

    assert found["brier"] == pytest.approx(0, abs=1e-9)
    assert found["base_rate"]["brier"] == pytest.approx(0.12 * 0.88, rel=0.01)
    assert [each["observed"] for each in found["reliability"]] == [0.0, 1.0]


def _write(folder: Path) -> Path:
    """Twelve machines for 150 days: each failure of the pump comes 20 h after an error; other errors say nothing."""
    rng = np.random.default_rng(2)
    start = np.datetime64("2024-01-01T00:00:00")
    errors, failures = ["Time;Machine;Error_ID"], ["time;machine;failure"]
    for machine in range(12):
        for day in np.cumsum(4 + rng.exponential(9, 40)):
            if day < 149:
                at = start + np.timedelta64(round(day * 24), "h")
                failures.append(f"{at};{machine};pump")
                errors.append(f"{at - np.timedelta64(20, 'h')};{machine};hot")
        for hour in rng.integers(0, 150 * 24, 15):
            errors.append(f"{start + np.timedelta64(int(hour), 'h')};{machine};noise")
    folder.mkdir()
    (folder / "e.csv").write_text("\n".join(errors))
    (folder / "f.csv.gz").write_bytes(gzip.compress("\n".join([*failures, failures[-1]]).encode()))
    (folder / "m.csv").write_text("machineID;model;age\n" + "\n".join(f"{each};a;{each}" for each in range(11)))
    (folder / "telemetry.csv").write_text("time;machine;volt\n2024-01-01T00:00:00;1;230\n")
    return folder


def test_the_command_announces_the_failures_that_errors_precede(tmp_path: Path) -> None:
    folder = _write(tmp_path / "plant")

    asked = ["--events", str(folder), "--step", "6h", "--separator", ";", "--json"]
    found = CliRunner().invoke(app, ["evaluate", "failures", *asked])

    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert sorted(document["files"].values()) == ["errors", "failures", "machines"]
    assert list(document["left_out"]) == [str(folder / "telemetry.csv")]
    assert (document["machines"], document["horizon_h"], document["gap_h"], document["step_h"]) == (12, 24, 24, 6)
    assert document["event_recall"] > 0.9
    assert document["episode_precision"] > 0.9
    assert document["calibration"]["brier"] < document["calibration"]["base_rate"]["brier"] / 2
    assert [each["split"] for each in document["runs"]] == [0.7]
    assert 0 < document["instants"] <= document["failures"]
    told = table(document)
    assert "hazard from events" in told
    assert "instants of a machine with failures" in told
    assert f"left out: {folder / 'telemetry.csv'}: no column says which" in told


def test_files_may_be_named_one_by_one_plain_or_gzip(tmp_path: Path) -> None:
    folder = _write(tmp_path / "plant")

    found = find([folder / "e.csv", folder / "f.csv.gz", folder / "m.csv"], ";")

    assert set(found.files.values()) == {"errors", "failures", "machines"}
    assert [each.name for each in found.histories][:3] == ["0", "1", "10"]
    assert found.histories[1].properties == {"model": "a", "age": 1.0}


def _file(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines))
    return path


_FAILURES = ("datetime,machineID,failure", "2015-01-05 06:00:00,1,comp4", "2015-03-05 06:00:00,1,comp1")


def test_repeated_and_unsorted_lines_tell_nothing_new(tmp_path: Path) -> None:
    failures = _file(
        tmp_path, "f.csv", _FAILURES[0], _FAILURES[2], _FAILURES[1], _FAILURES[1].replace("comp4", "comp1")
    )

    found = find([failures, failures])
    (history,) = found.histories

    assert found.notes == (f"{failures}: is given again, read once",)

    assert {part: times.size for part, times in history.failures.items()} == {"comp1": 2, "comp4": 1}
    assert np.all(np.diff(history.failures["comp1"]) > 0)


def test_a_table_without_machine_or_event_is_refused_by_name(tmp_path: Path) -> None:
    good = _file(tmp_path, "f.csv", *_FAILURES)

    with pytest.raises(SpecError, match="no column names the machine"):
        find([good, _file(tmp_path, "a.csv", "time,what", "2015-01-05,x")])
    with pytest.raises(SpecError, match="no column says which error"):
        find([good, _file(tmp_path, "b.csv", "time,machine,volt", "2015-01-05,1,230")])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("yesterday,1,comp1", "line 2, column datetime"),
        ("2015-01-05 06:00:00,,comp1", "line 2, column machineID: is empty"),
        ("2015-01-05 06:00:00,1,", "line 2, column failure: is empty"),
        ("2015-01-05 06:00:00,1", "2 cell"),
    ],
)
def test_bad_cells_are_told_with_line_and_column(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        find([_file(tmp_path, "f.csv", _FAILURES[0], line)])


def test_files_without_a_failure_an_empty_folder_and_a_single_instant_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()

    with pytest.raises(VouchError, match="no failure on record"):
        find([_file(tmp_path, "e.csv", "datetime,machineID,errorID", "2015-01-05,1,e")])
    with pytest.raises(VouchError, match="holds no CSV file"):
        find([tmp_path / "none"])
    with pytest.raises(VouchError, match="of one instant"):
        find([_file(tmp_path, "f.csv", *_FAILURES[:2])])


def test_a_file_left_out_of_a_folder_is_named_when_nothing_is_found(tmp_path: Path) -> None:
    path = _file(tmp_path, "f.csv", *(line.replace(",", ";") for line in _FAILURES))

    with pytest.raises(VouchError, match=rf"no failure on record.*\n  left out {path}: has one column only"):
        find([tmp_path])
    with pytest.raises(SpecError, match=r"header: has one column only, .*is --separator another one"):
        find([path])


@pytest.mark.parametrize(("last", "step"), [("9999-12-31 23:59:59", "1h"), ("2015-03-05 06:00:00", "0.000001min")])
def test_more_rows_than_can_be_held_are_refused_with_the_ends_of_the_time(tmp_path: Path, last: str, step: str) -> None:
    failures = _file(tmp_path, "f.csv", *_FAILURES)
    errors = _file(tmp_path, "e.csv", "datetime,machineID,errorID", "2015-02-01,1,e", f"{last},1,e")
    asked = question(horizon="24h", gap="24h", step=step, splits=(0.7,), seeds=1)

    reason = rf"more than 10000000 rows; the first event is 2015-01-05 06:00:00 \({failures}, line 2\), the last {last}"
    with pytest.raises(VouchError, match=reason):
        evaluate([failures, errors], asked)


def test_a_machine_described_twice_is_refused(tmp_path: Path) -> None:
    machines = _file(tmp_path, "m.csv", "machineID,age", "1,18", "1,19")

    with pytest.raises(SpecError, match="line 3, column machineID: '1' is there twice"):
        find([_file(tmp_path, "f.csv", *_FAILURES), machines])


def test_too_few_failures_to_learn_from_are_told(tmp_path: Path) -> None:
    failures = _file(tmp_path, "f.csv", *_FAILURES)

    with pytest.raises(VouchError, match="not enough data in the training part: no component has failed 10 times"):
        evaluate([failures], question(horizon="24h", gap="24h", step="1h", splits=(0.7,), seeds=1))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"horizon": "soon"}, "--horizon: 'soon' is no duration"),
        ({"horizon": "0h"}, "--step is above 0 and not longer than --horizon"),
        ({"step": "48h"}, "--step is above 0 and not longer"),
        ({"splits": (1.0,)}, "--split lies between 0 and 1"),
        ({"seeds": 0}, "--seeds is 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(told: dict[str, object], reason: str) -> None:
    options = {"horizon": "24h", "gap": "24h", "step": "1h", "splits": (0.7,), "seeds": 1} | told

    with pytest.raises(VouchError, match=reason):
        question(**options)  # type: ignore[arg-type]


def test_durations_are_minutes_hours_or_days() -> None:
    asked = question(horizon="2d", gap="90min", step="1.5h", splits=(0.7,), seeds=1)

    assert (asked.horizon_us, asked.gap_us, asked.step_us) == (48 * HOUR_US, 1.5 * HOUR_US, 1.5 * HOUR_US)
    assert asked.protocol.confirm == 2
