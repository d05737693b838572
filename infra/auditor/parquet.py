"""``python -m infra.auditor.parquet LINES TARGET``: an export's JSON lines as a Parquet table.

The ClickHouse engine that keeps the figures writes it, in a process of its own: the engine holds on to memory and to
its working directory.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from connectors.errors import Permanent

_COLUMNS = {
    "kafkatopic": "String", "kafkapartition": "Int32", "kafkaoffset": "Int64", "kafkatimestamp": "Int64",
    "kafkakey": "Nullable(String)", "kafkaheaders": "String", "id": "Nullable(String)", "source": "Nullable(String)",
    "type": "Nullable(String)", "subject": "Nullable(String)", "time": "Nullable(String)",
    "recordedtime": "Nullable(String)", "correlationid": "Nullable(String)", "causationid": "Nullable(String)",
    "data": "Nullable(String)", "data_base64": "Nullable(String)",
}  # fmt: skip
_SELECT = """
    kafkatopic AS topic, kafkapartition AS partition, kafkaoffset AS offset,
    fromUnixTimestamp64Milli(kafkatimestamp, 'UTC') AS timestamp, kafkakey AS key_base64, kafkaheaders AS headers,
    id, source, type, subject, parseDateTime64BestEffortOrNull(time, 6, 'UTC') AS time,
    parseDateTime64BestEffortOrNull(recordedtime, 6, 'UTC') AS recorded_time, correlationid AS correlation_id,
    causationid AS causation_id, data, data_base64
"""


def to_parquet(lines: Path, target: Path) -> None:
    """Convert in a child process; returns when ``target`` is complete.

    Raises:
        Permanent: the engine could not; says why.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "infra.auditor.parquet", str(lines.absolute()), str(target.absolute())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Permanent(f"{target} cannot be written: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def statement(lines: Path, target: Path) -> str:
    """Return the SQL that reads one file and writes the other."""
    structure = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    return (
        f"INSERT INTO FUNCTION file({_quoted(target)}, 'Parquet') SELECT {_SELECT} "  # noqa: S608 - quoted below
        f"FROM file({_quoted(lines)}, 'JSONEachRow', '{structure}') "
        "SETTINGS input_format_json_read_objects_as_strings = 1, input_format_skip_unknown_fields = 1"
    )


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def main(lines: str, target: str) -> None:
    """Convert in this process."""
    import chdb

    with tempfile.TemporaryDirectory() as scratch:
        chdb.query(statement(Path(lines), Path(target)), "CSV", path=scratch)  # type: ignore[no-untyped-call]  # untyped


if __name__ == "__main__":
    main(*sys.argv[1:3])
