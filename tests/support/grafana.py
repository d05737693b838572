"""What Grafana's ClickHouse plugin makes of a query before it sends it.

Macros as in ``pkg/macros/macros.go`` of grafana/clickhouse-datasource, variables as Grafana's ``singlequote`` format.
"""

import re
from collections.abc import Sequence
from datetime import datetime

_MACRO = re.compile(r"\$__(\w+?)\b(?:\(([^()]*)\))?")
_VARIABLE = re.compile(r"\$\{(\w+):singlequote\}")


def sent(sql: str, since: datetime, until: datetime, interval_s: int, variables: dict[str, Sequence[str]]) -> str:
    """Return the SQL that reaches the engine.

    Raises:
        KeyError: a macro or variable that there is not.
    """

    def macro(found: re.Match[str]) -> str:
        name, column = found[1], (found[2] or "").strip()
        moments = tuple(f"toDateTime({int(at.timestamp())})" for at in (since, until))
        days = tuple(f"toDate('{at:%Y-%m-%d}')" for at in (since, until))
        return {
            "timeFilter": f"{column} >= {moments[0]} AND {column} <= {moments[1]}",
            "dateFilter": f"{column} >= {days[0]} AND {column} <= {days[1]}",
            "timeInterval": f"toStartOfInterval(toDateTime({column}), INTERVAL {max(interval_s, 1)} second)",
            "fromTime": moments[0],
            "toTime": moments[1],
        }[name]

    filled = _VARIABLE.sub(lambda found: ",".join(f"'{value}'" for value in variables[found[1]]), sql)
    return _MACRO.sub(macro, filled)
