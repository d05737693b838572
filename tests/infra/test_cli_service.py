"""``noizylab admin service``: a service is let in, given more or less, shown and shut out, without a shop."""

import pytest

from infra.settings import read_settings
from infra.web import open_services
from tests.infra.test_cli import _own_home, said

__all__ = ["_own_home"]


def test_a_service_is_made_changed_shown_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    made = said(capsys, "admin", "service", "create", "portal", "--scope", "tickets:read", "--workspace", "hafen")
    assert made[0] == 0
    assert "portal may call as a service of hafen: tickets:read" in made[1]
    found = open_services(read_settings()).get("portal")
    assert found is not None
    assert found.key.decode() not in "".join(map(str, made)), "a key is in its file, and in no terminal's history"
    assert (found.grant.workspace_id, found.grant.scopes) == ("hafen", {"tickets:read"})
    assert "with no scope" in said(capsys, "admin", "service", "create", "portal")[1]
    again = open_services(read_settings()).get("portal")
    assert again is not None
    assert (again.key, again.grant.workspace_id, again.grant.scopes) == (found.key, "main", frozenset())
    assert "portal" in said(capsys, "admin", "service", "list")[1]
    assert said(capsys, "admin", "service", "revoke", "portal")[0] == 0
    assert open_services(read_settings()).get("portal") is None
    status, _, complaint = said(capsys, "admin", "service", "revoke", "portal")
    assert (status, "noizylab admin service list" in complaint) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("portal", "--scope", "everything"), "no scope 'everything'"),
        (("portal", "--workspace", "Hafen/.."), "no workspace's name"),
    ],
)
def test_what_a_service_cannot_be_given_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    status, _, complaint = said(capsys, "admin", "service", "create", *arguments)
    assert (status, says in complaint) == (1, True)
    assert list(open_services(read_settings()).list()) == []
