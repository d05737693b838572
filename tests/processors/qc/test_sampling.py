import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.qc.config import Policy
from processors.qc.outcomes import Outcomes
from processors.qc.sampling import Z95, bounce_probability, drawn, estimated, sample, wilson
from schemas.qc import CheckRound, QcView, RepairToCheck
from schemas.qc_plans import CheckPlan, Checkpoint, History, Sampling, Tally

KEY = b"k" * 32
NOW = datetime(2026, 3, 2, tzinfo=UTC)
PLAN = CheckPlan(
    sheets=("general/1",), checkpoints=(Checkpoint(checkpoint_id="x", kind="checklist", title="x"),), sha256="0" * 64
)
POLICY = Policy()
GOOD = History(everything=Tally(bounced=2, repairs=400), fault=Tally(bounced=0, repairs=80))
tallies = st.integers(0, 500).flatmap(
    lambda repairs: st.builds(Tally, bounced=st.integers(0, repairs), repairs=st.just(repairs))
)
histories = st.builds(History, everything=tallies, fault=tallies, pair=tallies)


def sampled(ticket_id: str = "T-0001", number: int = 1, history: History = GOOD, **changes: object) -> Sampling:
    repair = RepairToCheck.model_validate({"value_cents": changes.get("value_cents")})
    plan = PLAN.model_copy(update={"always": bool(changes.get("always"))})
    return sample(ticket_id, number, repair, plan, history, POLICY, KEY)


# --- how likely


@given(histories)
def test_a_probability_lies_between_what_is_believed_and_what_was_seen(history: History) -> None:
    probability = bounce_probability(history, POLICY)
    seen = [one.bounced / one.repairs for one in (history.everything, history.fault, history.pair) if one.repairs]
    rates = [POLICY.prior_bounced / POLICY.prior_repairs, *seen]
    assert min(rates) - 1e-12 <= probability <= max(rates) + 1e-12


@given(histories)
def test_one_more_bounce_never_makes_a_repair_look_better(history: History) -> None:
    pair = history.pair
    worse = history.model_copy(update={"pair": Tally(bounced=pair.bounced + 1, repairs=pair.repairs + 1)})
    better = history.model_copy(update={"pair": Tally(bounced=pair.bounced, repairs=pair.repairs + 1)})
    assert (
        bounce_probability(better, POLICY) <= bounce_probability(history, POLICY) <= bounce_probability(worse, POLICY)
    )


def test_the_posterior_mean_is_that_of_the_beta_distribution() -> None:
    """Beta(1, 9) and 2 of 90 give 3/100; 20 repairs of that and 1 of 20: 1.6/40; 10 of that and 3 of 30: 3.4/40."""
    history = History(
        everything=Tally(bounced=2, repairs=90), fault=Tally(bounced=1, repairs=20), pair=Tally(bounced=3, repairs=30)
    )
    assert bounce_probability(history, POLICY) == pytest.approx(0.085)


def test_a_new_shop_checks_everything_and_one_with_a_good_record_does_not() -> None:
    assert sampled(history=History()).why[:1] == ("likely",)
    spared = [sampled(f"T-{number:04}") for number in range(200)]
    assert {one.why for one in spared} == {(), ("random",)}
    assert {one.chance for one in spared} == {POLICY.random_share}


# --- the draw


def test_a_draw_is_the_same_for_ever_and_foretold_by_the_key_alone() -> None:
    """The number is that of `openssl dgst -sha256 -mac HMAC` over "T-0001/1": its first 53 bits over 2^53."""
    assert drawn("T-0001", 1, KEY) == 0.9849217749840538
    assert (
        len({drawn("T-0001", 1, KEY), drawn("T-0001", 2, KEY), drawn("T-0002", 1, KEY), drawn("T-0001", 1, b"q")}) == 4
    )


def test_a_random_share_of_the_unlikely_is_checked() -> None:
    """5 % of 20,000 is 1000 with a standard deviation of 31; five of those either way."""
    checked = sum(sampled(f"T-{number:06}").checked for number in range(20_000))
    assert 845 < checked < 1155


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"number": 2}, "rework"),
        ({"value_cents": 30_001}, "value"),
        ({"always": True}, "safety"),
        ({"history": History()}, "likely"),
    ],
)
def test_what_the_rules_ask_for_is_checked_with_certainty(changes: dict[str, object], why: str) -> None:
    one = sampled(**changes)  # type: ignore[arg-type]  # parameters of the test
    assert (one.checked, one.why[0], one.chance) == (True, why, 1.0)
    assert not sampled(value_cents=30_000).why or sampled(value_cents=30_000).why == ("random",)


