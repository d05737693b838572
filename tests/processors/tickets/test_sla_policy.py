from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from infra.ports import Ports
from infra.settings import read_settings
from processors.tickets.sla.hours import calendar_of
from processors.tickets.sla.policy import ALWAYS, SHIPPED, PolicyError, SlaPolicy
from schemas.sla import CLOCK_NAMES, ClockName, ClockRun

OWN = """
targets = { repair = 10, parts = 0 }
rules = [
  { category = "laptop", targets = { repair = 5 } },
  { workspace = "north", category = "laptop", priority = "high", targets = { repair = 1.5 } },
]
[hours.default]
monday = ["09:00-17:00"]
[hours.north]
time_zone = "Europe/Amsterdam"
country = "NL"
saturday = ["10:00-24:00"]
closed = [2026-03-07]
"""


def test_the_one_that_comes_with_the_house_has_a_target_for_every_clock_and_urgent_is_never_slower() -> None:
    shipped = SlaPolicy.load(SHIPPED.with_name("none.toml"))
    for clock in CLOCK_NAMES:
        low, normal, high, urgent = (
            shipped.target_s(clock, "main", "laptop", priority) or 0 for priority in ("low", "normal", "high", "urgent")
        )
        assert low >= normal >= high >= urgent > 0


CLOCKS: tuple[ClockName, ClockName] = ("repair", "pickup")


def test_the_last_rule_that_fits_wins(tmp_path: Path) -> None:
    (own := tmp_path / "sla.toml").write_text(OWN)
    policy = SlaPolicy.load(own)
    assert policy.target_s("repair", "main", "mobile", "high") == 10 * 3600
    assert policy.target_s("repair", "main", "laptop", "high") == 5 * 3600
    assert policy.target_s("repair", "north", "laptop", "high") == 5400
    assert policy.target_s("parts", "main", "mobile", "high") is None
    assert policy.target_s("pickup", "main", "mobile", "high") is None


def test_a_workspace_has_its_own_hours_and_a_customer_none(tmp_path: Path) -> None:
    (own := tmp_path / "sla.toml").write_text(OWN)
    policy = SlaPolicy.load(own)
    repair, pickup = (ClockRun(clock=clock, run=1, started_at=datetime(2026, 3, 2, tzinfo=UTC)) for clock in CLOCKS)
    assert calendar_of(repair, "north", policy).is_open(datetime(2026, 3, 14, 22, 30, tzinfo=UTC))
    assert not calendar_of(repair, "north", policy).is_open(datetime(2026, 3, 7, 12, tzinfo=UTC))
    assert calendar_of(repair, "south", policy).is_open(datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert calendar_of(pickup, "north", policy) is ALWAYS
    assert ALWAYS.is_open(datetime(2026, 12, 25, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("targets = {", "Invalid|Unclosed|expected"),
        ("targets = { lunch = 1 }\n[hours.default]\nmonday = ['09:00-17:00']", "lunch"),
        ("targets = {}\n[hours.north]\nmonday = ['09:00-17:00']", "no section .hours.default."),
        ("targets = {}\n[hours.default]\nmonday = ['9-17']", "write hours as 09:00-17:30"),
        ("targets = {}\n[hours.default]\nmonday = ['09:00-25:00']", "from 00:00 to 24:00"),
        ("targets = {}\n[hours.default]\ncountry = 'QQ'\nmonday = ['09:00-17:00']", "no public holidays are known"),
        ("targets = {}\n[hours.default]\nmonday = []", "no opening hours in the whole week"),
    ],
)
def test_a_file_that_cannot_be_read_names_itself_and_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    (own := tmp_path / "sla.toml").write_text(text)
    with pytest.raises(PolicyError, match=says) as refused:
        SlaPolicy.load(own)
    assert str(own) in str(refused.value)
    with pytest.raises(Misconfigured, match=says):
        _ = Ports.open(read_settings({}, home=tmp_path)).sla_policy
