from typing import Any

import pytest

from processors.qc.config import Policy
from schemas.inspections import BoardCondition, InspectBoard, PhotoPictures
from schemas.qc import CheckPlanned, CheckRefused, CheckSkipped, CheckWaived, QcView, WaiveCheck
from schemas.qc_plans import Tally
from schemas.ticket_links import WarrantyClaimed
from schemas.tickets import MoveTicket
from tests.processors.qc.shop import (
    BLURRED,
    BOARD,
    FOUR_HUNDRED_EUROS,
    PHOTO,
    TWO_THOUSAND_EUROS,
    Shop,
    T,
    at_hand_in,
    blurred,
    diagnosis,
    finding,
    moved,
    seen,
    ticket,
)
from tests.schemas.examples import examples_of
from tests.support.driver import START
from topics.qc import QC_VIEWS


@pytest.fixture(params=[{}, {"times": 2}, {"restart": True}], ids=["once", "redelivered", "restarted"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return Shop(**request.param)


async def test_a_good_repair_passes_and_its_ticket_moves_to_ready_once(shop: Shop) -> None:
    shop.know(ticket(), diagnosis("charging_port"), at_hand_in(finding("burn")))
    await shop.arrive()
    await shop.begin()
    await shop.all_good()
    await shop.conclude("pass")

    assert shop.round.status == "passed"
    assert shop.round.plan.sheets == ("board/1", "computers/1", "general/1", "power/1")
    [move] = shop.driver.read(MoveTicket)
    assert (move.to, move.reason, move.actor, move.evidence.checked_by) == ("ready", "check_passed", "ada", "ada")
    assert (move.evidence.repaired_by, move.evidence.value_cents) == ("ben", 6_000)
    await shop.hear(moved("ready", "qc", "ada"))
    assert (shop.round.status, shop.refusals, shop.driver.dead()) == ("passed", [], [])


async def test_a_bridge_goes_to_rework_and_the_next_check_sees_what_was_found(shop: Shop) -> None:
    shop.know(ticket(), at_hand_in())
    await shop.arrive()
    await shop.begin()
    await shop.all_good("board_as_golden")
    await shop.photograph("board_as_golden", seen(finding("bridge")))
    await shop.conclude("pass")
    assert shop.refusals == ["checkpoints_failed"]
    await shop.conclude("fail")
    assert shop.refusals[-1] == "cause_missing"
    await shop.conclude("fail", cause="solder_bridge")
    assert shop.moves == [("rework", "check_failed")]
    assert shop.driver.read(MoveTicket)[0].evidence.reason_code == "solder_bridge"

    await shop.hear(moved("rework", "qc", "ada"))
    await shop.hear(moved("qc", "rework"))
    first, second = shop.view.rounds
    assert (first.status, first.cause, shop.view.reworks) == ("failed", "solder_bridge", 1)
    [bad] = [result for result in first.results if result.verdict == "fail"]
    assert (bad.findings[0].kind, bad.reason, bad.annotated is not None) == ("bridge", "found 1 x bridge", True)
    assert (second.number, second.status, second.results) == (2, "planned", ())
    assert "rework" in second.sampling.why
    await shop.begin("cleo")
    for point in second.plan.checkpoints:
        await shop.record(point.checkpoint_id, "cleo", verdict="pass", reason="seen", measured=point.high or point.low,
                          unit=point.unit, instrument="meter 1")  # fmt: skip
    await shop.conclude("pass", "cleo")
    assert shop.moves == [("rework", "check_failed"), ("ready", "check_passed")]


async def test_a_blurred_photo_asks_for_another(shop: Shop) -> None:
    shop.know(ticket(), at_hand_in())
    await shop.arrive()
    await shop.begin()
    await shop.photograph("finished_photo", blurred())
    [result] = shop.round.results
    assert (result.verdict, result.advice) == (None, f"Take another photo. {BLURRED.advice}")
    await shop.all_good("finished_photo")
    await shop.conclude("pass")
    assert shop.refusals == ["checkpoints_open"]
    await shop.photograph("finished_photo", seen(compared=False))
    await shop.conclude("pass")
    assert shop.round.status == "passed"
    # A photo of the finished device is not held against the golden picture of its board.
    assert [asked.board_model for asked in shop.driver.read(InspectBoard)].count(BOARD) == 2


async def test_vision_answering_somebody_else_or_a_photo_taken_again_changes_nothing(shop: Shop) -> None:
    shop.know(ticket())
    await shop.arrive()
    await shop.begin()
    await shop.record("board_as_golden", photo=seen().annotated[0])
    [(first, _)] = shop.driver.envelopes(InspectBoard)
    await shop.hear(seen(finding()), None)
    await shop.hear(seen(finding()), shop.driver.envelopes(CheckPlanned)[0][0].id)
    await shop.photograph("board_as_golden", seen())
    await shop.hear(seen(finding()), first.id)
    assert [(result.verdict, result.reason) for result in shop.round.results] == [
        ("pass", "no difference that matters")
    ]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((), (), "pass"),
        ((finding("burn"),), (finding("burn"),), "pass"),
        ((finding("burn"),), (), "pass"),
        ((finding("burn"),), (finding("burn"), finding("burn")), "fail"),
        ((finding("burn"),), (finding("bridge"),), "fail"),
        ((), (finding("scratch", severity="low"),), "pass"),
        ((), (finding("bridge", confidence=0.3),), "pass"),
        (None, (), None),
    ],
    ids=["clean", "as-before", "repaired", "one-more", "another-kind", "cosmetic", "improbable", "never-compared"],
)
async def test_the_board_must_not_be_worse_than_at_hand_in(before: Any, after: Any, verdict: str | None) -> None:
    shop = Shop()
    shop.know(ticket(), *([] if before is None else [at_hand_in(*before)]))
    await shop.arrive()
    await shop.begin()
    await shop.photograph("board_not_worse", seen(*after))
    assert shop.round.results[0].verdict == verdict


