"""Dashboards for Grafana with its official ClickHouse plugin, made from the definitions of the figures.

Every figure over a period has two panels, its rows and its days; of the figures over all time those that say something
else have one. A panel's description is the definition of what it shows. A few panels beside them read the flat views.
Macros (``$__timeFilter``) and variables are the plugin's.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.clickhouse.layout import DATABASE, READER, READER_TIME_LIMIT_S
from infra.settings import DEFAULT_PORTS
from processors.analytics.figures import FIGURES, Column, Figure
from processors.analytics.reports import REPORTS, Report
from schemas.core.ids import DEFAULT_WORKSPACE

SOURCE_TYPE = "grafana-clickhouse-datasource"
SOURCE = "noizylab-clickhouse"
PASSWORD, FOLDER = "NOIZYLAB_CLICKHOUSE_READER_PASSWORD", "NOIZYLAB_GRAFANA_DASHBOARDS"
"""Variables of Grafana's own environment, which it puts into provisioned files."""
CLIENT_GRACE_S = 5
"""The plugin's client (clickhouse-go) asks for so much more time than its query timeout, and the engine refuses a
reader who asks for more than its limit."""

AXES = ("hour", "day", "week", "month")
GRAFANA_UNITS = {"ms": "ms", "s": "s", "hours": "h", "ratio": "percentunit"}
WIDTH, HEIGHT = 12, 9
"""In Grafana's grid, which is 24 wide."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: its words, its SELECT and what the columns of that are. The first column is the axis, or the label."""

    title: str
    definition: str
    sql: str
    columns: tuple[Column, ...]

    @property
    def kind(self) -> str:
        """Return which panel of Grafana shows it."""
        if self.columns[0].unit in (*AXES, "time"):
            return "timeseries"
        units = {column.unit for column in self.columns[1:]}
        return "barchart" if len(units) == 1 and not units & {"text", "time"} else "table"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; ``since`` and ``until`` are Grafana's relative times."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    since: str = "now-90d"
    until: str = "now"


def _columns(**units: str) -> tuple[Column, ...]:
    return tuple(Column(name, unit) for name, unit in units.items())


OPERATIONS = (
    Panel(
        "Tickets opened by day",
        "Tickets by the day (UTC) on which they were opened, of the chosen workspace.",
        "SELECT toStartOfDay(opened_at) AS time, count() AS opened FROM v_ticket_snapshots "
        "WHERE $__timeFilter(opened_at) AND workspace_id = ${workspace:singlequote} GROUP BY time ORDER BY time",
        _columns(time="time", opened="tickets"),
    ),
)
MONEY = (
    Panel(
        "Expected revenue by day",
        "Forecast of the revenue of each day with the bands that hold it in 80 and in 95 of 100 cases. Beside it in "
        "v_forecasts: how far the model and the seasonal naive were off in the back-test (MASE).",
        "SELECT at AS time, expected / 100 AS expected, low_80 / 100 AS low_80, high_80 / 100 AS high_80, "
        "low_95 / 100 AS low_95, high_95 / 100 AS high_95 FROM v_forecasts WHERE metric = 'revenue_cents' "
        "AND series = '' AND grain = 'day' AND $__dateFilter(at) AND workspace_id = ${workspace:singlequote} "
        "ORDER BY time",
        _columns(time="time", expected="money", low_80="money", high_80="money", low_95="money", high_95="money"),
    ),
)
TECHNICIANS = (
    Panel(
        "Tickets in hand",
        "Tickets assigned to each technician that are not collected, disposed or cancelled, and when one of them last "
        "moved. Of the chosen workspace, whenever they were opened.",
        "SELECT technician, count() AS in_hand, max(moved_at) AS last_moved_at FROM v_ticket_snapshots "
        "WHERE technician != '' AND state NOT IN ('collected', 'disposed', 'cancelled') "
        "AND workspace_id = ${workspace:singlequote} GROUP BY technician ORDER BY in_hand DESC, technician",
        _columns(technician="text", in_hand="tickets", last_moved_at="time"),
    ),
    Panel(
        "Tickets assigned, by state",
        "Tickets opened in the period and assigned to a technician, by technician and state now.",
        "SELECT technician, state, count() AS tickets FROM v_ticket_snapshots "
        "WHERE technician != '' AND $__timeFilter(opened_at) AND workspace_id = ${workspace:singlequote} "
        "GROUP BY technician, state ORDER BY technician, tickets DESC, state",
        _columns(technician="text", state="text", tickets="tickets"),
    ),
)
DIAGNOSES = (
    Panel(
        "Said and so, by how sure",
        "Of the newest diagnoses made in the period whose fault a technician named, by the tenth that the probability "
        "of the first family lies in: its mean, and the share that was right. The two should be equal. Over all "
        "workspaces.",
        "SELECT concat(toString(least(9, floor(probability * 10)) * 10), ' %') AS from_tenth, "
        "avg(probability) AS said, avg(right_first) AS so FROM v_diagnoses_judged "
        "WHERE newest AND judged AND $__timeFilter(event_ts) GROUP BY from_tenth ORDER BY min(probability)",
        _columns(from_tenth="text", said="ratio", so="ratio"),
    ),
    Panel(
        "Brier score of diagnoses, by week",
        "Of the newest diagnoses whose fault a technician named, by the week (UTC) in which they were made: the mean "
        "squared gap between the probability of the first family and what was so. Lower is better. Over all "
        "workspaces.",
        "SELECT toStartOfWeek(event_ts, 1) AS time, avg(pow(probability - right_first, 2)) AS brier "
        "FROM v_diagnoses_judged WHERE newest AND judged AND $__timeFilter(event_ts) GROUP BY time ORDER BY time",
        _columns(time="week", brier="ratio"),
    ),
)
PIPELINE = (
    Panel(
        "Events stored",
        "Events that happened in each interval, each counted once, over all workspaces.",
        "SELECT $__timeInterval(event_ts) AS time, count() AS events FROM v_events "
        "WHERE $__timeFilter(event_ts) GROUP BY time ORDER BY time",
        _columns(time="time", events="events"),
    ),
)


