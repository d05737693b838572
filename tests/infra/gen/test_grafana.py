"""Dashboards: whole, consistent, and one panel for every figure."""

import json
from typing import Any

import pytest
import yaml

from infra.clickhouse.layout import READER_TIME_LIMIT_S
from infra.gen.grafana import PASSWORD, SOURCE, SOURCE_TYPE, dashboard_of, grafana_files, panel_of
from processors.analytics.figures import FIGURES, Column, Figure

FILES = {str(path): content for path, content in grafana_files().items()}
DASHBOARDS: list[dict[str, Any]] = [json.loads(text) for name, text in FILES.items() if name.endswith(".json")]
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard["panels"]]


def test_there_are_the_four_dashboards_with_ids_of_their_own() -> None:
    uids = [dashboard["uid"] for dashboard in DASHBOARDS]
    assert sorted(uids) == ["noizylab-money", "noizylab-operations", "noizylab-pipeline", "noizylab-technicians"]
    for dashboard in DASHBOARDS:
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids)) > 0
        assert "id" not in dashboard, "Grafana gives it, and refuses one that another dashboard has"


def test_every_figure_has_one_panel_that_says_its_definition() -> None:
    shown = [(panel["title"], panel["description"]) for panel in PANELS]
    for figure in FIGURES:
        assert shown.count((figure.title, figure.definition)) == 1, figure.name
    assert all(panel["description"] for panel in PANELS)
    assert len({title for title, _ in shown}) == len(shown)


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
    figure = Figure("f", "v_f", "F", "D.", "cents", (Column("month", "month"), Column("revenue_cents", "cents")))
    assert dashboard_of(figure) == "money"
    panel = panel_of(figure)
    assert panel.sql == (
        "SELECT month, revenue_cents / 100 AS revenue FROM v_f WHERE $__dateFilter(month) ORDER BY month"
    )
    assert panel.kind == "timeseries"
