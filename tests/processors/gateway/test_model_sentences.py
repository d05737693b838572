import pytest

from processors.gateway.summaries import summarize
from schemas.models import ModelAsked, ModelReserved
from tests.schemas.examples import examples_of


@pytest.mark.parametrize(
    ("kind", "example", "sentence"),
    [
        (ModelReserved, "minimal", "Set 0.2090 USD aside to ask claude-opus-5-5 (diagnosis)."),
        (ModelAsked, "minimal", "Asked claude-opus-5-5 (diagnosis): failed, 0.0000 USD."),
        (ModelAsked, "full", "Asked claude-opus-5-5 (diagnosis): interrupted, about 0.0165 USD."),
    ],
)
def test_says_what_a_request_cost(kind: type[ModelReserved | ModelAsked], example: str, sentence: str) -> None:
    assert summarize(kind.TYPE, examples_of(kind)[example].model_dump(mode="json")) == sentence