_PLACES = {
    "margins": "money", "quotes": "money", "quote_value": "money",
    "technicians": "technicians", "quality": "technicians",
    "pipeline": "pipeline", "notifications": "pipeline",
    "calibration": "diagnoses",
}  # fmt: skip
# Parameters of a view are moments in UTC; without the zone the server's own would be taken for it.
_PERIOD = "since = toTimeZone($__fromTime, 'UTC'), until = toTimeZone($__toTime, 'UTC')"
_WORKSPACE = "workspace = ${workspace:singlequote}, "


def report_panels(report: Report) -> tuple[Panel, Panel]:
    """Return a figure's two panels: its rows over the period, and its main number of each day."""
    period = f"({'' if report.whole_house else _WORKSPACE}{_PERIOD})"
    cells, columns = _cells(report.columns)
    rows = f"SELECT {cells} FROM {report.view}{period}"  # noqa: S608 - own names
    value, shown = _cells((Column("value", report.unit),))
    trend = (
        f"SELECT assumeNotNull(day) AS time, {value} FROM {report.view}_daily{period} "  # noqa: S608 - own names
        "WHERE day IS NOT NULL ORDER BY time"
    )
    return (
        Panel(report.title, report.definition, rows, columns),
        Panel(
            f"{report.title}, by day",
            f"Of each day: {report.main}. {report.definition}",
            trend,
            (Column("time", "time"), *shown),
        ),
    )


def figure_panel(figure: Figure) -> Panel:
    """Return the panel of a figure over all time; a period bounds what has months."""
    cells, columns = _cells(figure.columns)
    axis = figure.columns[0]
    bound = f" WHERE $__dateFilter({axis.name}) ORDER BY {axis.name}" if axis.unit in AXES else ""
    sql = f"SELECT {cells} FROM {figure.view}{bound}"  # noqa: S608 - own names
    return Panel(figure.title, f"{figure.definition} Of all workspaces together.", sql, columns)


def figures_alone() -> tuple[Figure, ...]:
    """Return the figures over all time of which no figure over a period says the same."""
    said = {report.name for report in REPORTS} | {report.title for report in REPORTS}
    return tuple(figure for figure in FIGURES if not said & {figure.name, figure.title})


def _cells(columns: tuple[Column, ...]) -> tuple[str, tuple[Column, ...]]:
    """Return what to select and what comes of it: money in whole units instead of cents."""
    cells, shown = [], []
    for column in columns:
        cents = column.unit == "cents"
        name = column.name.removesuffix("_cents") if cents else column.name
        cells.append(f"{column.name} / 100 AS {name}" if cents else column.name)
        shown.append(Column(name, "money" if cents else column.unit))
    return ", ".join(cells), tuple(shown)


def dashboards() -> tuple[Dashboard, ...]:
    """Return every dashboard; each figure is on one."""
    made: dict[str, list[Panel]] = {}
    for report in REPORTS:
        made.setdefault(_PLACES.get(report.name, "operations"), []).extend(report_panels(report))
    for figure in figures_alone():
        made.setdefault(_PLACES.get(figure.name, "operations"), []).append(figure_panel(figure))

    def of(name: str, more: tuple[Panel, ...]) -> tuple[Panel, ...]:
        return (*made[name], *more)

    return (
        Dashboard("operations", "Operations", of("operations", OPERATIONS)),
        Dashboard("money", "Money", of("money", MONEY), until="now+60d"),
        Dashboard("technicians", "Technicians", of("technicians", TECHNICIANS)),
        Dashboard("diagnoses", "Diagnoses", of("diagnoses", DIAGNOSES), since="now-1y"),
        Dashboard("pipeline", "Analytics pipeline", of("pipeline", PIPELINE), since="now-24h"),
    )


