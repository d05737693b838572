import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.orchestrator.bpmn import parse
from processors.orchestrator.durations import Schedule, parse_cycle, parse_duration
from processors.orchestrator.model import DefinitionError
from processors.orchestrator.xmltree import MAX_BYTES
from tests.processors.orchestrator.flow_builder import (
    END,
    HEAD,
    MESSAGE,
    START,
    after,
    boundary,
    chain,
    every,
    flow,
    gateway,
    go,
    part,
    service,
    user,
    xml,
)

SAMPLES = os.environ.get("NOIZYLAB_SAMPLES", "")
MODELS = sorted(Path(SAMPLES, "bpmn").glob("*.bpmn")) if SAMPLES else []


def problems(*parts: str, outside: str = "", attributes: str = "") -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        parse(xml(*parts, outside=outside, attributes=attributes))
    return [str(issue) for issue in caught.value.issues]


def test_reads_every_supported_element() -> None:
    definition = flow(
        part("startEvent", "start", '<noizy:message type="opened" into="ticket"/>', "", MESSAGE),
        gateway("exclusive", "choose", 'default="choose-fork"'),
        gateway("parallel", "fork"),
        service("work", '<noizy:refusal type="refused.work" into="why" code="no"/>'),
        user("ask", '<noizy:output name="decision" values="yes no" required="true"/>'),
        part("receiveTask", "wait", '<noizy:message type="came" into="answer" when="event.n > 1"/>'),
        part("intermediateCatchEvent", "catch", '<noizy:message type="called"/>', "", MESSAGE),
        boundary("late", "work", after("PT2M")),
        boundary("remind", "ask", every("R3/PT1H"), interrupting=False),
        boundary("refused", "work", '<bpmn:errorEventDefinition errorRef="e"/>'),
        boundary("withdrawn", "wait", MESSAGE, '<noizy:message type="withdrawn"/>'),
        gateway("parallel", "join"),
        part("endEvent", "stop", "", "", "<bpmn:terminateEventDefinition/>"),
        part("endEvent", "fail", "", "", '<bpmn:errorEventDefinition errorRef="e"/>'),
        END,
        chain("start", "choose", "fork", "work", "join", "end"),
        chain("fork", "ask", "join"),
        go("choose", "wait", "len(ticket.photos) &gt; 0"),
        chain("wait", "catch", "end"),
        chain("late", "fail") + chain("remind", "end") + chain("refused", "stop") + chain("withdrawn", "end"),
        outside='<bpmn:error id="e" errorCode="no"/>',
    )
    nodes = definition.nodes
    assert {node.kind for node in nodes.values()} == {
        "start", "exclusive", "parallel", "service", "user", "receive", "catch", "end",
        "timer_boundary", "error_boundary", "message_boundary",
    }  # fmt: skip
    assert nodes["work"].boundaries == ("late", "refused")
    assert nodes["refused"].error_code == "no"
    assert nodes["remind"].schedule == Schedule(parse_duration("PT1H"), 3)
    assert not nodes["remind"].interrupting
    assert nodes["ask"].task is not None
    assert nodes["ask"].task.outputs[0].values == ("yes", "no")
    assert definition.awaited == {"did.work", "refused.work", "came", "called", "withdrawn"}
    assert definition.kept == {"came", "called"}


