"""Files to an index and what is told of it: the work that a process of its own does. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from processors.schematics.answers import buses_answer, rails_answer
from processors.schematics.codec import to_bytes
from processors.schematics.index import Index
from processors.schematics.project import read_project
from schemas.design_answers import BusFound, RailFound, RegulatorFound
from schemas.schematics import DesignCounts, DesignRemark

ENGINE = "schematics/1"
LISTED_MOST = 100
WORDS_MOST = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Summary:
    """What an event tells of a design."""

    formats: str
    counts: DesignCounts
    rails: tuple[RailFound, ...]
    regulators: tuple[RegulatorFound, ...]
    buses: tuple[BusFound, ...]
    remarks: tuple[DesignRemark, ...]
    disagreements: tuple[DesignRemark, ...]
    left_out: int


def analyse(files: Mapping[str, bytes]) -> tuple[Summary, bytes]:
    """Return what is told of a project's files, and the whole design as bytes.

    Raises:
        DesignError: they cannot be read as one design.
    """
    design = read_project(files)
    return summarise(Index(design)), to_bytes(design)


def summarise(index: Index) -> Summary:
    """Return what is told of a design."""
    design = index.design
    found, buses = rails_answer(index), buses_answer(index).buses
    remarks = tuple(DesignRemark(matter=one.matter, what=one.what[:WORDS_MOST]) for one in design.remarks)
    told = tuple(
        DesignRemark(
            matter=one.matter, what=one.what[:WORDS_MOST], refs=one.refs[:LISTED_MOST], nets=one.nets[:LISTED_MOST]
        )
        for one in design.disagreements
    )  # fmt: skip
    lists: tuple[Sequence[object], ...] = (found.rails, found.regulators, buses, remarks, told)
    return Summary(
        formats=design.format,
        counts=DesignCounts(
            parts=len(design.parts),
            placed=sum(part.place is not None for part in design.parts),
            nets=len(design.nets),
            sheets=len(design.sheets),
            probes=len(design.probes),
            readings=len(design.readings),
        ),
        rails=_cut(found.rails),
        regulators=_cut(found.regulators),
        buses=_cut(buses),
        remarks=_cut(remarks),
        disagreements=_cut(told),
        left_out=sum(max(0, len(one) - LISTED_MOST) for one in lists),
    )


def _cut(items: tuple[T, ...]) -> tuple[T, ...]:
    return items[:LISTED_MOST]
