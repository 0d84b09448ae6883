"""What is said of an outage, and how long the writer rests."""

from structlog.testing import capture_logs

from services.ingest.outage import Outage
from shared.db.trouble import FaultyDatabaseError
from shared.errors import UnavailableError
from shared.instant import SECOND_US

REFUSED = UnavailableError("refused")


def said(seconds_and_errors: list[tuple[int, UnavailableError]]) -> list[tuple[str, int]]:
    """Events with their attempts."""
    outage = Outage(messages_held=7)
    with capture_logs() as logs:
        for seconds, error in seconds_and_errors:
            outage.failed(error, seconds * SECOND_US)
        outage.over(1_000 * SECOND_US)
    return [(line["event"], line["attempts"]) for line in logs]


def test_an_outage_is_said_at_its_begin_when_its_reason_changes_and_each_minute() -> None:
    starting = UnavailableError("starting up")
    told = said(
        [(0, REFUSED), (1, REFUSED), (2, starting), (40, starting), (61, starting), (62, starting), (70, starting)]
    )
    assert told == [("database_lost", 1), ("database_still_lost", 3), ("database_still_lost", 6), ("database_back", 7)]


def test_a_fault_is_said_with_each_attempt_and_is_not_tried_often() -> None:
    fault = FaultyDatabaseError("no such column")
    assert [event for event, _ in said([(0, fault), (1, fault), (3, fault)])] == ["database_faulty"] * 3 + [
        "database_back"
    ]
    assert 0.5 <= Outage(messages_held=0).failed(fault, 0) <= 1


def test_the_rest_grows_to_ten_seconds_however_long_the_outage_lasts() -> None:
    outage = Outage(messages_held=0)
    rests = [outage.failed(REFUSED, number * SECOND_US) for number in range(3_000)]
    assert 0.05 <= rests[0] <= 0.1
    assert all(5 <= rest <= 10 for rest in rests[10:])


def test_nothing_is_said_of_what_succeeds_at_once() -> None:
    assert said([]) == []