@pytest.mark.parametrize(
    "element",
    ["task", "scriptTask", "sendTask", "manualTask", "businessRuleTask", "subProcess", "callActivity", "transaction",
     "inclusiveGateway", "complexGateway", "eventBasedGateway", "intermediateThrowEvent", "adHocSubProcess",
     "dataObject", "dataObjectReference", "ioSpecification", "property"],
)  # fmt: skip
def test_names_element_and_line_when_it_is_not_supported(element: str) -> None:
    found = problems(START, END, go("start", "odd"), f'<bpmn:{element} id="odd"/>', go("odd", "end"))
    assert found == [f"line 6: {element} 'odd': this element is not supported"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((START, END, go("start", "end"), go("end", "nowhere")), "the flow dangles: there is no target 'nowhere'"),
        ((START, END, go("start", "end"), go("ghost", "end")), "the flow dangles: there is no source 'ghost'"),
        ((START, END, go("start", "end"), user("lost")), "no flow from a start event reaches it"),
        ((START, gateway("exclusive", "g"), go("start", "g")), "exclusiveGateway 'g': there is no way out"),
        ((START, user("a"), user("b"), chain("start", "a", "b", "a")), "no flow from here reaches an end event"),
        ((END,), "the process has no start event"),
        ((START, END, '<bpmn:startEvent id="s2"/>', chain("start", "end"), chain("s2", "end")), "at most one start"),
        ((START, END, chain("start", "end"), go("end", "start")), "a flow leads into a start event"),
        ((START, END, go("start", "end", "1 &gt; 0")), "does not leave an exclusive gateway"),
        ((START, END, user("start"), chain("start", "end")), "another element has the same id"),
        ((START, END, "<bpmn:userTask/>", chain("start", "end")), "the element has no id"),
        ((START, END, part("serviceTask", "x"), chain("start", "x", "end")), "exactly one noizy:command"),
        ((START, END, part("userTask", "x"), chain("start", "x", "end")), "exactly one noizy:task"),
        ((START, END, part("receiveTask", "x"), chain("start", "x", "end")), "at least one noizy:message"),
        ((START, END, part("intermediateCatchEvent", "x"), chain("start", "x", "end")), "message event definition"),
        ((START, END, user("x", extra="<noizy:robot/>"), chain("start", "x", "end")), "noizy:robot is not known"),
        ((START, END, user("x", '<noizy:output nam="y"/>'), chain("start", "x", "end")), "attribute nam is not known"),
        ((START, END, user("x", "<noizy:output/>"), chain("start", "x", "end")), "attribute name is missing"),
        ((START, END, user("x", '<noizy:output name="event"/>'), chain("start", "x", "end")), "name of a variable"),
        ((START, END, user("x", '<noizy:output name="a b"/>'), chain("start", "x", "end")), "name of a variable"),
        ((START, END, user("x"), boundary("t", "x", after("2 min")), chain("start", "x", "end"), chain("t", "end")),
         "'2 min' is not an ISO 8601 duration"),
        ((START, END, user("x"), boundary("t", "gone", after("PT2M")), chain("start", "x", "end"), chain("t", "end")),
         "attached to 'gone', which does not exist"),
        ((START, END, user("x"), boundary("t", "x", ""), chain("start", "x", "end"), chain("t", "end")),
         "needs a timer, error or message"),
        ((START, END, service("x"), boundary("e", "x", "<bpmn:errorEventDefinition/>"), chain("start", "x", "end"),
          chain("e", "end")), "no noizy:refusal of 'x' has the code"),
        ((START, END, service("x"), boundary("e", "x", '<bpmn:errorEventDefinition errorRef="q"/>'),
          chain("start", "x", "end"), chain("e", "end")), "there is no error 'q'"),
        ((START, END, part("serviceTask", "x", '<noizy:command type="c"/>'), boundary("t", "x", after("PT2M")),
          chain("start", "x", "end"), chain("t", "end")), "waits for no reply"),
        ((START, END, part("intermediateCatchEvent", "x", '<noizy:message type="m"/>', "", MESSAGE),
          boundary("t", "x", after("PT2M")), chain("start", "x", "end"), chain("t", "end")), "use a receive task"),
        ((START, END, part("userTask", "x", '<noizy:task role="r"/>', "",
                           "<bpmn:multiInstanceLoopCharacteristics/>"), chain("start", "x", "end")),
         "multiInstanceLoopCharacteristics 'x': this element is not supported in a userTask"),
        ((START, END, part("userTask", "x", '<noizy:task role="r"/>', 'isForCompensation="true"'),
          chain("start", "x", "end")), "isForCompensation"),
    ],
)  # fmt: skip
def test_reports_what_cannot_run(parts: tuple[str, ...], expected: str) -> None:
    assert any(expected in problem for problem in problems(*parts))


def test_reports_gateway_flows_that_leave_the_choice_open() -> None:
    found = problems(
        START, gateway("exclusive", "g", 'default="g-end"'), END, user("a"), user("b"),
        chain("start", "g"), go("g", "a"), go("g", "b", "1 +"), go("g", "end", "1 > 0"),
        chain("a", "end"), chain("b", "end"),
    )  # fmt: skip
    text = "\n".join(found)
    assert "flow 'g-a' needs a condition, or has to be the default flow" in text
    assert "sequenceFlow 'g-b': not an expression" in text
    assert "flow 'g-end' is the default and has a condition" in text


