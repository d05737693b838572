"""The figures: what each view of the warehouse says, in words a manager and an analyst both read.

Every figure counts an event once, however often the log delivered it. Months are calendar months in UTC.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a figure's view and its unit (``text``, ``month`` and ``time`` are what they say)."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A named figure, the view that holds it, and its definition. ``unit`` is that of its main number."""

    name: str
    view: str
    title: str
    definition: str
    unit: str
    columns: tuple[Column, ...]

    @property
    def sql(self) -> str:
        """The query for the whole figure, its rows in the view's own order."""
        return f"SELECT {', '.join(column.name for column in self.columns)} FROM {self.view}"  # noqa: S608 - own names


def _columns(**units: str) -> tuple[Column, ...]:
    return tuple(Column(name, unit) for name, unit in units.items())


FIGURES = (
    Figure(
        name="tickets_by_state",
        view="v_tickets_by_state",
        title="Tickets by state",
        definition="Each ticket in its newest state: the state of its highest-numbered move, or of its opening.",
        unit="tickets",
        columns=_columns(state="text", tickets="tickets"),
    ),
    Figure(
        name="open_tickets_age",
        view="v_open_tickets_age",
        title="Age of open tickets",
        definition="Tickets that are not collected, disposed or cancelled, by full hours since they were opened.",
        unit="tickets",
        columns=_columns(age="text", tickets="tickets", oldest_hours="hours"),
    ),
    Figure(
        name="time_to_diagnosis",
        view="v_time_to_diagnosis",
        title="Time to diagnosis",
        definition="From a ticket's opening to its first diagnosis, abstentions not counted, by month of opening. "
        "Percentiles interpolate linearly between tickets.",
        unit="ms",
        columns=_columns(month="month", tickets="tickets", p50_ms="ms", p95_ms="ms"),
    ),
    Figure(
        name="time_to_quote",
        view="v_time_to_quote",
        title="Ticket to quote",
        definition="From a ticket's opening to its first prepared quote, by month of opening. Percentiles interpolate "
        "linearly between tickets.",
        unit="ms",
        columns=_columns(month="month", tickets="tickets", p50_ms="ms", p95_ms="ms"),
    ),
    Figure(
        name="quote_funnel",
        view="v_quote_funnel",
        title="Quote funnel",
        definition="Tickets with a quote prepared in the month, and how many of these had such a quote accepted, "
        "declined or expired (valid no longer, without an answer), whenever that was. The rate is accepted over "
        "prepared.",
        unit="tickets",
        columns=_columns(
            month="month",
            prepared="tickets",
            accepted="tickets",
            declined="tickets",
            expired="tickets",
            acceptance_rate="ratio",
        ),
    ),
    Figure(
        name="quote_value",
        view="v_quote_value",
        title="Quoted and accepted value",
        definition="Sum of the recommended totals of all quotes prepared in the month, each version of a quote on its "
        "own, and of the accepted tiers' totals among them, by currency.",
        unit="cents",
        columns=_columns(month="month", currency="text", quotes="quotes", quoted_cents="cents", accepted_cents="cents"),
    ),
    Figure(
        name="faults_ranked",
        view="v_faults_ranked",
        title="Faults, most frequent first",
        definition="Tickets whose diagnosis ranks the fault family first, and tickets whose diagnosis names it at all, "
        "with the mean probability it was given.",
        unit="tickets",
        columns=_columns(family="text", tickets_first="tickets", tickets_named="tickets", mean_probability="ratio"),
    ),
    Figure(
        name="parts",
        view="v_parts",
        title="Parts reserved and short",
        definition="Pieces set aside for tickets, and pieces that were missing when a ticket asked for them. "
        "Of several reservations of one ticket and part the largest counts.",
        unit="pieces",
        columns=_columns(sku="text", reserved="pieces", short="pieces", tickets_short="tickets"),
    ),
    Figure(
        name="inspection_findings",
        view="v_inspection_findings",
        title="Inspections by defect class",
        definition="Board inspections with at least one finding of the class, and how many findings that were.",
        unit="inspections",
        columns=_columns(kind="text", inspections="inspections", findings="findings", mean_confidence="ratio"),
    ),
    Figure(
        name="pipeline_health",
        view="v_pipeline_health",
        title="Health of the analytics stream",
        definition="Per event type: events stored, copies beyond the first, records refused into the dead letters "
        "(no type: their headers could not be read), and when the newest event happened and arrived.",
        unit="events",
        columns=_columns(
            event_type="text",
            events="events",
            duplicates="events",
            dead_letters="records",
            last_event_at="time",
            last_ingested_at="time",
        ),
    ),
    Figure(
        name="notifications",
        view="v_notifications",
        title="Notifications by outcome",
        definition="Messages to customers by template and channel: handed over, failed, or held back for quiet hours. "
        "A failure does not name its channel.",
        unit="notifications",
        columns=_columns(
            template="text",
            channel="text",
            sent="notifications",
            failed="notifications",
            deferred="notifications",
        ),
    ),
    Figure(
        name="calibration",
        view="v_calibration",
        title="How far diagnoses can be believed",
        definition="How far diagnoses can be believed: of the newest diagnosis of each ticket whose fault a technician "
        "named, the mean probability of the family put first, the share that was right, the calibration error over ten "
        'bins and the Brier score, by model version and family. "all" stands for every version or family: do not add '
        "rows up.",
        unit="ratio",
        columns=_columns(
            engine_version="text",
            first_family="text",
            outcomes="tickets",
            said="ratio",
            accuracy="ratio",
            ece="ratio",
            brier="ratio",
        ),
    ),
)

BY_NAME = {figure.name: figure for figure in FIGURES}
