"""A view of a shop's warehouse as a file on this machine."""

from datetime import date
from pathlib import Path

from connectors.clickhouse.export import Format, Selection, columns_of, selection, selection_of_period
from connectors.clickhouse.port import OverBudget
from connectors.clickhouse.server import ServerWarehouse
from connectors.clock.clock import SystemClock
from connectors.errors import Permanent
from infra.clickhouse.layout import READER
from infra.ports import warehouse_connection
from infra.settings import Settings
from processors.analytics.reports import REPORTS
from schemas.core.ids import DEFAULT_WORKSPACE


async def export_view(
    settings: Settings,
    view: str,
    file_format: Format,
    target: Path,
    *,
    workspace_id: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> int:
    """Write a view or figure to ``target`` and return its size in bytes. ``target`` is there whole or not at all.

    Days are in UTC, ``until`` is the first after the period. A figure is of one workspace, the default one unless
    named, and of the last thirty days unless bounded.

    Raises:
        ConnectorError: there is no such view, it cannot be bounded so, the budget is too small, or the warehouse is
            away.
        Permanent: ``target`` cannot be written.
    """
    warehouse = ServerWarehouse(warehouse_connection(settings, READER))
    partial = target.with_name(target.name + ".partial")
    try:
        chosen = await _chosen(warehouse, view, file_format, workspace_id, since, until)
        size = 0
        with partial.open("wb") as file:
            async for chunk in warehouse.download(chosen.sql, chosen.parameters, file_format):
                size += file.write(chunk)
        partial.replace(target)
    except OverBudget as error:
        raise Permanent(f"{error} Name a shorter period with --from and --to.") from error
    except OSError as error:
        raise Permanent(f"{target} cannot be written ({error.strerror}); choose another --out") from error
    else:
        return size
    finally:
        partial.unlink(missing_ok=True)
        await warehouse.close()


async def _chosen(
    warehouse: ServerWarehouse,
    view: str,
    file_format: Format,
    workspace_id: str | None,
    since: date | None,
    until: date | None,
) -> Selection:
    for report in REPORTS:
        if report.name == view:
            return await selection_of_period(
                warehouse,
                report.sql,
                file_format,
                workspace_id=workspace_id or DEFAULT_WORKSPACE,
                since=since,
                until=until,
                today=SystemClock().now().date(),
            )
    columns = await columns_of(warehouse, view)
    if workspace_id is not None and all(column.name != "workspace_id" for column in columns):
        raise Permanent(f"{view} adds up all workspaces and cannot be cut down to one; leave --workspace out")
    return selection(view, columns, file_format, workspace_id=workspace_id, since=since, until=until)
