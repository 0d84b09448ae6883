from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.detectors.findings import HOLD, ONSET, findings, quiet_us, widened
from shared.model.anomaly import Finding
from shared.model.detector import DetectorSettings

SETTINGS = DetectorSettings(sensors=("a", "b"), bucket_us=10, open_after=3, close_after=2, false_alarms_per_month=1.0)
LATER = 10**9


def _found(scores: dict[int, float], known_to_us: int = LATER, settings: DetectorSettings = SETTINGS) -> list[Finding]:
    at = sorted(scores)
    return findings(
        np.array(at, dtype=np.int64), np.array([scores[t] for t in at], dtype=np.float64), settings, known_to_us
    )


def _series(pattern: str, first: int = 0) -> dict[int, float]:
    """`#` a bucket above, `+` one that holds, `-` one a finding may begin at, `.` one below, a blank one without."""
    levels = {"#": 2.0, "+": 0.7, "-": 0.3, ".": 0.1}
    return {first + 10 * i: levels[c] for i, c in enumerate(pattern) if c != " "}


def _spans(pattern: str, known_to_us: int = LATER) -> list[tuple[int, int]]:
    return [(f.start_us // 10, f.until_us // 10) for f in _found(_series(pattern), known_to_us)]


def test_two_buckets_in_a_row_above_are_not_enough() -> None:
    assert _spans("..##..##..") == []


def test_the_third_bucket_in_a_row_opens_a_finding_that_starts_at_the_first() -> None:
    assert _spans("..###....") == [(2, 5)]


def test_a_score_of_exactly_one_is_above() -> None:
    assert len(_found({0: 1.0, 10: 1.0, 20: 1.0})) == 1


def test_a_finding_lasts_through_fewer_quiet_buckets_than_close_it() -> None:
    assert _spans(".###.#..#...") == [(1, 6)]


def test_the_fault_that_returns_after_closing_is_another_finding() -> None:
    assert _spans("###..###....") == [(0, 3), (5, 8)]


def test_a_finding_holds_below_the_threshold_but_does_not_open_there() -> None:
    assert _spans("..###++++..++...") == [(2, 9)]
    assert _spans("..++++++++......") == []
    assert _spans("..##++##++......") == []


def test_a_finding_starts_where_the_departure_began_but_not_longer_ago_than_it_takes_to_close() -> None:
    assert _spans("...-+###....") == [(3, 8)]
    assert _spans("-----###....") == [(3, 8)]
    assert _spans("...- ###....") == [(3, 8)]


def test_what_preceded_the_first_row_is_not_part_of_the_finding() -> None:
    assert _spans("#.#.###....") == [(4, 7)]


def test_a_bucket_without_score_breaks_no_row() -> None:
    assert _spans("#  ...") == []
    assert _spans("## #....") == [(0, 4)]


def test_a_machine_that_stopped_for_long_closes_its_finding() -> None:
    assert _spans("###      ###...") == [(0, 3), (9, 12)]


def test_a_finding_is_open_until_enough_quiet_time_is_known() -> None:
    assert [f.is_open for f in _found(_series("###"), known_to_us=30)] == [True]
    assert [f.is_open for f in _found(_series("###."), known_to_us=49)] == [True]
    assert [f.is_open for f in _found(_series("###.."), known_to_us=50)] == [False]
    assert [f.is_open for f in _found(_series("###"), known_to_us=50)] == [False]


def test_the_peak_is_the_highest_score_within() -> None:
    assert _found({0: 1.5, 10: 7.0, 20: 1.0, 30: 0.1, 40: 0.1})[0].peak_score == 7.0


def test_no_score_gives_no_finding() -> None:
    assert _found({}) == []


def _reference(scores: dict[int, float], settings: DetectorSettings, known_to_us: int) -> list[Finding]:
    """The same by walking through every bucket, one after another."""
    found: list[Finding] = []
    row: list[int] = []
    opened: int | None = None
    last = None
    still = settings.close_after * 10
    for at in range(min(scores), max(scores) + 10, 10) if scores else []:
        if last is not None and at - last > still:
            row, opened, last = [], None, None
        score = scores.get(at)
        if score is None:
            continue
        row = [*row, at] if score >= 1 else []
        if score < HOLD:
            continue
        last = at
        if opened is None and len(row) >= settings.open_after:
            first = row[-settings.open_after]
            opened = first
            for earlier in sorted((t for t in scores if first - still <= t < first), reverse=True):
                if scores[earlier] < ONSET:
                    break
                opened = earlier
            found.append(Finding(start_us=opened, until_us=0, is_open=False, peak_score=0))
        if opened is not None:
            inside = [s for t, s in scores.items() if opened <= t <= at]
            is_open = known_to_us < at + 10 + still
            found[-1] = Finding(start_us=opened, until_us=at + 10, is_open=is_open, peak_score=max(inside))
    return found


_SERIES = st.text(alphabet="####++--.. ", max_size=60).map(_series)
_RULES = st.builds(replace, st.just(SETTINGS), open_after=st.integers(1, 4), close_after=st.integers(1, 4))


@given(_SERIES, _RULES, st.integers(0, 700))
def test_findings_are_those_of_a_walk_through_every_bucket(
    scores: dict[int, float], settings: DetectorSettings, known_to_us: int
) -> None:
    assert _found(scores, known_to_us, settings) == _reference(scores, settings, known_to_us)


@given(_SERIES, _RULES, st.randoms(use_true_random=False), st.integers(1, 8))
def test_batches_in_any_order_give_the_same_findings_as_the_whole_series_at_once(
    scores: dict[int, float], settings: DetectorSettings, chance, pieces: int
) -> None:
    """Each batch replaces the findings of the widened window around it, as a watch does."""
    batches: list[list[int]] = [[] for _ in range(pieces)]
    for at in scores:
        batches[chance.randrange(pieces)].append(at)
    batches = [batch for batch in batches if batch]
    chance.shuffle(batches)
    # The first time the highest bucket of each batch is stored with a wrong score, that a second pass mends.
    steps = [{at: (0.5 if scores[at] >= 1 else 2.0) if at == max(b) else scores[at] for at in b} for b in batches]
    steps += [{at: scores[at] for at in batch} for batch in batches]

    known: dict[int, float] = {}
    stored: dict[int, Finding] = {}
    for step in steps:
        known |= step
        low, high = min(step) - 2 * quiet_us(settings), max(step) + 10 + 2 * quiet_us(settings)
        while True:
            at = np.array(sorted(t for t in known if low <= t < high), dtype=np.int64)
            score = np.array([known[t] for t in at.tolist()])
            wider = widened(at, score, low, high, quiet_us(settings))
            if wider == (low, high):
                break
            low, high = wider
        stored = {start: finding for start, finding in stored.items() if not low <= start < high}
        stored |= {finding.start_us: finding for finding in findings(at, score, settings, LATER)}

    assert [stored[start] for start in sorted(stored)] == _found(scores, LATER, settings)
