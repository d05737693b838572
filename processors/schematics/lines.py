"""Files of lines: each with its number, so that an error can say where it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from processors.schematics.errors import DesignError
from processors.schematics.model import Remark
from processors.schematics.text import decode


class Lines:
    """The lines of a file, one after another. ``number`` is that of the line in hand."""

    def __init__(self, file: str, content: bytes) -> None:
        text, remark = decode(content, file)
        self.file = file
        self.number = 0
        self.remarks: list[Remark] = [remark] if remark is not None else []
        # Only real line ends: a form feed or a Unicode separator inside a name ends no line.
        self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def __iter__(self) -> Iterator[str]:
        while self.number < len(self._lines):
            self.number += 1
            yield self._lines[self.number - 1]

    def next(self) -> str:
        """Return the next line.

        Raises:
            ValueError: there is none.
        """
        if self.number >= len(self._lines):
            raise ValueError("the file ends here, too early")
        self.number += 1
        return self._lines[self.number - 1]

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Turn what goes wrong inside into an error at the line in hand.

        Raises:
            DesignError: a field is missing or no number.
        """
        try:
            yield
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            if isinstance(error, DesignError):
                raise
            reason = "a field is missing" if isinstance(error, IndexError) else str(error)
            raise DesignError(self.file, self.number, f"no line of {what} ({reason}); fetch the file again") from error
