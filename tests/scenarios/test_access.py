"""Access through real processes: the first administrator from the command line, then logins over HTTP."""

from pathlib import Path

import httpx
import pytest

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
        async with httpx.AsyncClient(base_url=settings.public_url, timeout=30) as client:
            tokens = (
                await client.post("/v1/auth/login", json={"mail": "ada@example.org", "password": PASSWORD})
            ).json()
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            key = (await client.post("/v1/keys", json={"name": "till", "scopes": ["tickets:read"]})).json()
            asked = await client.get("/v1/tickets", headers={"Authorization": f"Bearer {key['key']}"})
            assert asked.status_code == 200
            listed = await command(settings, "admin", "list")
            assert "ada@example.org" in listed.out
            assert "owner" in listed.out
            assert (await command(settings, "admin", "rotate-keys")).status == 0
            assert (await client.get("/v1/auth/me")).status_code == 200
            assert (await command(settings, "admin", "key-revoke", key["id"])).status == 0
            disabled = await command(settings, "admin", "disable", "--mail", "ada@example.org")
            assert disabled.status == 0, disabled.err

            async def shut_out() -> bool:
                return (await client.get("/v1/auth/me")).status_code == 401

            # The command has its answer from the log; this gateway reads the same record a moment later.
            await eventually("end of the session", shut_out)
            asked = await client.get("/v1/tickets", headers={"Authorization": f"Bearer {key['key']}"})
            assert asked.status_code == 401
            login = await client.post("/v1/auth/login", json={"mail": "ada@example.org", "password": PASSWORD})
            assert login.status_code == 401
