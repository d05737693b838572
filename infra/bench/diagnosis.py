"""``noizylab bench diagnosis``: sections that each measure one thing about the diagnosis, and give keys to one result.

A section is a module with ``run(options, say) -> dict``. It returns nothing where the options lack its data.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from infra.bench.diagnosis_options import Options

SECTIONS: tuple[str, ...] = (
    "infra.bench.diagnosis_injected",
    "infra.bench.diagnosis_text",
    "infra.bench.diagnosis_claude",
)
"""The modules, in the order they run. Each is loaded when it runs: none pays for the imports of another."""


def run_diagnosis_bench(options: Options, say: Callable[[str], None], only: str | None = None) -> dict[str, Any]:
    """Return the keys of all sections, or of the one whose module ends with ``only``.

    Raises:
        ValueError: there is no such section.
    """
    chosen = [name for name in SECTIONS if only is None or name.rpartition("_")[2] == only]
    if not chosen:
        raise ValueError(f"there is no section {only!r}; choose among {', '.join(section_names())}")
    result: dict[str, Any] = {}
    for name in chosen:
        result |= import_module(name).run(options, say)
    return result


def section_names() -> tuple[str, ...]:
    """Return what the sections are called on the command line."""
    return tuple(name.rpartition("_")[2] for name in SECTIONS)
