import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from infra.broker.batches import BatchInfo
from infra.broker.errors import RequestRefusedError
from infra.broker.producers import ProducerState, find_repetition, remember


def _batch(sequence: int, count: int = 1, epoch: int = 0) -> BatchInfo:
    return BatchInfo(0, 100, 0, count - 1, 0, 0, 9, epoch, sequence, count)


def _refusal(state: ProducerState, batch: BatchInfo) -> ErrorCode:
    with pytest.raises(RequestRefusedError) as refused:
        find_repetition(state, batch)
    return refused.value.code


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(2**31 - 20, 2**31 - 1) | st.just(0))
def test_knows_the_last_five_batches_and_the_next_one_when_sequences_run_on(counts: list[int], start: int) -> None:
    state: ProducerState | None = None
    sequence, offset = start, 0
    sent: list[tuple[BatchInfo, int]] = []
    for count in counts:
        batch = _batch(sequence, count)
        assert find_repetition(state, batch) is None
        state = remember(state, batch, offset)
        sent.append((batch, offset))
        sequence, offset = (sequence + count) % 2**31, offset + count
    assert state is not None
    for batch, stored_at in sent[-5:]:
        assert find_repetition(state, batch) == stored_at
    for batch, _ in sent[:-5]:
        assert _refusal(state, batch) is ErrorCode.out_of_order_sequence_number
    assert _refusal(state, _batch((sequence + 1) % 2**31)) is ErrorCode.out_of_order_sequence_number
    assert ProducerState.unpack(state.epoch, state.pack()) == state


def test_fences_an_old_epoch_and_restarts_the_sequence_when_the_epoch_rises() -> None:
    state = remember(None, _batch(0, 3, epoch=4), 10)
    assert _refusal(state, _batch(3, epoch=3)) is ErrorCode.invalid_producer_epoch
    assert _refusal(state, _batch(3, epoch=5)) is ErrorCode.out_of_order_sequence_number
    assert find_repetition(state, _batch(0, epoch=5)) is None
    assert remember(state, _batch(0, epoch=5), 13).epoch == 5
