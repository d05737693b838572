"""The files of an embedded store: engine marker, secrets and the engine's configuration.

::

    <data_dir>/
      ENGINE_VERSION     the newest engine that has opened this data
      secrets.json       passwords of the users, mode 0600
      server.log         what the server process wrote since its last start
      conf/              config.xml and users.xml, written at every start, mode 0600
      engine/            the engine's own files
"""

import hashlib
import importlib.metadata
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

ENGINE_PACKAGE = "chdb-core"
DATABASE = "noizylab"
ADMIN, WRITER, READER = "noizylab_admin", "noizylab_writer", "noizylab_reader"
USERS = (ADMIN, WRITER, READER)

DEFAULT_MEMORY_LIMIT_BYTES = 2 * 1024**3
READER_TIME_LIMIT_S = 10
READER_RESULT_ROWS = 100_000
READER_RESULT_BYTES = 64 * 1024**2
READER_ROWS_READ = 500_000_000
"""Of one query: fifty times what a shop of ten million events has."""


class StoreError(RuntimeError):
    """The embedded store cannot be opened. The message says why and what to do."""


class NewerDataError(StoreError):
    """The data was written by a newer engine than the one installed."""


def engine_version() -> str:
    """Return the version of the installed engine's package, for example ``26.9.0``."""
    return importlib.metadata.version(ENGINE_PACKAGE)


def claim(data_dir: Path, installed: str) -> None:
    """Mark the data as opened by engine ``installed``, or refuse.

    An older engine does not fail on newer parts: it sets them aside as broken and answers with nothing, and the
    newer engine does not take them back by itself. So the marker is raised before the engine may write, and never
    lowered.

    Raises:
        NewerDataError: the marker names a newer engine.
        StoreError: there is data without a marker, or the marker is unreadable.
    """
    marker = data_dir / "ENGINE_VERSION"
    if not marker.exists() and (data_dir / "engine").exists():
        raise StoreError(
            f"{data_dir} holds engine files but no ENGINE_VERSION, so the engine that wrote them is unknown. "
            f"Restore the file, or choose another data directory."
        )
    if marker.exists():
        written = marker.read_text(encoding="ascii", errors="replace").strip()
        if _ordinal(written, marker) > _ordinal(installed, marker):
            raise NewerDataError(
                f"{data_dir} was written by {ENGINE_PACKAGE} {written}; {installed} is installed, and an older engine "
                f"would set the newer data aside as broken. Install {ENGINE_PACKAGE}>={written}, or choose another "
                f"data directory."
            )
    data_dir.mkdir(parents=True, exist_ok=True)
    _write(marker, installed + "\n", mode=0o644)
    (data_dir / "engine").mkdir(exist_ok=True)


def load_passwords(data_dir: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the password of each of ``USERS``, making and keeping what is missing; ``given`` ones win.

    Raises:
        StoreError: ``given`` names an unknown user, or the secrets file is unreadable.
    """
    path = data_dir / "secrets.json"
    kept: dict[str, str] = {}
    if path.exists():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{path} is not JSON: {error}. Remove it to have new passwords made.") from error
    if unknown := set(given or {}) - set(USERS):
        raise StoreError(f"no such users: {sorted(unknown)}; the store has {list(USERS)}")
    passwords = {user: (given or {}).get(user) or kept.get(user) or secrets.token_urlsafe(24) for user in USERS}
    if passwords != kept:
        data_dir.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(passwords, indent=1), mode=0o600)
    return passwords


def write_configuration(
    data_dir: Path, passwords: Mapping[str, str], http_port: int, tcp_port: int, memory_limit_bytes: int
) -> Path:
    """Write config.xml and users.xml and return their directory."""
    conf = data_dir / "conf"
    conf.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(conf / "config.xml", _config_xml(http_port, tcp_port, memory_limit_bytes), mode=0o600)
    _write(conf / "users.xml", _users_xml(passwords, memory_limit_bytes), mode=0o600)
    return conf


def _ordinal(version: str, marker: Path) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(\.\d+)*", version):
        raise StoreError(f"{marker} should hold an engine version such as 26.9.0, found {version[:40]!r}")
    return tuple(map(int, version.split(".")))


def _write(path: Path, text: str, mode: int) -> None:
    """Replace the file in one step, never readable by others than ``mode`` allows."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _config_xml(http_port: int, tcp_port: int, memory_limit_bytes: int) -> str:
    return f"""<clickhouse>
  <http_port>{http_port}</http_port>
  <tcp_port>{tcp_port}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <users_config>users.xml</users_config>
  <max_server_memory_usage>{memory_limit_bytes}</max_server_memory_usage>
</clickhouse>
"""


def _users_xml(passwords: Mapping[str, str], memory_limit_bytes: int) -> str:
    """Return the users.

    The engine's own session is the user ``default`` and must have no password. Anybody on this machine could use
    it, so it is granted nothing but to open the listeners; administration has a user of its own.
    """
    grants = {
        ADMIN: (),
        WRITER: (f"GRANT SELECT, INSERT ON {DATABASE}.*", "GRANT SELECT ON system.parts"),
        READER: (f"GRANT SELECT ON {DATABASE}.*",),
    }
    users = "".join(_user_xml(user, passwords[user], grants[user]) for user in USERS)
    return f"""<clickhouse>
  <profiles>
    <default/>
    <{ADMIN}/>
    <{WRITER}><max_memory_usage>{memory_limit_bytes // 2}</max_memory_usage></{WRITER}>
    <{READER}>
      <readonly>1</readonly>
      <max_execution_time>{READER_TIME_LIMIT_S}</max_execution_time>
      <max_memory_usage>{memory_limit_bytes // 4}</max_memory_usage>
      <max_rows_to_read>{READER_ROWS_READ}</max_rows_to_read>
      <max_result_rows>{READER_RESULT_ROWS}</max_result_rows>
      <max_result_bytes>{READER_RESULT_BYTES}</max_result_bytes>
      <result_overflow_mode>throw</result_overflow_mode>
      <constraints>
        <max_execution_time><changeable_in_readonly/><max>{READER_TIME_LIMIT_S}</max></max_execution_time>
      </constraints>
    </{READER}>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>{users}
  </users>
</clickhouse>
"""


def _user_xml(user: str, password: str, grants: tuple[str, ...]) -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    queries = "".join(f"<query>{escape(grant)}</query>" for grant in grants)
    return f"""
    <{user}>
      <password_sha256_hex>{digest}</password_sha256_hex>
      <profile>{user}</profile>
      <quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks>{f"<grants>{queries}</grants>" if grants else ""}
    </{user}>"""