# --- the estimate


def test_an_estimate_of_nothing_says_that_nothing_is_known() -> None:
    rate = estimated([])
    assert (rate.estimate, rate.low, rate.high, rate.checked) == (None, 0.0, 1.0, 0)


def test_weights_are_one_over_the_chance() -> None:
    """Two likely ones of which one bounced, and one of the random twentieth that did not: 1 of 22."""
    rate = estimated([(True, 1.0), (False, 1.0), (False, 0.05)])
    assert rate.estimate == pytest.approx(1 / 22)
    assert rate.effective == pytest.approx(22**2 / (1 + 1 + 400))


def test_wilson_at_its_ends() -> None:
    """With nothing seen of n the upper end is z^2 / (n + z^2) (Wilson 1927)."""
    assert wilson(0.0, 100) == (0.0, pytest.approx(Z95**2 / (100 + Z95**2)))
    assert wilson(1.0, 100)[1] == 1.0


def test_the_estimate_is_honest_where_the_plain_share_of_the_checked_is_not() -> None:
    """3000 repairs of two kinds, 30 % and 2 % bounce, in 200 shops; the good kind is checked by chance alone."""
    rng, covered, plain, honest = random.Random(7), 0, 0.0, 0.0
    truth = 0.2 * 0.30 + 0.8 * 0.02
    for _ in range(200):
        observed: list[tuple[bool, float]] = []
        for _ in range(3000):
            bad_kind = rng.random() < 0.2
            chance = 1.0 if bad_kind else 0.05
            if rng.random() < chance:
                observed.append((rng.random() < (0.30 if bad_kind else 0.02), chance))
        rate = estimated(observed)
        assert rate.estimate is not None
        covered += rate.low <= truth <= rate.high
        honest += rate.estimate / 200
        plain += sum(bounced for bounced, _ in observed) / len(observed) / 200
    assert abs(honest - truth) < 0.003
    assert plain > 3 * truth
    assert covered >= 186  # 93 %


# --- what became of repairs


def view(number: int, status: str, *, fault: str = "power", bounced: str | None = None, chance: float = 1.0) -> QcView:
    sampling = sampled().model_copy(update={"chance": chance})
    one = CheckRound.model_validate({
        "number": 1, "status": status, "plan": PLAN, "sampling": sampling, "opened_at": NOW,
        "repair": RepairToCheck(fault_family=fault, repaired_by=("user:U-1", "cleo")),
    })  # fmt: skip
    return QcView.model_validate({"ticket_id": f"T-{number:04}", "rounds": (one,), "bounced": bounced})


def test_history_counts_what_is_known_of_a_repair_once() -> None:
    outcomes = Outcomes([
        view(1, "passed"), view(2, "failed"), view(3, "passed", bounced="warranty"), view(4, "skipped"),
        view(5, "skipped", bounced="rework"), view(6, "planned"), view(7, "left"), view(8, "passed", fault="screen"),
        view(1, "passed"),
    ])  # fmt: skip
    history = outcomes.history("main", "power", "U-1")
    assert history.everything == Tally(bounced=3, repairs=5)
    assert history.fault == history.pair == Tally(bounced=3, repairs=4)
    assert outcomes.history("main", "power", "ben").pair == Tally()
    assert outcomes.history("elsewhere", "power", "U-1") == History()
    outcomes.forget("T-0002")
    assert outcomes.history("main", "power", "U-1").everything == Tally(bounced=2, repairs=4)


def test_the_estimate_leaves_out_what_was_not_checked() -> None:
    outcomes = Outcomes([view(1, "passed", chance=0.05), view(2, "failed"), view(3, "skipped", bounced="warranty")])
    rate = outcomes.rate("main")
    assert (rate.checked, rate.estimate) == (2, pytest.approx(1 / 21))
    assert outcomes.rates_by_fault("main") == {"power": rate}


@pytest.mark.parametrize(
    "settings",
    [
        {"always_above_cents": 30_001},
        {"random_share": 0.0},
        {"random_share": 1.5},
        {"prior_bounced": 10.0},
        {"fault_strength": 0.0},
    ],
)
def test_settings_that_cannot_hold_together_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Policy(**settings)  # type: ignore[arg-type]  # parameters of the test
