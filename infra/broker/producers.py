"""Idempotent producers: which batch is new, which is a repetition, which one is out of turn.

Rules of Kafka's ProducerAppendInfo: the last five batches of a producer are remembered per partition, a
repetition among them answers its first offset, a gap is refused, an older epoch is fenced off.
"""

import struct
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from infra.broker.batches import BatchInfo
from infra.broker.errors import RequestRefusedError

REMEMBERED_BATCHES = 5
_SEQUENCE_SPAN = 2**31  # Sequences are int32 and wrap from 2**31 - 1 to 0.
_ENTRY = struct.Struct(">iiq")


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """Sequence range (both ends included) of a stored batch and the offset it was given."""

    first_sequence: int
    last_sequence: int
    base_offset: int


@dataclass(frozen=True, slots=True)
class ProducerState:
    """What one partition remembers of one producer; batches are oldest first, none after a fencing marker."""

    epoch: int
    batches: tuple[AcceptedBatch, ...]

    def pack(self) -> bytes:
        """The remembered batches as bytes for the producers table."""
        return b"".join(_ENTRY.pack(b.first_sequence, b.last_sequence, b.base_offset) for b in self.batches)

    @classmethod
    def unpack(cls, epoch: int, data: bytes) -> "ProducerState":
        """Inverse of `pack`."""
        return cls(epoch, tuple(AcceptedBatch(*entry) for entry in _ENTRY.iter_unpack(data)))


def last_sequence(info: BatchInfo) -> int:
    """Sequence of the last record of a batch."""
    return (info.base_sequence + info.last_offset_delta) % _SEQUENCE_SPAN


def find_repetition(state: ProducerState | None, info: BatchInfo) -> int | None:
    """Offset the batch already has, or None when it is the next one in turn.

    A producer this partition has not seen may start at any sequence, because its state may have expired.

    Raises:
        RequestRefusedError: fenced epoch, sequence gap, or a repetition older than what is remembered.
    """
    if state is None:
        return None
    if info.producer_epoch < state.epoch:
        raise RequestRefusedError(
            ErrorCode.invalid_producer_epoch,
            f"producer {info.producer_id} has epoch {state.epoch}, the batch carries {info.producer_epoch}",
        )
    if info.producer_epoch > state.epoch:
        if info.base_sequence != 0:
            raise _out_of_order(info, 0)
        return None
    for batch in state.batches:
        if batch.first_sequence == info.base_sequence and batch.last_sequence == last_sequence(info):
            return batch.base_offset
    newest = state.batches[-1].last_sequence if state.batches else -1
    expected = (newest + 1) % _SEQUENCE_SPAN
    if info.base_sequence == expected:
        return None
    raise _out_of_order(info, expected)


def remember(state: ProducerState | None, info: BatchInfo, base_offset: int) -> ProducerState:
    """State after the batch was given `base_offset`."""
    entry = AcceptedBatch(info.base_sequence, last_sequence(info), base_offset)
    if state is None or state.epoch != info.producer_epoch:
        return ProducerState(info.producer_epoch, (entry,))
    return ProducerState(state.epoch, (*state.batches[1 - REMEMBERED_BATCHES :], entry))


def after_marker(state: ProducerState | None, epoch: int) -> ProducerState:
    """State after a transaction's end marker: a marker of a newer epoch fences everything older off."""
    if state is None or state.epoch < epoch:
        return ProducerState(epoch, ())
    return state


def _out_of_order(info: BatchInfo, expected: int) -> RequestRefusedError:
    return RequestRefusedError(
        ErrorCode.out_of_order_sequence_number,
        f"producer {info.producer_id} sent sequence {info.base_sequence}, expected {expected}",
    )
