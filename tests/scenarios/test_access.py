"""Access through real processes: the first administrator from the command line, then logins over HTTP."""

from pathlib import Path

import pytest

from connectors.client.auth import ApiKey, Session, Tokens
from connectors.client.calls_async import AsyncClient
from connectors.client.models import KeyWish, Login
from connectors.client.problems import Unauthorized
from tests.scenarios.live import command, eventually, live_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PASSWORD = "four words do nicely"


async def test_the_first_administrator_gives_access_and_takes_it_away(tmp_path: Path) -> None:
    async with live_shop(tmp_path / "home", ("gateway",), gateway=True) as shop:
        settings = shop.settings
        made = await command(settings, "admin", "create", "--mail", "ada@example.org", "--name", "Ada",
                             "--password-stdin", typed=f"{PASSWORD}\n")  # fmt: skip
        assert made.status == 0, made.err
        assert "is owner of main" in made.out
        again = await command(settings, "admin", "create", "--mail", "ada@example.org", "--name", "Ada",
                              "--password-stdin", typed=f"{PASSWORD}\n")  # fmt: skip
        assert again.status == 1
        assert "member already" in again.err
        url, login = settings.public_url, Login(mail="ada@example.org", password=PASSWORD)
        async with AsyncClient(url) as anybody:
            tokens = await anybody.log_in(body=login)
            session = Session(url, Tokens(tokens.access_token, tokens.refresh_token))
            async with AsyncClient(url, session, remembered=0) as client:
                key = await client.create_key(body=KeyWish(name="till", scopes=["tickets:read"]))
                async with AsyncClient(url, ApiKey(key.key), remembered=0) as till:
                    assert (await till.list_tickets()).tickets == []
                    listed = await command(settings, "admin", "list")
                    assert "ada@example.org" in listed.out
                    assert "owner" in listed.out
                    assert (await command(settings, "admin", "rotate-keys")).status == 0
                    assert (await client.get_me()).mail == "ada@example.org"
                    assert (await command(settings, "admin", "key-revoke", key.id)).status == 0
                    disabled = await command(settings, "admin", "disable", "--mail", "ada@example.org")
                    assert disabled.status == 0, disabled.err
                    # The command has its answer from the log; this gateway reads the same record a moment later.
                    await eventually("end of the session", lambda: shut_out(client))
                    assert await shut_out(till, key=True)
            with pytest.raises(Unauthorized):
                await anybody.log_in(body=login)


async def shut_out(client: AsyncClient, *, key: bool = False) -> bool:
    try:
        await (client.list_tickets() if key else client.get_me())
    except Unauthorized:
        return True
    return False