def grafana_files() -> dict[Path, str]:
    """Return the files of Grafana's provisioning, by their path below its folder."""
    provisioning = Path("provisioning")
    files = {
        provisioning / "datasources" / "noizylab.yaml": _sources(),
        provisioning / "dashboards" / "noizylab.yaml": _provider(),
    }
    for one in dashboards():
        files[Path("dashboards") / f"{one.name}.json"] = json.dumps(dashboard_json(one), indent=1) + "\n"
    return files


def dashboard_json(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it (its JSON model, schema version 39)."""
    panels = [_panel_json(panel, place) for place, panel in enumerate(dashboard.panels)]
    bounded = any("${workspace" in panel.sql for panel in dashboard.panels)
    return {
        "uid": f"noizylab-{dashboard.name}",
        "title": f"NoizyLab: {dashboard.title}",
        "tags": ["noizylab"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "timezone": "utc",
        "time": {"from": dashboard.since, "to": dashboard.until},
        "refresh": "1m",
        "templating": {"list": [_workspaces()] if bounded else []},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel_json(panel: Panel, place: int) -> dict[str, Any]:
    over_time = panel.kind == "timeseries"
    target = {
        "refId": "A",
        "datasource": {"type": SOURCE_TYPE, "uid": SOURCE},
        "editorType": "sql",
        # 0 turns rows with a label, a currency for example, into one line for each; 1 leaves rows as they are.
        "format": 0 if over_time else 1,
        "queryType": "timeseries" if over_time else "table",
        "rawSql": panel.sql,
    }
    return {
        "id": place + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.definition,
        "datasource": {"type": SOURCE_TYPE, "uid": SOURCE},
        "gridPos": {"x": place % 2 * WIDTH, "y": place // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "targets": [target],
        "fieldConfig": {"defaults": {}, "overrides": [_shown(column) for column in panel.columns if _unit(column)]},
        "options": {"xField": panel.columns[0].name} if panel.kind == "barchart" else {},
    }


def _unit(column: Column) -> list[dict[str, Any]]:
    if column.unit == "money":
        return [{"id": "decimals", "value": 2}]
    return [{"id": "unit", "value": GRAFANA_UNITS[column.unit]}] if column.unit in GRAFANA_UNITS else []


def _shown(column: Column) -> dict[str, Any]:
    return {"matcher": {"id": "byName", "options": column.name}, "properties": _unit(column)}


def _workspaces() -> dict[str, Any]:
    sql = "SELECT DISTINCT workspace_id FROM v_ticket_snapshots ORDER BY workspace_id"
    return {
        "name": "workspace",
        "label": "Workspace",
        "type": "query",
        "datasource": {"type": SOURCE_TYPE, "uid": SOURCE},
        "query": sql,
        "definition": sql,
        "refresh": 2,
        "multi": False,
        "includeAll": False,
        "current": {"text": DEFAULT_WORKSPACE, "value": DEFAULT_WORKSPACE},
    }


def _sources() -> str:
    return f"""# Generated by `make gen`; infra/docs/bi.md has more. Grafana fills in $NAMES from its environment.
apiVersion: 1
datasources:
{_source("NoizyLab", SOURCE, "native", DEFAULT_PORTS["clickhouse_tcp_port"], default=True)}
{_source("NoizyLab over HTTP", f"{SOURCE}-http", "http", DEFAULT_PORTS["clickhouse_http_port"], default=False)}
"""


def _source(name: str, uid: str, protocol: str, port: int, *, default: bool) -> str:
    return f"""  - name: {name}
    uid: {uid}
    type: {SOURCE_TYPE}
    isDefault: {str(default).lower()}
    jsonData:
      protocol: {protocol}
      host: 127.0.0.1
      port: {port}
      secure: false
      defaultDatabase: {DATABASE}
      username: {READER}
      # The plugin's client asks for {CLIENT_GRACE_S} s more than this, and the reader may have {READER_TIME_LIMIT_S} s.
      queryTimeout: "{READER_TIME_LIMIT_S - CLIENT_GRACE_S}"
    secureJsonData:
      password: ${PASSWORD}"""


def _provider() -> str:
    return f"""# Generated by `make gen`; {FOLDER} is the full path of infra/deploy/grafana/dashboards.
apiVersion: 1
providers:
  - name: noizylab
    folder: NoizyLab
    type: file
    allowUiUpdates: false
    options:
      path: ${FOLDER}
"""
