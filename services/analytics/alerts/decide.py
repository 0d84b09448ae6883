"""Alert path, first stage: from what holds now and what is open to transitions, written with their deliveries."""

from collections.abc import Mapping, Sequence

from services.analytics.alerts import transitions
from services.analytics.alerts.consequence import Consequence, Outage, consequence
from services.analytics.judged import Judged
from services.analytics.outlook import outlook
from shared.contracts.forecast import Evidence
from shared.db import alerts, contracts, silences
from shared.db.pool import AsyncConnection
from shared.model.alert import AlertKind, Noticed, Transition
from shared.model.prognosis import NoticeState


async def decide(connection: AsyncConnection, judged: Sequence[Judged], now_us: int) -> list[Transition]:
    """The transitions made; whoever is first to write one has made it.

    `judged` holds the running periods of all contracts. To be called in a transaction.
    """
    is_open = await alerts.open_subjects(connection)
    decided: list[Transition | None] = []
    for one in judged:
        key = AlertKind.GUARANTEE_AT_RISK, transitions.guarantee_subject(one)
        decided.append(transitions.of_guarantee(one, is_open=key in is_open, now_us=now_us))
    for hearing in await alerts.hearings(connection, now_us):
        key = AlertKind.MACHINE_SILENT, transitions.machine_subject(hearing.machine)
        decided.append(transitions.of_silence(hearing, is_open=key in is_open, now_us=now_us))
    for watching in await alerts.watchings(connection):
        key = AlertKind.ANOMALY, transitions.machine_subject(watching.machine)
        decided.append(transitions.of_anomaly(watching, is_open=key in is_open, now_us=now_us))
    decided += await _failures(connection, judged, is_open, now_us)
    made = [transition for transition in decided if transition and await alerts.apply(connection, transition)]
    await silences.record(connection, made)
    return made


async def _failures(
    connection: AsyncConnection, judged: Sequence[Judged], is_open: set[tuple[AlertKind, str]], now_us: int
) -> list[Transition | None]:
    """Notices of failure, and findings that were confirmed: of what stops are to be expected, and what they cost."""
    decided: list[Transition | None] = []
    expected: dict[int, Noticed] = {}
    for noticed in await alerts.noticed(connection):
        if noticed.state is NoticeState.OPEN:
            expected.setdefault(noticed.machine.asset_id, noticed)
        key = AlertKind.PREDICTED_FAILURE, transitions.notice_subject(noticed)
        found: list[Consequence] = []
        if transitions.opens(transitions.notice(noticed, is_open=key in is_open, now_us=now_us)):
            found = await _consequences(connection, judged, noticed.machine.asset_id, noticed, now_us)
        decided.append(transitions.of_notice(noticed, found, is_open=key in is_open, now_us=now_us))
    for confirmed in await alerts.confirmed(connection):
        asset_id = confirmed.machine.asset_id
        key = AlertKind.CONFIRMED_ANOMALY, transitions.machine_subject(confirmed.machine)
        found = []
        if transitions.opens(transitions.confirmation(confirmed, is_open=key in is_open)):
            found = await _consequences(connection, judged, asset_id, expected.get(asset_id), now_us)
        decided.append(transitions.of_confirmation(confirmed, found, is_open=key in is_open, now_us=now_us))
    return decided


async def _consequences(
    connection: AsyncConnection, judged: Sequence[Judged], asset_id: int, noticed: Noticed | None, now_us: int
) -> list[Consequence]:
    """What a stop of the machine, as it was foretold or else now, does to each guarantee that depends on it."""
    depend = {
        stored.id: stored for stored in await contracts.versions(connection) if asset_id in stored.assets.values()
    }
    running = [one for one in judged if one.contract_id in depend and not one.assessment.complete]
    outage = Outage(start_us=now_us, cause="", repair=None)
    if noticed is not None:
        outage = Outage(
            start_us=max(now_us, noticed.expected_us or now_us),
            cause=next(iter(noticed.causes), ""),
            repair=await alerts.usual_repair(connection, asset_id, noticed.causes),
        )
    seen: Mapping[int, Mapping[str, Evidence]] = {
        contract_id: await outlook(connection, depend[contract_id], now_us)
        for contract_id in {one.contract_id for one in running}
    }
    return [consequence(one, seen[one.contract_id].get(one.guarantee.id), outage) for one in running]
