"""Transactional producers: who they are, what is open, who is fenced off. No I/O; time comes from outside.

The rules are those of Kafka's transaction coordinator. The states between a decision and its markers do not exist
here: markers, offsets and the new state are one commit of the file, and `ending` is true while that is on its way.
"""

import enum
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.batches import BatchInfo
from infra.broker.errors import RequestRefusedError
from infra.broker.log import Log
from infra.broker.offsets import CommittedOffset

NO_BATCH = -1
_NO_EPOCH = -1
_LAST_EPOCH = 32_766  # One is kept for fencing the last producer; then a new id is given.


class TransactionState(enum.Enum):
    """States and their names in ListTransactions and DescribeTransactions."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    COMMITTED = "CompleteCommit"
    ABORTED = "CompleteAbort"


@dataclass(slots=True, eq=False)
class Transaction:
    """One transactional id with its newest transaction. Times are Unix milliseconds, -1 for none.

    `partitions` maps the id of a partition to the offset of the first batch there, `NO_BATCH` before it.
    `previous_epoch` is the epoch that the producer itself raised to the present one, so that it may ask again.
    """

    transactional_id: str
    producer_id: int
    epoch: int = 0
    previous_epoch: int = _NO_EPOCH
    timeout_ms: int = 0
    state: TransactionState = TransactionState.EMPTY
    started_ms: int = -1
    updated_ms: int = -1
    partitions: dict[int, int] = field(default_factory=dict)
    offsets: dict[str, dict[int, CommittedOffset]] = field(default_factory=dict)
    ending: bool = False

    @property
    def ongoing(self) -> bool:
        """Whether there is something to commit or abort."""
        return self.state is TransactionState.ONGOING

    def row(self) -> tuple[Any, ...]:
        """What the file keeps, taken now."""
        return (
            self.transactional_id, self.producer_id, self.epoch, self.previous_epoch, self.timeout_ms,
            self.state.value, self.started_ms, self.updated_ms, json.dumps(self.partitions), json.dumps(self.offsets),
        )  # fmt: skip


class Transactions:
    """Every transactional id the broker knows, and the ids it gives to producers."""

    def __init__(self) -> None:
        self.by_id: dict[str, Transaction] = {}
        self._by_producer: dict[int, Transaction] = {}
        self._next_producer_id = 1

    def load(self, reader: sqlite3.Connection, log: Log) -> None:
        """Read everything back from the file; what was open is open again in its partitions.

        Called again where writes failed without ending the broker: what the file does not have did not happen.
        """
        self.by_id.clear()
        self._by_producer.clear()
        for partition in log.partitions.values():
            partition.open_transactions.clear()
        (value,) = reader.execute("SELECT value FROM meta WHERE key = 'next_producer_id'").fetchone()
        self._next_producer_id = int(value)
        rows = reader.execute("SELECT * FROM transactions").fetchall()
        for name, producer_id, epoch, previous, timeout_ms, state, started_ms, updated_ms, partitions, offsets in rows:
            found = Transaction(
                name, producer_id, epoch, previous, timeout_ms, TransactionState(state), started_ms, updated_ms
            )
            # A repaired file may have lost a partition.
            found.partitions = {int(key): each for key, each in json.loads(partitions).items() if _known(log, key)}
            found.offsets = {
                group_id: {int(key): CommittedOffset(*each) for key, each in entries.items() if _known(log, key)}
                for group_id, entries in json.loads(offsets).items()
            }
            self._know(found)
            for partition_id, first_offset in found.partitions.items():
                if first_offset != NO_BATCH:
                    log.partitions[partition_id].open_transactions[found.producer_id] = first_offset

    def take_producer_id(self) -> int:
        """An id that no other producer ever had, once `write_next_producer_id` has stored the one after it."""
        taken, self._next_producer_id = self._next_producer_id, self._next_producer_id + 1
        return taken

    def initialise(
        self, transactional_id: str, timeout_ms: int, known_id: int, known_epoch: int, now_ms: int
    ) -> Transaction:
        """Give the id to a new producer, or to the same one again: whoever had it before is fenced off.

        `known_id` and `known_epoch` are what a producer that goes on after an error has now, -1 from a new one.

        Raises:
            RequestRefusedError: fenced itself, or a transaction is still being ended.
        """
        found = self.by_id.get(transactional_id)
        if found is None:
            found = Transaction(transactional_id, self.take_producer_id(), timeout_ms=timeout_ms, updated_ms=now_ms)
            self._know(found)
            return found
        self.check_claim(found, known_id, known_epoch)
        again = known_epoch != _NO_EPOCH and known_epoch != found.epoch
        if not again:
            self._raise_epoch(found, known_epoch)
        found.timeout_ms, found.updated_ms, found.state = timeout_ms, now_ms, TransactionState.EMPTY
        return found

    def check_claim(self, found: Transaction, known_id: int, known_epoch: int) -> None:
        """Refuse a producer that claims to have the id and lost it, and everyone while a transaction is ended."""
        if known_epoch != _NO_EPOCH and (
            known_id != found.producer_id or known_epoch not in (found.epoch, found.previous_epoch)
        ):
            raise _fenced(found, known_epoch)
        if found.ending:
            raise _busy(found)

    def current(self, transactional_id: str, producer_id: int, epoch: int) -> Transaction:
        """The producer's transaction.

        Raises:
            RequestRefusedError: it is unknown, fenced, or its last transaction is still being ended.
        """
        found = self.by_id.get(transactional_id)
        if found is None or found.producer_id != producer_id:
            raise RequestRefusedError(
                ErrorCode.invalid_producer_id_mapping,
                f"transactional id {transactional_id!r} does not belong to producer {producer_id}; initialise it first",
            )
        if found.epoch != epoch:
            raise _fenced(found, epoch)
        if found.ending:
            raise _busy(found)
        return found

    def begin(self, found: Transaction, now_ms: int) -> None:
        """Start a transaction unless one is going on."""
        found.updated_ms = now_ms
        if not found.ongoing:
            found.state, found.started_ms = TransactionState.ONGOING, now_ms

    def admit(self, info: BatchInfo, partition_id: int) -> Transaction:
        """The transaction a batch belongs to.

        Raises:
            RequestRefusedError: the producer is fenced, or has not added the partition to a transaction.
        """
        found = self._by_producer.get(info.producer_id)
        if found is not None and info.producer_epoch < found.epoch:
            raise RequestRefusedError(
                ErrorCode.invalid_producer_epoch,
                f"producer {info.producer_id} has epoch {found.epoch}, the batch carries {info.producer_epoch}",
            )
        if (
            found is None
            or not found.ongoing
            or found.ending
            or found.epoch != info.producer_epoch
            or partition_id not in found.partitions
        ):
            raise RequestRefusedError(
                ErrorCode.invalid_txn_state,
                f"producer {info.producer_id} has no transaction in this partition; add the partition to one first",
            )
        return found

    def pending_offsets(self, group_id: str) -> set[int]:
        """Partitions for which an undecided transaction holds an offset of the group."""
        return {partition_id for found in self.by_id.values() for partition_id in found.offsets.get(group_id, ())}

    def forget_partitions(self, partition_ids: Iterable[int]) -> None:
        """Take deleted partitions out of every transaction."""
        gone = set(partition_ids)
        for found in self.by_id.values():
            touched: list[dict[int, Any]] = [found.partitions, *found.offsets.values()]
            for entries in touched:
                for partition_id in gone.intersection(entries):
                    del entries[partition_id]

    def fence(self, found: Transaction) -> None:
        """Raise the epoch under a producer whose transaction the broker is about to abort."""
        found.epoch += 1
        found.previous_epoch = _NO_EPOCH

    def next_deadline_ms(self) -> int | None:
        """When the earliest open transaction has lasted too long."""
        return min((found.started_ms + found.timeout_ms for found in self._open()), default=None)

    def overdue(self, now_ms: int) -> list[Transaction]:
        """Open transactions that lasted too long."""
        return [found for found in self._open() if found.started_ms + found.timeout_ms <= now_ms]

    def _open(self) -> Iterable[Transaction]:
        return (found for found in self.by_id.values() if found.ongoing and not found.ending)

    def _raise_epoch(self, found: Transaction, known_epoch: int) -> None:
        if found.epoch >= _LAST_EPOCH:
            del self._by_producer[found.producer_id]
            found.producer_id, found.epoch, found.previous_epoch = self.take_producer_id(), 0, _NO_EPOCH
            self._by_producer[found.producer_id] = found
            return
        found.previous_epoch = known_epoch
        found.epoch += 1

    def _know(self, found: Transaction) -> None:
        self.by_id[found.transactional_id] = found
        self._by_producer[found.producer_id] = found


def _known(log: Log, key: str) -> bool:
    return int(key) in log.partitions


def _fenced(found: Transaction, epoch: int) -> RequestRefusedError:
    return RequestRefusedError(
        ErrorCode.producer_fenced,
        f"a newer producer has transactional id {found.transactional_id!r}: epoch {found.epoch}, this one has {epoch}",
    )


def _busy(found: Transaction) -> RequestRefusedError:
    return RequestRefusedError(
        ErrorCode.concurrent_transactions, f"the transaction of {found.transactional_id!r} is being ended; ask again"
    )


def write_transaction(writer: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    """Store `Transaction.row` inside the caller's transaction."""
    writer.execute("INSERT OR REPLACE INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def erase_partitions(writer: sqlite3.Connection, partition_ids: Iterable[int]) -> None:
    """Take deleted partitions out of every stored transaction inside the caller's transaction."""
    gone = set(map(str, partition_ids))
    stored = writer.execute("SELECT transactional_id, partitions, offsets FROM transactions").fetchall()
    for transactional_id, partitions, offsets in stored:
        kept = _without(json.loads(partitions), gone)
        kept_offsets = {group_id: _without(entries, gone) for group_id, entries in json.loads(offsets).items()}
        writer.execute(
            "UPDATE transactions SET partitions = ?, offsets = ? WHERE transactional_id = ?",
            (json.dumps(kept), json.dumps(kept_offsets), transactional_id),
        )


def _without(entries: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key not in gone}


def write_next_producer_id(writer: sqlite3.Connection, producer_id: int) -> None:
    """Remember inside the caller's transaction that ids up to `producer_id` are taken."""
    writer.execute(
        "UPDATE meta SET value = max(CAST(value AS INTEGER), ?) WHERE key = 'next_producer_id'", (producer_id + 1,)
    )
