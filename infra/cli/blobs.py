"""``noizylab blobs``: looking after stored photos and documents."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from connectors.errors import ConnectorError, Misconfigured
from infra.cli.common import err, fail, out, plain, run
from infra.settings import read_settings

if TYPE_CHECKING:
    from connectors.blobs.port import BlobStore
    from infra.blob_care import Verified
    from infra.ports import Ports

app = typer.Typer(no_args_is_help=True, help="Stored objects: what is there, is it whole, what may go.")
T = TypeVar("T")
_UNITS = {"d": "days", "h": "hours"}
_SHOWN = 40

Age = Annotated[str, typer.Option("--older-than", help="only objects so old: 7d, 48h")]


class Place(StrEnum):
    """Where objects can lie."""

    local = "local"
    s3 = "s3"


@app.command()
def stats() -> None:
    """Count objects and bytes of every bucket."""
    from connectors.blobs.buckets import BUCKETS

    async def count(ports: "Ports") -> Table:
        table = Table("bucket", "objects", "MB", "locked", "oldest", "newest")
        for bucket in BUCKETS:
            found = [one async for one in ports.stored_blobs.list(bucket.name)]
            times = sorted(one.stored_at for one in found)
            locked = sum(one.retain_until is not None and one.retain_until > ports.clock.now() for one in found)
            size = sum(one.ref.size_bytes for one in found) / 1e6
            ends = [f"{at:%Y-%m-%d}" for at in (times[:1] + times[-1:])] or ["", ""]
            table.add_row(bucket.name, str(len(found)), f"{size:.1f}", str(locked), *ends)
        return table

    out.print(_with_ports(count))


@app.command()
def url(
    bucket: str,
    key: str,
    hours: Annotated[int, typer.Option(min=1, max=168, help="how long it is good for")] = 1,
) -> None:
    """Print an address that gives out one object, to whoever has it, while the shop is up."""

    async def sign(ports: "Ports") -> str:
        found = await ports.blobs.stat(bucket, key)
        if found is None:
            fail(f"{bucket}/{key}: nothing stored; `noizylab ticket show` names the objects of a ticket")
        return await ports.blobs.presign_get(found.ref, timedelta(hours=hours))

    out.print(_with_ports(sign), soft_wrap=True, markup=False)


@app.command()
def get(bucket: str, key: str, file: Annotated[Path, typer.Argument(help="a file that is not there yet")]) -> None:
    """Write one object, opened and checked, into a file."""
    from connectors.blobs.stream import read_stream

    if file.exists():
        fail(f"{file} is there already; name a new file")

    async def fetch(ports: "Ports") -> None:
        found = await ports.blobs.stat(bucket, key)
        if found is None:
            fail(f"{bucket}/{key}: nothing stored; `noizylab ticket show` names the objects of a ticket")
        try:
            with file.open("xb") as target:
                async for piece in read_stream(ports.blobs, found.ref):
                    target.write(piece)
        except ConnectorError:
            file.unlink()
            raise

    _with_ports(fetch)


@app.command()
def orphans(
    delete: Annotated[bool, typer.Option("--delete", help="remove them")] = False, older_than: Age = "7d"
) -> None:
    """List objects that nothing on the log refers to."""
    from infra.blob_care import find_removable, remove

    grace = _age(older_than)

    async def find(ports: "Ports") -> None:
        found = (await find_removable(ports, grace)).orphans
        for one in found[:_SHOWN]:
            out.print(f"{plain(one.ref.bucket)}/{plain(one.ref.key)}  {one.stored_at:%Y-%m-%d}", soft_wrap=True)
        if len(found) > _SHOWN:
            out.print(f"... and {len(found) - _SHOWN} more")
        size = sum(one.ref.size_bytes for one in found) / 1e6
        out.print(f"{len(found)} orphans, {size:.1f} MB")
        if delete:
            count, _ = await remove(ports.blobs, found)
            out.print(f"{count} removed")

    _with_ports(find)


@app.command()
def sweep(older_than: Age = "7d") -> None:
    """Remove orphans, what is past its time or of erased tickets, and leftovers of cut uploads; for a daily timer."""
    from infra.blob_care import sweep as sweep_all

    grace = _age(older_than)
    swept = _with_ports(lambda ports: sweep_all(ports, grace))
    out.print(
        f"removed {swept.orphans} orphans, {swept.expired} expired objects and {swept.erased} of erased tickets "
        f"({swept.size_bytes / 1e6:.1f} MB), {swept.leftovers} leftovers"
    )


@app.command()
def verify(
    without_log: Annotated[bool, typer.Option("--without-log", help="do not look for what the log misses")] = False,
) -> None:
    """Read every object and compare its hash; find what the log refers to and is not there."""
    from infra.blob_care import read_references
    from infra.blob_care import verify as verify_all

    def show(result: "Verified") -> None:
        if result.objects and result.objects % 100 == 0:
            err.print(f"  {result.objects} objects, {result.size_bytes / 1e6:.0f} MB")

    async def check(ports: "Ports") -> "Verified":
        references = None if without_log else await read_references(ports.settings.cluster())
        return await verify_all(ports, references, show)

    result = _with_ports(check)
    for fault in result.faults:
        out.print(f"[red]fault[/red] {plain(fault)}", soft_wrap=True)
    out.print(f"{result.objects} objects whole, {result.size_bytes / 1e6:.1f} MB, {len(result.faults)} faults")
    if result.faults:
        raise typer.Exit(1)


@app.command()
def copy(to: Annotated[Place, typer.Option("--to", help="where to; the other place is the source")]) -> None:
    """Copy every object between this machine and S3, as it lies; repeat it to go on after a break."""
    from infra.blob_care import copy_all

    async def move(ports: "Ports") -> None:
        local, s3 = ports.local_blobs(), ports.s3_blobs()
        source: BlobStore = local if to is Place.s3 else s3
        target: BlobStore = s3 if to is Place.s3 else local
        done = await copy_all(source, target, lambda name: err.print(f"  {plain(name)}", soft_wrap=True))
        megabytes = done["size_bytes"] / 1e6
        out.print(f"{done['copied']} copied ({megabytes:.1f} MB), {done['already_there']} were there already")

    _with_ports(move)


@app.command()
def rekey(
    new_key: Annotated[bool, typer.Option("--new-key", help="make a new master key first")] = False,
) -> None:
    """Seal every object under the newest key; also what was stored before sealing began."""
    from connectors.blobs.sealed import SealedBlobs
    from infra.blob_care import rekey as rekey_all

    async def renew(ports: "Ports") -> None:
        if not isinstance(ports.blobs, SealedBlobs):
            raise Misconfigured("objects are not sealed here (NOIZYLAB_SEAL_BLOBS is off); switch it on first")
        if new_key:
            path = ports.blob_keys.new_master_key()
            out.print(
                f"new key in {path}: back it up, and restart the shop, which seals under the former one until then"
            )
        done = await rekey_all(ports.blobs)
        out.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.items()))

    _with_ports(renew)


def _with_ports(work: "Callable[[Ports], Awaitable[T]]") -> T:
    from infra.ports import Ports

    async def opened() -> T:
        async with Ports.open(read_settings()) as ports:
            return await work(ports)

    return run(opened())


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+)([dh])", text)
    if found is None:
        fail(f"--older-than {text!r}: give days or hours, as 7d or 48h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
