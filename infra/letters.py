"""Dead letters: reading them, putting them back, dropping them, and remembering which was done.

A letter that was dealt with stays where it is; a record in ``letters.settled.v1`` says by whom and why. So a second
replay of the same letters does nothing. The letter goes back before it is marked: a crash between the two puts it
back once more, under the same id, which its reader drops.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid5

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, command_record
from connectors.bus.restore import LogReader
from connectors.clock.clock import Clock, SystemClock
from connectors.errors import Permanent
from infra.outcomes import Outcomes
from schemas.audit import LetterSettled
from schemas.core.envelope import NAMESPACE
from topics.audit import LETTERS_SETTLED
from topics.registry import DEAD_LETTERS, dead_letters

_OWN = "dlq_"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: the record as it was, why it could not be handled, and what was done with it since."""

    name: str
    headers: Sequence[tuple[str, bytes]]
    raw_key: bytes
    value: bytes | None
    settled: LetterSettled | None = None

    @property
    def processor(self) -> str:
        """Return whose letter it is."""
        return self.name.split("/")[0]

    @property
    def key(self) -> str:
        """Return the record's key as text."""
        return self.raw_key.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """Return a header's text, empty when it is absent. The stage writes its own last, so the last one counts."""
        found = (value for given, value in reversed(self.headers) if given == name)
        return next(found, b"").decode("utf-8", "replace")

    @property
    def reason(self) -> str:
        """Return the machine-readable reason."""
        return self.header("dlq_reason")

    @property
    def error(self) -> str:
        """Return what was wrong, in words."""
        return self.header("dlq_error")

    @property
    def type(self) -> str:
        """Return the message type, as far as the record says."""
        return self.header("ce_type")

    @property
    def at(self) -> datetime | None:
        """Return when it was written."""
        try:
            return datetime.fromisoformat(self.header("dlq_at"))
        except ValueError:
            return None

    @property
    def attempt(self) -> int:
        """Return how often the record was tried: more than 1 when it died again after it was put back."""
        return max(int(text) if (text := self.header("dlq_attempt")).isdecimal() else 1, 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters. ``again``: also those that were dealt with already."""

    processor: str | None = None
    reason: str | None = None
    since: datetime | None = None
    names: frozenset[str] = frozenset()
    again: bool = False

    def takes(self, letter: Letter) -> bool:
        """Whether it is one of them."""
        return (
            (self.again or letter.settled is None)
            and (self.reason is None or letter.reason == self.reason)
            and (self.since is None or (letter.at is not None and letter.at >= self.since))
            and (not self.names or letter.name in self.names)
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who deals with letters, and why."""

    by: str
    because: str = ""


async def read_letters(cluster: Cluster, processor: str | None = None) -> list[Letter]:
    """Return the dead letters of one processor, or of all, oldest first within a partition."""
    topics = [dead_letters(processor)] if processor else list(DEAD_LETTERS)
    letters = []
    async with LogReader(cluster, "noizylab-dlq") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name for topic in topics])):
            owner = record.topic.removeprefix("dlq.").removesuffix(".v1")
            name = f"{owner}/{record.partition}/{record.offset}"
            letters.append((name, record))
    settled = await _settled(cluster) if letters else {}
    return [Letter(name, one.headers, one.key or b"", one.value, settled.get(name)) for name, one in letters]


async def chosen_letters(cluster: Cluster, choice: Choice) -> list[Letter]:
    """Return the letters that ``choice`` takes."""
    return [one for one in await read_letters(cluster, choice.processor) if choice.takes(one)]


async def _settled(cluster: Cluster) -> dict[str, LetterSettled]:
    async with LogReader(cluster, "noizylab-dlq-settled") as reader:
        tps = await reader.partitions([LETTERS_SETTLED.name])
        marks = [LetterSettled.model_validate_json(one.value or b"") async for one in reader.to_end(tps)]
    return {one.letter: one for one in marks}


class Desk:
    """Deals with letters one after the other."""

    def __init__(self, cluster: Cluster, settlement: Settlement, clock: Clock | None = None) -> None:
        self._cluster, self._settlement, self._clock = cluster, settlement, clock or SystemClock()
        self._publisher = KafkaPublisher(cluster, client_id="noizylab-dlq")

    async def __aenter__(self) -> "Desk":
        await self._publisher.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._publisher.stop()

    async def reinsert(self, letters: Sequence[Letter]) -> None:
        """Put letters back where they came from, with their ids.

        Raises:
            Permanent: one does not say where it came from; none was put back.
        """
        if letters:
            await self._publisher.publish([back(one) for one in letters])
            await self._mark(letters, "reinserted")

    async def drop(self, letters: Sequence[Letter]) -> None:
        """Mark letters as dealt with."""
        if letters:
            await self._mark(letters, "dropped")

    async def one_by_one(self, letters: Sequence[Letter], within_s: float, say: Callable[[str], None]) -> Letter | None:
        """Put letters back one after the other, each when the one before was handled.

        Returns the first that died again, or None when all were handled.

        Raises:
            Transient: the processor did not get to a letter within ``within_s``.
        """
        for letter in letters:
            outcomes = await Outcomes.watch(self._cluster, letter.processor, within_s)
            await self.reinsert([letter])
            died = await outcomes.of(back(letter))
            say(f"{letter.name}: {'died again' if died else 'handled'}")
            if died:
                return letter
        return None

    async def _mark(self, letters: Sequence[Letter], action: Literal["reinserted", "dropped"]) -> None:
        now = self._clock.now()
        marks = []
        for one in letters:
            mark = LetterSettled(
                letter=one.name,
                action=action,
                reason=one.reason[:200],
                attempt=one.attempt,
                by=self._settlement.by,
                because=self._settlement.because,
                settled_at=now,
            )
            mark_id = uuid5(NAMESPACE, f"letter/{one.name}/{action}/{now.isoformat()}")
            marks.append(command_record(mark, source="operator", now=now, correlation_id=one.name, message_id=mark_id))
        await self._publisher.publish(marks)


def back(letter: Letter) -> Outgoing:
    """Return the record as it was, to go where it was; the attempt goes with it, and the letter's name.

    Raises:
        Permanent: it does not say where it came from.
    """
    topic, partition = letter.header("dlq_topic"), letter.header("dlq_partition")
    if not topic or not partition.isdecimal():
        raise Permanent(f"letter {letter.name} does not say where it came from: no stage wrote it; drop it")
    headers = [(name, value) for name, value in letter.headers if not name.startswith(_OWN)]
    headers += [("dlq_attempt", str(letter.attempt).encode()), ("dlq_letter", letter.name.encode())]
    key = None if letter.header("dlq_key") == "missing" else letter.raw_key
    return Outgoing(topic, key, letter.value, headers, int(partition))
