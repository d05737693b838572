import pytest

from processors.orchestrator.deployment import OBSERVED, build, deploy
from processors.orchestrator.model import DefinitionError
from schemas.tickets import MoveTicket
from tests.processors.orchestrator.flow_builder import END, MESSAGE, START, chain, part, xml
from tests.processors.orchestrator.shop import PATH
from topics.registry import topic_of

BEGIN = part("startEvent", "start", '<noizy:message type="noizylab.ticket.opened.v1" into="ticket"/>', events=MESSAGE)
MOVE = {"ticket_id": "ticket.ticket_id", "to": "'triage'", "reason": "'intake_done'", "actor": "'flow'"}
RESERVE = {"ticket_id": "ticket.ticket_id", "location_id": "'main'"}


def send(command_type: str, inputs: dict[str, str], answers: str = "") -> str:
    written = "".join(f'<noizy:input name="{name}" value="{value}"/>' for name, value in inputs.items())
    return part("serviceTask", "send", f'<noizy:command type="{command_type}">{written}</noizy:command>{answers}')


def file(task: str, start: str = BEGIN) -> bytes:
    """A flow of one task; its start event stands on line 3, the task on line 4."""
    return xml(start, task, END, chain("start", "send", "end")).encode()


def problems(*files: bytes) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        deploy(files)
    return [str(issue) for issue in caught.value.issues]


def test_deploys_the_shipped_flow() -> None:
    flows = deploy([PATH.read_bytes()])
    [definition] = flows.definitions
    assert flows.starting("noizylab.ticket.opened.v1") is definition
    assert flows.starting("noizylab.quote.prepared.v1") is None
    assert flows.pinned(definition.hash) is definition
    assert flows.pinned("0" * 64) is None
    assert {"noizylab.ticket.opened.v1", "noizylab.quote.accepted.v1", "noizylab.parts.refused.v1"} <= flows.awaited
    assert {topic_of(message_type) for message_type in flows.awaited} <= set(OBSERVED)


def test_deploys_a_flow_when_its_command_and_fields_exist() -> None:
    assert deploy([file(send(MoveTicket.TYPE, MOVE))]).definitions[0].id == "p"


@pytest.mark.parametrize("tag", ["reply", "refusal"])
def test_names_the_line_when_an_awaited_message_does_not_exist(tag: str) -> None:
    reserved = '<noizy:reply type="noizylab.parts.reserved.v1"/>'
    code = 'code="x"' if tag == "refusal" else ""
    wrong = f'<noizy:{tag} type="noizylab.parts.found.v1" {code}/>'
    assert problems(file(send("noizylab.parts.reserve.v1", RESERVE, reserved + wrong))) == [
        "line 4: service 'send': message type 'noizylab.parts.found.v1' does not exist; see the topic table"
    ]


def test_names_the_line_when_the_starting_message_does_not_exist() -> None:
    start = part(
        "startEvent", "start", '<noizy:message type="noizylab.ticket.begun.v1" into="ticket"/>', events=MESSAGE
    )
    assert problems(file(send(MoveTicket.TYPE, MOVE), start)) == [
        "line 3: start 'start': message type 'noizylab.ticket.begun.v1' does not exist; see the topic table"
    ]


def test_names_the_line_when_the_command_does_not_exist() -> None:
    assert problems(file(send("noizylab.ticket.teleport.v1", MOVE))) == [
        "line 4: service 'send': message type 'noizylab.ticket.teleport.v1' does not exist; see the topic table"
    ]


def test_names_every_input_that_is_unknown_or_missing() -> None:
    inputs = {"ticket_id": "ticket.ticket_id", "too": "'triage'", "reason": "'intake_done'"}
    unknown, no_actor, no_to = problems(file(send(MoveTicket.TYPE, inputs)))
    assert unknown.startswith(
        "line 4: service 'send': noizylab.ticket.move.v1 has no field 'too'; it has ticket_id, to,"
    )
    assert no_actor == "line 4: service 'send': noizylab.ticket.move.v1 needs an input 'actor'"
    assert no_to == "line 4: service 'send': noizylab.ticket.move.v1 needs an input 'to'"


@pytest.mark.parametrize("not_a_command", ["noizylab.quote.accepted.v1", "noizylab.flow.signal.v1"])
def test_refuses_a_flow_that_would_forge_an_event_or_write_into_an_inbox(not_a_command: str) -> None:
    [problem] = problems(file(send(not_a_command, {})))
    assert problem.startswith(f"line 4: service 'send': {not_a_command} is not for a flow to send")


@pytest.mark.parametrize(
    ("silent", "why"),
    [
        ("noizylab.flow.ended.v1", "flows hear tickets.events.v1"),
        ("noizylab.quote.accept.v1", "flows hear tickets.events.v1"),
        ("noizylab.stock.low.v1", "it is not about a ticket"),
    ],
)
def test_refuses_a_flow_that_would_wait_in_vain(silent: str, why: str) -> None:
    reply = f'<noizy:reply type="{silent}"/>'
    [problem] = problems(file(send("noizylab.parts.reserve.v1", RESERVE, reply)))
    assert problem.startswith(f"line 4: service 'send': {silent} never reaches a flow: ")
    assert why in problem


def test_names_the_problems_of_all_files_at_once() -> None:
    assert len(problems(file(send("a.b", {})), file(send("c.d", {})))) == 2


def test_refuses_two_processes_that_start_by_the_same_message() -> None:
    [problem] = problems(PATH.read_bytes(), file(send(MoveTicket.TYPE, MOVE)))
    assert problem.startswith(
        "line 3: start 'start': noizylab.ticket.opened.v1 already starts the flow 'repair_intake'"
    )


def test_starts_the_first_version_and_keeps_the_older_one_for_its_tickets() -> None:
    older = PATH.read_bytes().replace(b"P14D", b"P21D")
    flows = deploy([PATH.read_bytes(), older])
    newest, kept = flows.definitions
    assert flows.starting("noizylab.ticket.opened.v1") is newest
    assert flows.pinned(kept.hash) is kept
    assert kept.hash != newest.hash


def test_new_tickets_take_the_first_of_the_shipped_versions() -> None:
    shipped = deploy([path.read_bytes() for path in sorted(PATH.parent.glob("*.bpmn"))])
    started = shipped.starting("noizylab.ticket.opened.v1")
    assert started is not None
    assert started.hash == deploy([PATH.read_bytes()]).definitions[0].hash
    assert len({definition.hash for definition in shipped.definitions}) == 3


def test_a_start_without_a_message_deploys_but_nothing_starts_it() -> None:
    flows = deploy([xml(START, END, chain("start", "end")).encode()])
    assert flows.starting("noizylab.ticket.opened.v1") is None
    assert flows.awaited == frozenset()


def test_says_where_and_what_when_data_does_not_fit_a_command() -> None:
    data: dict[str, object] = {"ticket_id": "T-10023", "to": "moon", "reason": "intake_done", "actor": "flow"}
    wrong = build(MoveTicket.TYPE, data)
    assert isinstance(wrong, str)
    assert wrong.startswith("noizylab.ticket.move.v1: to: Input should be 'draft', ")
    assert build(MoveTicket.TYPE, data | {"to": "triage"}) == MoveTicket(
        ticket_id="T-10023", to="triage", reason="intake_done", actor="flow"
    )