def test_reports_a_variable_when_nothing_sets_it() -> None:
    found = problems(
        START, END, service("x", inputs='<noizy:input name="n" value="tikcet.id"/>'), chain("start", "x", "end")
    )
    assert found == ["line 5: noizy:input 'x': nothing in this flow sets tikcet, read by 'tikcet.id'"]


def test_lists_all_issues_of_a_file_in_the_order_of_lines() -> None:
    found = problems(
        START,
        '<bpmn:scriptTask id="s"/>',
        user("x", '<noizy:output name="1"/>'),
        END,
        go("start", "end"),
        go("x", "nowhere"),
        attributes='isExecutable="false"',
    )
    assert [problem.split(":")[0] for problem in found] == sorted(problem.split(":")[0] for problem in found)
    assert len(found) >= 5


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not well-formed"),
        (b"<a>", "not well-formed"),
        (b"<a/>", "root must be bpmn:definitions"),
        (f"{HEAD}</bpmn:definitions>".encode(), "the file has no process"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>', "document type"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "not "),
        (b"<a>" * 60 + b"</a>" * 60, "48 levels"),
        (b"<a>" + b"<b/>" * 20_001 + b"</a>", "20000 elements"),
        (b" " * (MAX_BYTES + 1), "bytes, more than"),
        (b"\xff\xfe\x00", "not "),
    ],
)
def test_refuses_a_hostile_or_broken_file(content: bytes, expected: str) -> None:
    with pytest.raises(DefinitionError, match=expected) as caught:
        parse(content)
    assert caught.value.issues[0].line >= 1


def test_refuses_a_process_with_too_many_nodes() -> None:
    found = problems(START, *(f'<bpmn:userTask id="u{n}"/>' for n in range(1_001)))
    assert any("more than 1000" in problem for problem in found)


def test_keeps_the_hash_when_only_prefix_order_space_and_comments_differ() -> None:
    first = xml(START, END, go("start", "end"), attributes='name="n" isExecutable="true"')
    second = xml(START, "<!-- a remark -->  ", END, go("start", "end"), attributes='isExecutable="true"   name="n"')
    other = xml(START, END, go("start", "end"), attributes='name="m" isExecutable="true"')
    renamed = first.replace("bpmn:", "b:").replace("xmlns:bpmn", "xmlns:b")
    assert parse(first).hash == parse(second).hash == parse(renamed).hash != parse(other).hash


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT2M", datetime(2026, 1, 31, 12, 2, tzinfo=UTC)),
        ("P14D", datetime(2026, 2, 14, 12, tzinfo=UTC)),
        ("P1M", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("P2Y1M", datetime(2028, 2, 29, 12, tzinfo=UTC)),
        ("P1W", datetime(2026, 2, 7, 12, tzinfo=UTC)),
        ("P1DT1H1M1.5S", datetime(2026, 2, 1, 13, 1, 1, 500_000, tzinfo=UTC)),
    ],
)
def test_adds_durations_as_a_calendar_does(text: str, expected: datetime) -> None:
    assert parse_duration(text).after(datetime(2026, 1, 31, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1", "1D", "P1H", "PT1D", "P-1D", "PT0S", "PT0.1S", "P99Y", "P1D ", "P١D"]
)
def test_refuses_what_is_no_duration_a_timer_can_use(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


def test_reads_cycles_with_and_without_an_end() -> None:
    assert parse_cycle("R3/PT1H").repeats == 3
    assert parse_cycle("R/P1D") == Schedule(parse_duration("P1D"), None)
    assert parse_cycle("R/P1D").interval.fixed == timedelta(days=1)
    for text in ("R0/PT1H", "R3", "PT1H", "R3/2026-01-01T00:00:00Z/PT1H", "R-1/PT1H"):
        with pytest.raises(ValueError):
            parse_cycle(text)


@pytest.mark.skipif(not MODELS, reason="NOIZYLAB_SAMPLES with bpmn/*.bpmn is not here")
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_parses_or_lists_clean_issues_for_a_reference_model(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse(path.read_bytes())
    lines = len(path.read_text().splitlines())
    assert all(1 <= issue.line <= lines and issue.element_type and issue.message for issue in caught.value.issues)
    assert any("is not supported" in issue.message for issue in caught.value.issues)
    assert len(set(caught.value.issues)) == len(caught.value.issues)
