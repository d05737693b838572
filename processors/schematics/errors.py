"""The one error of every reader: which file, which line, what is wrong, what to do."""


class DesignError(ValueError):
    """A file that cannot be read as the design it claims to be.

    ``file`` is its name as the caller gave it, ``line`` counts from 1 (None where the whole file is meant), and
    ``what`` says what is wrong and what to do next.
    """

    def __init__(self, file: str, line: int | None, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}" if line is not None else f"{file}: {what}")
        self.file = file
        self.line = line
        self.what = what

    def __reduce__(self) -> tuple[type["DesignError"], tuple[str, int | None, str]]:
        """Say how to make it again: it travels out of the process that read the file."""
        return DesignError, (self.file, self.line, self.what)
