"""The broadcast: everyone is told, nobody is waited for, and closing ends every stream."""

import asyncio

from services.api.stream import Broadcast


async def _take(broadcast: Broadcast, count: int, *, at_once: bool = False) -> list[int]:
    taken: list[int] = []
    async for number in broadcast.numbers(at_once=at_once):
        taken.append(number)
        if len(taken) == count:
            break
    return taken


async def _listening(broadcast: Broadcast, count: int) -> None:
    while broadcast.listeners < count:
        await asyncio.sleep(0)


async def test_everyone_who_listens_is_told() -> None:
    broadcast = Broadcast()
    listening = [asyncio.create_task(_take(broadcast, 1)) for _ in range(3)]
    await _listening(broadcast, 3)
    broadcast.publish()
    assert await asyncio.gather(*listening) == [[1], [1], [1]]


async def test_a_slow_listener_gets_the_latest_and_holds_nobody_up() -> None:
    broadcast = Broadcast()
    slow = asyncio.create_task(_take(broadcast, 1))
    await _listening(broadcast, 1)
    for _ in range(1_000):
        broadcast.publish()
    assert await slow == [1_000]


async def test_one_who_missed_some_is_told_at_once() -> None:
    broadcast = Broadcast()
    broadcast.publish()
    broadcast.publish()
    assert await _take(broadcast, 1, at_once=True) == [2]


async def test_closing_ends_open_streams_and_those_opened_later() -> None:
    broadcast = Broadcast()
    listening = asyncio.create_task(_take(broadcast, 1))
    await _listening(broadcast, 1)
    broadcast.publish()
    broadcast.close()
    assert await listening == []
    assert await _take(broadcast, 1) == []
    assert broadcast.listeners == 0
