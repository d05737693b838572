"""The sheets of the quality check: data in TOML files, held against each other at the start. Pure but for reading them.

A check is made of every sheet that fits the device and the fault, so that what all devices have in common is written
down once. What a sheet says of a check already begun is on the log with the check.
"""

import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.core.ids import Code
from schemas.devices import DeviceCategory
from schemas.qc import RepairToCheck
from schemas.qc_plans import CheckPlan, Checkpoint

SHIPPED = Path(__file__).parent / "sheets"
CHECKPOINTS_MAX = 60


class SheetError(ValueError):
    """A sheet that cannot be used; the message names the file, the place in it and what to do."""


class _Point(Checkpoint):
    """A checkpoint as it is written down: nothing unknown, and all that its kind needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "_Point":
        measured = self.kind == "measurement"
        if measured and (not self.unit or (self.low is None and self.high is None)):
            raise ValueError(f"{self.checkpoint_id} is a measurement; give its unit and low, high or both")
        if not measured and (self.unit, self.low, self.high) != (None, None, None):
            raise ValueError(f"{self.checkpoint_id} is no measurement; take out unit, low and high")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{self.checkpoint_id}: low {self.low} is above high {self.high}; exchange them")
        if (self.kind == "comparison") != (self.against is not None):
            raise ValueError(f'{self.checkpoint_id}: a comparison, and nothing else, says against "golden" or "before"')
        return self


class Sheet(BaseModel):
    """One file. ``categories`` and ``faults``: what it is for, none means all; ``needs_board``: the model is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sheet: Code
    version: int = Field(ge=1)
    categories: tuple[DeviceCategory, ...] = ()
    faults: tuple[Code, ...] = ()
    needs_board: bool = False
    always: bool = False
    two_signatures: bool = False
    checkpoints: tuple[_Point, ...] = Field(min_length=1, max_length=CHECKPOINTS_MAX)

    def fits(self, repair: RepairToCheck) -> bool:
        """Whether a check of this repair includes the sheet."""
        return (
            (not self.categories or repair.category in self.categories)
            and (not self.faults or repair.fault_family in self.faults)
            and (not self.needs_board or repair.board_model is not None)
        )


@dataclass(frozen=True, slots=True)
class Sheets:
    """All sheets of a shop, in the order of their file names."""

    sheets: tuple[Sheet, ...]

    @classmethod
    def load(cls, folder: Path) -> "Sheets":
        """Read the shop's own ``*.toml`` files, or, while it has none, those that come with the house.

        Raises:
            SheetError: a file cannot be used, two say the same, or some repair would have nothing to check.
        """
        paths = sorted(folder.glob("*.toml")) or sorted(SHIPPED.glob("*.toml"))
        return cls.checked(_read(path) for path in paths)

    @classmethod
    def checked(cls, sheets: Iterable[Sheet]) -> "Sheets":
        """Hold sheets against each other.

        Raises:
            SheetError: two say the same, or some repair would have nothing to check.
        """
        known = tuple(sheets)
        for what, names in (
            ("sheet", [one.sheet for one in known]),
            ("checkpoint", [point.checkpoint_id for one in known for point in one.checkpoints]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise SheetError(f"the {what} {twice[0]} is there more than once; give one of them another name")
        if not any(not one.categories and not one.faults and not one.needs_board for one in known):
            raise SheetError("no sheet is for every repair; add one without categories and faults")
        if sum(len(one.checkpoints) for one in known) > CHECKPOINTS_MAX:
            raise SheetError(f"the sheets have more than {CHECKPOINTS_MAX} checkpoints together; put some into one")
        return cls(known)

    def plan_for(self, repair: RepairToCheck) -> CheckPlan:
        """Return what is checked on a repair, frozen."""
        fitting = [one for one in self.sheets if one.fits(repair)]
        points = tuple(Checkpoint.model_validate(point.model_dump()) for one in fitting for point in one.checkpoints)
        canonical = orjson.dumps([point.model_dump(mode="json") for point in points], option=orjson.OPT_SORT_KEYS)
        return CheckPlan(
            sheets=tuple(f"{one.sheet}/{one.version}" for one in fitting),
            checkpoints=points,
            always=any(one.always for one in fitting),
            two_signatures=any(one.two_signatures for one in fitting),
            sha256=hashlib.sha256(canonical).hexdigest(),
        )


def _read(path: Path) -> Sheet:
    try:
        return Sheet.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SheetError(f"{path} cannot be read: {error}; put it right or take it away") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the sheet"
        raise SheetError(f"{path}: {place}: {first['msg']}; put it right or take the file away") from error