async def test_a_board_without_a_golden_picture_is_left_to_the_eye_of_the_inspector() -> None:
    shop = Shop()
    shop.know(ticket())
    await shop.arrive()
    await shop.begin()
    await shop.photograph("board_as_golden", seen(compared=False))
    assert "no golden picture" in (shop.round.results[0].advice or "")
    await shop.record("board_as_golden", verdict="pass")
    assert shop.refusals == ["reason_missing"]
    await shop.record("board_as_golden", verdict="pass", reason="clean under the microscope")
    assert shop.round.results[0].verdict == "pass"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"measured": 50, "unit": "mA", "instrument": "supply"}, "pass"),
        ({"measured": 0, "unit": "mA", "instrument": "supply"}, "pass"),
        ({"measured": 50.01, "unit": "mA", "instrument": "supply", "verdict": "pass"}, "fail"),
        ({"measured": -0.01, "unit": "mA", "instrument": "supply"}, "fail"),
        ({"measured": 0.01, "unit": "A", "instrument": "supply"}, "other_unit"),
        ({"measured": 10, "unit": "mA"}, "value_missing"),
        ({"verdict": "pass", "reason": "looks fine"}, "value_missing"),
        ({"verdict": "not_applicable"}, "reason_missing"),
        ({"verdict": "not_applicable", "reason": "no supply fits"}, "not_applicable"),
    ],
)
async def test_a_measurement_is_judged_by_its_limits_alone(answer: dict[str, Any], told: str) -> None:
    shop = Shop()
    shop.know(ticket(), diagnosis("power"))
    await shop.arrive()
    await shop.begin()
    await shop.record("standby_current", **answer)
    verdicts = [result.verdict for result in shop.round.results]
    assert (verdicts or shop.refusals) == [told]


