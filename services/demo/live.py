"""The fleet's live voice: one message a second a machine, also while the demo waits for something else."""

import time
from collections.abc import Callable

from services.demo import story
from services.demo.stage import Stage
from services.demo.story import Story
from services.devices import simulated
from services.devices.publisher import Publisher
from shared.simulate.fleet import Fleet

_DRAIN_LIMIT_S = 60.0


class Voice:
    """Says what is due, and keeps in the story how far it has said everything."""

    def __init__(self, stage: Stage, publisher: Publisher, fleet: Fleet, told: Story) -> None:
        self._stage, self._publisher, self._fleet, self._told = stage, publisher, fleet, told

    def speak(self) -> None:
        """Say what is due up to this second; nothing when that is said already."""
        at_s = int(time.time())
        if at_s <= self._told.published_to_s:
            return
        simulated.live(self._publisher, self._fleet, after_s=self._told.published_to_s, now_s=at_s)
        self._publisher.drain(_DRAIN_LIMIT_S)
        self._told = story.published(self._stage.folder, self._told, at_s)

    def while_waiting(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        """The condition, with what is due said before each look at it."""

        def look() -> bool:
            self.speak()
            return condition()

        return look

    def speak_on(self) -> None:
        """Say what is due each second, until interrupted; raises UnavailableError when a service has ended."""
        while True:
            time.sleep(1.0 - time.time() % 1.0)
            self._stage.children.check()
            self.speak()
