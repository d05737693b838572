"""The figures of a workspace over a period: what each says, in words, and the views that it is read from.

A period begins at a moment and ends before another; days are calendar days in UTC. Hours count day and night, because
that is how a customer waits. Every event counts once, however often the log delivered it.
"""

from dataclasses import dataclass

from processors.analytics.figures import Column

_PERIOD = "workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}"
_HOUSE = "since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}"


@dataclass(frozen=True, slots=True)
class Report:
    """A figure over a period. ``main`` says what its one number is, of the period and of each day; ``unit`` is of that.

    ``whole_house``: it cannot be told apart by workspace. ``adds_up``: a day without events is a zero and not unknown.
    """

    name: str
    view: str
    title: str
    definition: str
    main: str
    unit: str
    columns: tuple[Column, ...]
    whole_house: bool = False
    adds_up: bool = False

    @property
    def sql(self) -> str:
        """The query for the rows, in the view's own order; parameters ``workspace``, ``since``, ``until``."""
        return f"SELECT {', '.join(column.name for column in self.columns)} FROM {self.view}({self._period})"  # noqa: S608 - own names

    @property
    def daily_sql(self) -> str:
        """The query for the main number of each day, and last, without a day, of the period."""
        return f"SELECT day, value FROM {self.view}_daily({self._period})"  # noqa: S608 - own names

    @property
    def _period(self) -> str:
        return _HOUSE if self.whole_house else _PERIOD


def _columns(**units: str) -> tuple[Column, ...]:
    return tuple(Column(name, unit) for name, unit in units.items())


_WAITS = _columns(category="text", tickets="tickets", waiting="tickets", p50_hours="hours", p95_hours="hours")

REPORTS = (
    Report(
        name="backlog",
        view="r_backlog",
        title="Tickets by state and age",
        definition="Tickets that are not collected, disposed or cancelled at the end of the period, by their state "
        "then and the hours since they were opened.",
        main="open tickets at the end",
        unit="tickets",
        columns=_columns(
            state="text",
            tickets="tickets",
            under_1_day="tickets",
            to_3_days="tickets",
            to_7_days="tickets",
            over_7_days="tickets",
            oldest_hours="hours",
        ),
    ),
    Report(
        name="turnaround",
        view="r_turnaround",
        title="Where the time goes",
        definition="Of tickets collected in the period, the hours from opening to collection, by what the ticket was "
        "in: touch (triage, diagnosis, bench, check), queue (waiting for the shop), approval (for the customer's "
        "answer, deposit or lock, or on hold for them), parts (for a supplier or an outside workshop), held (on hold "
        "for the shop), ready (to be collected). Shop-controllable is touch and queue. Share is of all hours. "
        "Percentiles interpolate linearly between tickets.",
        main="median hours from opening to collection",
        unit="hours",
        columns=_columns(
            phase="text", tickets="tickets", p50_hours="hours", p95_hours="hours", mean_hours="hours", share="ratio"
        ),
    ),
    Report(
        name="first_response",
        view="r_first_response",
        title="First response",
        definition="Of tickets opened in the period, the hours until somebody took up the device: the first move out "
        "of received. Waiting: not taken up yet, and in no percentile.",
        main="median hours",
        unit="hours",
        columns=_WAITS,
    ),
    Report(
        name="time_to_diagnosis",
        view="r_time_to_diagnosis",
        title="Time to diagnosis",
        definition="Of tickets opened in the period, the hours until their first diagnosis, abstentions not counted. "
        "Waiting: without one yet, and in no percentile.",
        main="median hours",
        unit="hours",
        columns=_WAITS,
    ),
    Report(
        name="quotes",
        view="r_quotes",
        title="Quote funnel",
        definition="Tickets with a quote prepared in the period, by what has become of it by now: accepted, declined, "
        "expired without an answer, still open. A ticket with several quotes counts once, by the best of these. "
        "Share is of tickets with a quote.",
        main="accepted share",
        unit="ratio",
        columns=_columns(stage="text", tickets="tickets", share="ratio"),
    ),
    Report(
        name="margins",
        view="r_margins",
        title="Revenue and margin",
        definition="Repaired tickets collected in the period: the accepted totals, less the committed parts at the "
        "unit cost of their newest receipt. Labour is not taken off, tax is in where the quotes have it. By device "
        "category and the fault that the newest diagnosis puts first. Repairs under warranty count with their parts.",
        main="margin",
        unit="cents",
        columns=_columns(
            category="text",
            family="text",
            currency="text",
            tickets="tickets",
            revenue_cents="cents",
            parts_cents="cents",
            margin_cents="cents",
            margin_rate="ratio",
        ),
        adds_up=True,
    ),
    Report(
        name="technicians",
        view="r_technicians",
        title="Technicians, on equal terms",
        definition="Repairs that passed their check in the period, by who repaired. A failure is a repair that failed "
        "a check before, or has come back under warranty by now. Expected: what the shop as a whole has on the same "
        "device categories and faults. The ratio of the two is drawn to 1 the more, the fewer repairs speak for it; "
        "its interval holds the true one with 95 %. Two technicians whose intervals overlap are not told apart. "
        "Touch hours are those in triage, diagnosis, bench and check, a mean, nights in between included.",
        main="repairs completed",
        unit="repairs",
        columns=_columns(
            technician="text",
            completed="repairs",
            failures="repairs",
            expected_failures="repairs",
            failure_ratio="ratio",
            low_95="ratio",
            high_95="ratio",
            touch_hours="hours",
            expected_touch_hours="hours",
        ),
        adds_up=True,
    ),
    Report(
        name="quality",
        view="r_quality",
        title="First-time fix, rework, warranty returns",
        definition="Of repairs that passed their check in the period: those that failed a check before (rework), those "
        "that have come back under warranty by now, and those that did neither (first-time fix). Intervals of Wilson "
        "at 95 %. The newest repairs have had little time to come back.",
        main="first-time fix rate",
        unit="ratio",
        columns=_columns(
            measure="text", cases="repairs", repairs="repairs", rate="ratio", low_95="ratio", high_95="ratio"
        ),
    ),
    Report(
        name="parts",
        view="r_parts",
        title="Parts used and out of stock",
        definition="Pieces committed to tickets in the period, the tickets that found a part missing and how many "
        "pieces that were, and what the used pieces cost at the unit cost of their newest receipt.",
        main="pieces used",
        unit="pieces",
        columns=_columns(sku="text", used="pieces", stock_outs="tickets", missing="pieces", cost_cents="cents"),
        adds_up=True,
    ),
    Report(
        name="notifications",
        view="r_notifications",
        title="Notifications delivered",
        definition="Messages to customers in the period, by template and channel: handed over, failed, or held back "
        "for quiet hours. The failure rate is failed over handed over and failed. A failure does not name its channel.",
        main="failure rate",
        unit="ratio",
        columns=_columns(
            template="text",
            channel="text",
            sent="notifications",
            failed="notifications",
            deferred="notifications",
            failure_rate="ratio",
        ),
    ),
    Report(
        name="pipeline",
        view="r_pipeline",
        title="Health of the analytics stream",
        definition="What the warehouse took in during the period, of the whole house: events, copies beyond the "
        "first, records refused into the dead letters (no type: their headers could not be read), and the seconds "
        "from writing an event to storing it.",
        main="lag that 95 % of the events stayed below",
        unit="s",
        columns=_columns(
            event_type="text",
            events="events",
            duplicates="events",
            dead_letters="records",
            p50_lag_s="s",
            p95_lag_s="s",
            last_ingested_at="time",
        ),
        whole_house=True,
    ),
)
