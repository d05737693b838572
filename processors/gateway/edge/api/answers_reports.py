"""What the edge answers of figures over a period, and of forecasts; see ``answers.py`` for how these models stand."""

from datetime import date
from typing import Literal

from pydantic import JsonValue

from processors.gateway.edge.api.answers import Answer
from processors.gateway.edge.api.answers_house import About
from schemas.core.time import UtcTime


class AboutReport(About):
    """A figure over a period: what its main number is besides."""

    main: str


class Reports(Answer):
    """Which figures over a period there are."""

    figures: list[AboutReport]


class DayNumber(Answer):
    """The main number of one day; null where nothing is known of it."""

    day: date
    value: float | None


class Report(AboutReport):
    """A figure over a period, beside the period of the same length before. ``change`` 0.1: a tenth more."""

    since: UtcTime
    until: UtcTime
    value: float | None
    previous: float | None
    change: float | None
    sparkline: list[DayNumber]
    rows: list[dict[str, JsonValue]]


class ForecastRun(Answer):
    """What the newest run says of a series: the model and its back-test, or in ``code`` and ``reason`` why none."""

    metric: str
    series: str
    grain: Literal["day", "week"]
    run_at: str
    model: str
    code: str
    reason: str
    origins: int
    mase: float | None
    naive_mase: float | None
    pinball: float | None
    naive_pinball: float | None
    coverage_80: float | None
    coverage_95: float | None


class Forecasts(Answer):
    """Which series are forecast."""

    forecasts: list[ForecastRun]


class Expected(Answer):
    """What is expected of a day or week, with bands of 80 and 95 %."""

    at: date
    expected: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float


class Anomaly(Answer):
    """A day or week of the past outside of what its forecast would have held likely."""

    at: date
    value: float
    expected: float
    low: float
    high: float


class Forecast(ForecastRun):
    """A forecast with its points, and what was odd of late."""

    anomalies: list[Anomaly]
    points: list[Expected]