@pytest.mark.parametrize(
    ("checkpoint", "answer", "reason"),
    [
        ("polish", {"verdict": "pass"}, "unknown_checkpoint"),
        ("reassembled", {}, "verdict_missing"),
        ("reassembled", {"verdict": "fail"}, "reason_missing"),
        ("reassembled", {"verdict": "not_applicable", "reason": "no time"}, "required"),
        ("reassembled", {"photo": seen().annotated[0]}, "no_photo_wanted"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_with_what_to_do(
    checkpoint: str, answer: dict[str, Any], reason: str
) -> None:
    shop = Shop()
    shop.know(ticket())
    await shop.arrive()
    await shop.begin()
    await shop.record(checkpoint, **answer)
    assert (shop.refusals, shop.round.results) == ([reason], ())
    assert len(shop.driver.read(CheckRefused)[0].detail) > 20


async def test_only_whoever_has_the_check_in_hand_answers_and_a_colleague_may_take_it_over() -> None:
    shop = Shop()
    shop.know(ticket())
    await shop.arrive()
    await shop.record("reassembled", verdict="pass")
    await shop.conclude("fail", cause="other", note="x")
    await shop.begin()
    await shop.begin()
    await shop.record("reassembled", "cleo", verdict="pass")
    await shop.begin("cleo")
    await shop.record("reassembled", "cleo", verdict="pass")
    assert shop.refusals == ["not_begun", "not_begun", "already_begun", "not_the_inspector"]
    assert (shop.round.inspector, shop.round.results[0].by) == ("cleo", "cleo")


# --- the second person


@pytest.mark.parametrize(
    ("technician", "actor", "inspector", "fits"),
    [
        ("ben", "ben", "ada", True),
        ("ben", "ben", "Ben ", False),
        (f"U-{'1' * 32}", "ben", f"user:U-{'1' * 32}", False),
        (None, f"user:U-{'1' * 32}", f"user:U-{'1' * 32}", False),
        ("ben", f"user:U-{'1' * 32}", f"user:U-{'1' * 32}", False),
    ],
    ids=["another", "the-same-in-other-letters", "the-same-by-id", "who-moved-it", "who-helped"],
)
async def test_above_the_value_nobody_checks_their_own_repair(
    technician: str | None, actor: str, inspector: str, fits: bool
) -> None:
    shop = Shop()
    shop.know(ticket(technician=technician, quote_total_cents=FOUR_HUNDRED_EUROS))
    await shop.hear(moved("qc", actor=actor))
    await shop.begin(inspector)
    assert shop.refusals == ([] if fits else ["second_person"])
    await shop.ask(WaiveCheck(ticket_id=T, manager=inspector, reason="in a hurry"))
    assert len(shop.driver.read(CheckWaived)) == fits


async def test_below_the_value_one_person_may_do_both() -> None:
    shop = Shop()
    shop.know(ticket())
    await shop.arrive()
    await shop.begin("ben")
    assert (shop.round.inspector, shop.refusals) == ("ben", [])


async def test_above_the_value_it_must_be_known_who_repaired_it() -> None:
    shop = Shop()
    shop.know(ticket(technician=None, quote_total_cents=FOUR_HUNDRED_EUROS))
    await shop.hear(moved("qc", actor="flow"))
    await shop.begin()
    await shop.ask(WaiveCheck(ticket_id=T, manager="mia", reason="in a hurry"))
    await shop.begin("ben", repaired_by="ben")
    await shop.begin("ada", repaired_by="ben")
    assert shop.refusals == ["repairer_unknown", "repairer_unknown", "second_person"]
    assert (shop.round.inspector, shop.round.repair.repaired_by) == ("ada", ("ben",))


async def test_a_valuable_repair_needs_a_second_signature_under_the_results_as_they_are(shop: Shop) -> None:
    shop.know(ticket(), at_hand_in())
    await shop.arrive(value_cents=TWO_THOUSAND_EUROS)
    await shop.begin()
    await shop.sign("cleo")
    await shop.all_good()
    await shop.conclude("pass")
    await shop.sign("ada")
    await shop.sign("ben")
    assert shop.refusals == ["checkpoints_open", "signature_missing", "second_person", "second_person"]
    await shop.sign("cleo")
    await shop.record("reassembled", verdict="pass")
    await shop.conclude("pass")
    assert shop.refusals[-1] == "signature_missing"
    await shop.sign("cleo")
    await shop.conclude("pass")
    assert (shop.round.status, shop.round.signer) == ("passed", "cleo")


async def test_a_mains_repair_needs_two_signatures_whatever_it_is_worth() -> None:
    shop = Shop()
    device = {"category": "appliance", "brand": "Lumen"}
    shop.know(ticket(device=device), diagnosis("power"))
    await shop.arrive()
    await shop.begin()
    await shop.all_good()
    await shop.conclude("pass")
    assert (shop.refusals, "safety" in shop.round.sampling.why) == (["signature_missing"], True)


# --- other ends


async def test_a_manager_may_waive_what_is_open_and_says_why(shop: Shop) -> None:
    shop.know(ticket(), at_hand_in())
    await shop.arrive()
    await shop.begin()
    await shop.all_good("finished_photo")
    await shop.ask(WaiveCheck(ticket_id=T, manager="mia", reason="the camera is broken"))
    [waived] = shop.driver.read(CheckWaived)
    assert (waived.open_checkpoints, waived.reason) == (("finished_photo",), "the camera is broken")
    assert shop.moves == [("ready", "check_waived")]
    await shop.conclude("pass")
    assert shop.refusals == ["no_open_check"]


async def test_a_ticket_moved_on_by_hand_ends_its_check_as_left(shop: Shop) -> None:
    shop.know(ticket())
    await shop.arrive()
    await shop.begin()
    await shop.hear(moved("ready", "qc", "ben"))
    assert (shop.round.status, shop.round.ended_by) == ("left", "ben")
    await shop.record("reassembled", verdict="pass")
    assert (shop.refusals, shop.moves) == (["no_open_check"], [])


async def test_what_comes_back_counts_against_the_repair_once(shop: Shop) -> None:
    shop.know(ticket(), at_hand_in())
    await shop.hear(moved("rework", "ready"))
    assert T not in shop.driver.views()
    await shop.arrive()
    await shop.begin()
    await shop.all_good()
    await shop.conclude("pass")
    for cause in ("new_damage", "workmanship", "part"):
        claim = WarrantyClaimed.model_validate({
            "ticket_id": T, "actor": "ann", "version": 9, "at": START, "happened_at": START, "claimed_at": START,
            "new_ticket_id": "T-0002", "repair_line": "screen", "cause": cause, "covered_until": START,
        })  # fmt: skip
        await shop.hear(claim)
        assert shop.view.bounced == (None if cause == "new_damage" else "warranty")


async def test_a_repair_that_nothing_speaks_against_is_spared_and_goes_on(shop: Shop) -> None:
    shop.desk = type(shop.desk)(shop.desk.sheets, Policy(likely_from=0.5, random_share=1e-9), shop.desk.key)
    shop.driver = type(shop.driver)(shop._wire, "qc")
    shop.know(ticket())
    await shop.arrive()
    [spared] = shop.driver.read(CheckSkipped)
    assert (spared.sampling.checked, spared.sampling.why, spared.sampling.chance) == (False, (), 1e-9)
    assert (shop.moves, shop.round.status) == ([("ready", "check_spared")], "skipped")


async def test_what_became_of_earlier_repairs_is_asked_for_when_a_check_opens(shop: Shop) -> None:
    example = examples_of(QcView)["full"]
    assert isinstance(example, QcView)
    for number in range(60):
        shop.know(example.model_copy(update={"ticket_id": f"T-1{number:04}", "workspace_id": "main"}))
    shop.directory.take(QC_VIEWS.name, b"T-10000", None)
    shop.know(ticket(), diagnosis("charging_port"))
    await shop.arrive()
    history = shop.round.sampling.history
    assert history.everything == history.fault == history.pair == Tally(bounced=59, repairs=59)
    assert shop.round.sampling.bounce_probability > 0.9


async def test_a_view_that_cannot_be_read_is_counted_and_left_out() -> None:
    shop = Shop()
    for value in (b"", b"[]", b'{"state": {"ticket_id": 7}}', b'{"version": 1}'):
        shop.directory.take(QC_VIEWS.name, b"T-1", value)
    assert shop.directory.unreadable == 4


async def test_the_first_round_and_the_newest_are_kept_however_often_a_repair_is_done_again() -> None:
    shop = Shop()
    shop.know(ticket(), at_hand_in(finding("burn")))
    for number in range(1, 10):
        await shop.hear(moved("qc", "rework" if number > 1 else "repairing"))
        # By now the newest inspection is the check's own.
        shop.know(at_hand_in())
        await shop.begin()
        await shop.conclude("fail", cause="other", note=f"no {number}")
        await shop.hear(moved("rework", "qc", "ada"))
    assert [one.number for one in shop.view.rounds] == [1, 5, 6, 7, 8, 9]
    assert {len(one.repair.before or ()) for one in shop.view.rounds} == {1}
    assert shop.view.reworks == 9
    assert len(shop.view.to_json()) < 200_000


async def test_a_ticket_nobody_knows_anything_about_is_checked() -> None:
    shop = Shop()
    await shop.arrive()
    assert (shop.round.status, shop.round.plan.sheets) == ("planned", ("general/1",))


async def test_what_has_ended_is_not_held_in_whichever_order_it_is_read() -> None:
    shop = Shop()
    shop.know(diagnosis("power"), ticket(state="collected"), at_hand_in(finding()), diagnosis("screen"))
    await shop.arrive()
    assert (shop.round.repair.fault_family, shop.round.repair.before, shop.round.repair.value_cents) == (
        None,
        None,
        None,
    )


async def test_keeps_condition_and_pictures_of_a_board_but_not_what_is_suspected_of_a_finished_device(
    shop: Shop,
) -> None:
    shop.know(ticket(), at_hand_in())
    await shop.arrive()
    await shop.begin()
    soiled = BoardCondition(photo=0, with_golden=True, verdict="clean")
    drawn = PhotoPictures(photo=0, annotated=PHOTO, before=PHOTO, after=PHOTO, heat=PHOTO, width_px=8, height_px=6)
    shown = seen().model_copy(update={"condition": (soiled,), "pictures": (drawn,)})
    await shop.photograph("board_as_golden", shown)
    await shop.photograph("finished_photo", shown)
    kept = {one.checkpoint_id: (one.condition, one.pictures) for one in shop.round.results}
    assert kept == {"board_as_golden": (soiled, drawn), "finished_photo": (None, None)}
