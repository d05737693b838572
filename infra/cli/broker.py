"""``noizylab broker``: look after the embedded broker's file and its users. All but ``repair`` may run beside it."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from infra.cli.common import fail, out, plain
from infra.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The embedded broker's file, and who may log in.")
user = typer.Typer(no_args_is_help=True, help="Who may log in where the broker is encrypted.")
app.add_typer(user, name="user")

File = Annotated[Path | None, typer.Option("--path", help="the broker's file; default: that of NOIZYLAB_HOME")]
UsersFile = Annotated[Path | None, typer.Option("--users", help="the file of users; default: that of NOIZYLAB_HOME")]
Name = Annotated[str, typer.Argument(help="the user's name")]


def _file(path: Path | None) -> Path:
    return path or read_settings().broker_file


@app.command()
def check(path: File = None) -> None:
    """Read every page and every batch; status 1 when something is wrong."""
    from infra.broker import BrokerError
    from infra.broker.integrity import examine
    from infra.broker.stats import open_to_read

    faults = 0
    try:
        with closing(open_to_read(_file(path))) as reader:
            for fault in examine(reader):
                faults += 1
                out.print(fault, soft_wrap=True, markup=False)
    except BrokerError as error:
        fail(str(error))
    if faults:
        fail(f"{faults} faults; stop the shop, then `noizylab broker repair` saves the rest")
    out.print("every page and every batch is sound")


@app.command()
def repair(path: File = None) -> None:
    """Save what can be read of a broken file into a new one; the old one is kept. The broker must be stopped."""
    from infra.broker import BrokerError
    from infra.broker.repair import repair as repair_file

    try:
        for line in repair_file(_file(path)).lines():
            out.print(line, soft_wrap=True, markup=False)
    except BrokerError as error:
        fail(str(error))


@app.command()
def stats(path: File = None) -> None:
    """Show sizes and ends of all logs, and how much of the file is free."""
    from infra.broker import BrokerError
    from infra.broker.stats import read_stats

    try:
        found = read_stats(_file(path))
    except BrokerError as error:
        fail(str(error))
    table = Table("partition", "from", "to", "batches", "bytes")
    for one in found.partitions:
        name = plain(f"{one.topic}-{one.index}")
        table.add_row(name, str(one.start), str(one.end), str(one.batches), f"{one.size_bytes:,}")
    out.print(table)
    out.print(f"file {found.file_bytes:,} bytes, {found.free_bytes:,} of them free; log of writes {found.wal_bytes:,}")


@user.command("add")
def add_user(name: Name, users: UsersFile = None) -> None:
    """Add a user, or change a password. It is asked for, or read from standard input."""
    from infra.broker import BrokerError
    from infra.broker.users import Users

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        Users(users or read_settings().broker_users).add(name, password)
    except BrokerError as error:
        fail(str(error))
    out.print(f"{plain(name)} may log in from now on")


@user.command("remove")
def remove_user(name: Name, users: UsersFile = None) -> None:
    """Remove a user. Connections that are logged in end with their client."""
    from infra.broker import BrokerError
    from infra.broker.users import Users

    try:
        Users(users or read_settings().broker_users).remove(name)
    except BrokerError as error:
        fail(str(error))
    out.print(f"{plain(name)} may not log in any more")


@user.command("list")
def list_users(users: UsersFile = None) -> None:
    """List who may log in."""
    from infra.broker import BrokerError
    from infra.broker.users import Users

    try:
        for name in Users(users or read_settings().broker_users).names():
            out.print(plain(name))
    except BrokerError as error:
        fail(str(error))
