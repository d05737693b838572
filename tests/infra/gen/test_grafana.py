"""Dashboards: whole, consistent, and one panel for every figure."""

import json
from typing import Any

import pytest
import yaml

from infra.clickhouse.layout import READER_TIME_LIMIT_S
from infra.gen.grafana import PASSWORD, SOURCE, SOURCE_TYPE, figure_panel, grafana_files, report_panels
from processors.analytics.figures import FIGURES, Column, Figure
from processors.analytics.reports import REPORTS, Report

FILES = {str(path): content for path, content in grafana_files().items()}
DASHBOARDS: list[dict[str, Any]] = [json.loads(text) for name, text in FILES.items() if name.endswith(".json")]
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard["panels"]]


def test_there_are_the_five_dashboards_with_ids_of_their_own() -> None:
    uids = [dashboard["uid"] for dashboard in DASHBOARDS]
    names = ("diagnoses", "money", "operations", "pipeline", "technicians")
    assert sorted(uids) == [f"noizylab-{name}" for name in names]
    for dashboard in DASHBOARDS:
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids)) > 0
        assert "id" not in dashboard, "Grafana gives it, and refuses one that another dashboard has"


def test_every_figure_has_its_panels_and_they_say_its_definition() -> None:
    shown = {panel["title"]: panel["description"] for panel in PANELS}
    assert len(shown) == len(PANELS)
    for report in REPORTS:
        assert shown[report.title] == report.definition
        assert shown[f"{report.title}, by day"] == f"Of each day: {report.main}. {report.definition}"
    said = {report.title for report in REPORTS} | {report.name for report in REPORTS}
    for figure in FIGURES:
        if not said & {figure.title, figure.name}:
            assert shown[figure.title].startswith(figure.definition)
    assert all(shown.values())


def test_panels_do_not_overlap() -> None:
    for dashboard in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken
            assert at["x"] + at["w"] <= 24
            taken |= cells


def test_every_query_goes_to_a_source_that_is_provided() -> None:
    sources = {
        one["uid"]: one for one in yaml.safe_load(FILES["provisioning/datasources/noizylab.yaml"])["datasources"]
    }
    assert {one["jsonData"]["protocol"] for one in sources.values()} == {"native", "http"}
    assert [one["uid"] for one in sources.values() if one["isDefault"]] == [SOURCE]
    for one in sources.values():
        assert (one["type"], one["secureJsonData"]) == (SOURCE_TYPE, {"password": f"${PASSWORD}"})
        # The client asks for five seconds more, and the engine refuses more than the reader may have.
        assert int(one["jsonData"]["queryTimeout"]) + 5 <= READER_TIME_LIMIT_S
    asked = [panel["datasource"] for panel in PANELS]
    asked += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    asked += [variable["datasource"] for dashboard in DASHBOARDS for variable in dashboard["templating"]["list"]]
    assert all(one["type"] == SOURCE_TYPE and one["uid"] in sources for one in asked)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard["uid"])
def test_variables_that_are_used_are_there(dashboard: dict[str, Any]) -> None:
    used = any("${workspace" in panel["targets"][0]["rawSql"] for panel in dashboard["panels"])
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == (["workspace"] if used else [])


def test_money_is_shown_in_whole_units_and_a_month_is_bounded_by_the_period() -> None:
    columns = (Column("month", "month"), Column("revenue_cents", "cents"))
    panel = figure_panel(Figure("f", "v_f", "F", "D.", "cents", columns))
    assert panel.sql == (
        "SELECT month, revenue_cents / 100 AS revenue FROM v_f WHERE $__dateFilter(month) ORDER BY month"
    )
    assert panel.kind == "timeseries"


@pytest.mark.parametrize("whole_house", [False, True])
def test_a_figure_over_a_period_is_asked_for_a_workspace_unless_it_has_none(*, whole_house: bool) -> None:
    columns = (Column("category", "text"), Column("margin_cents", "cents"))
    rows, days = report_panels(Report("m", "r_m", "M", "D.", "margin", "cents", columns, whole_house=whole_house))
    period = "since = toTimeZone($__fromTime, 'UTC'), until = toTimeZone($__toTime, 'UTC')"
    given = period if whole_house else f"workspace = ${{workspace:singlequote}}, {period}"
    assert rows.sql == f"SELECT category, margin_cents / 100 AS margin FROM r_m({given})"
    assert f"value / 100 AS value FROM r_m_daily({given})" in days.sql
    assert (rows.kind, days.kind) == ("barchart", "timeseries")
