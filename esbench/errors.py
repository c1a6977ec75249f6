"""Every error that esbench raises, grouped by what the caller should do.

What lives here: the exception tree and nothing else.
The guarantee: a message holds the values that matter and says how to mend it; it
never holds a memory address, a random id or the time of day.
What it may not know: any other module.

    EsbenchError
    ├── TryAgain                 nothing is wrong with the call
    │   ├── ConcurrencyError     somebody was faster: load again, decide again, append
    │   └── CommitUnknown        the outcome is open: call its ``retry()``
    ├── MendTheCall              the arguments are at fault
    │   ├── InvalidEvent         a value that its field can't hold
    │   ├── InvalidFrame         rows that can't become events
    │   ├── UnclearExtract       an extract that can be read in more than one way
    │   ├── InvalidSchedule      queues, workers or latencies that can't be run
    │   ├── TooLarge             an exact answer that would need too many states
    │   ├── DuplicateEvent       a known event id with other content
    │   ├── NotFound             no such aggregate, or not yet in that past
    │   ├── Refused              a command that the rules forbid
    │   └── ReadOnly             a past, or a folder that may not be written
    ├── MendTheCode              declarations are at fault
    │   └── DefinitionConflict   one name, two meanings
    ├── Restore                  the files are at fault
    │   ├── NotALog              the folder holds something else, or a newer format
    │   └── Corrupt              a damaged, missing, swapped or foreign file
    ├── StoreError               the disk said no: full, forbidden, failing
    └── BrokerError              Kafka said no: silent, unknown topic, credentials
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class EsbenchError(Exception):
    """The base of every error that esbench raises on purpose."""


class TryAgain(EsbenchError):
    """Nothing is wrong with the call; the world moved, or its answer was lost."""


class ConcurrencyError(TryAgain):
    """Another writer was faster, and nothing of this append was stored.

    Attributes:
        aggregate_id: the aggregate that has moved on.
        expected: the version that the caller had seen.
        actual: the version that the log holds.
    """

    def __init__(self, aggregate_id: str, expected: int, actual: int) -> None:
        self.aggregate_id = aggregate_id
        self.expected = expected
        self.actual = actual
        super().__init__(aggregate_id, expected, actual)

    def __str__(self) -> str:
        """Say who expected what, and what to do now."""
        return (
            f"{shorten(self.aggregate_id)} is at version {self.actual}, "
            f"you expected {self.expected}: read it again, decide again, then append"
        )


class CommitUnknown(TryAgain):
    """The outcome of a commit is open: it may be stored, or it may not.

    The error came after the commit's name was made and before the disk confirmed
    that the name is safe. ``retry()`` settles it.
    """

    def __init__(self, message: str, retry: Callable[[], Any]) -> None:
        self._retry = retry
        super().__init__(f"{message}; call retry() on this error to settle it")

    def retry(self) -> Any:
        """Give the first result if the commit is stored, else append it now."""
        return self._retry()


class MendTheCall(EsbenchError):
    """The arguments are at fault; the log is as it was."""


class InvalidEvent(MendTheCall, ValueError):
    """A value that its field can't hold exactly."""


class InvalidFrame(MendTheCall, ValueError):
    """Rows that can't become events; none was stored.

    Attributes:
        rows: pairs of (row number from 0, reason), at most the first ten.
    """

    def __init__(self, message: str, rows: tuple[tuple[int, str], ...] = ()) -> None:
        self.rows = rows
        listed = "".join(f"\n  row {number}: {reason}" for number, reason in rows)
        super().__init__(message + listed)


class UnclearExtract(MendTheCall, ValueError):
    """An extract that can be read in no way, or in more than one: say which."""


class InvalidSchedule(MendTheCall, ValueError):
    """Queues, workers or latencies that can't be run as they are written."""


class TooLarge(MendTheCall):
    """An exact answer would need more states than were allowed: allow more, or sample.

    Attributes:
        limit: how many states were allowed.
    """

    def __init__(self, message: str, limit: int) -> None:
        self.limit = limit
        super().__init__(message)


class DuplicateEvent(MendTheCall):
    """An event id that the aggregate already holds, with other content or company."""


class NotFound(MendTheCall, LookupError):
    """No such aggregate, or not yet in the past that was asked."""


class Refused(MendTheCall):
    """A command that the rules of its domain forbid; nothing was stored."""


class ReadOnly(MendTheCall):
    """A past, or a folder that may not be written."""


class MendTheCode(EsbenchError):
    """Declarations are at fault; nothing was written."""


class DefinitionConflict(MendTheCode):
    """One name with two meanings: two fields, two types, or a type against its log."""


class Restore(EsbenchError):
    """The files are at fault; a copy has to be brought back."""


class NotALog(Restore):
    """The folder holds something else, or a log that only a newer esbench reads."""


class Corrupt(Restore):
    """A damaged, missing, swapped or foreign file.

    Attributes:
        file: the file's name inside the log, such as ``events/….parquet``.
    """

    def __init__(self, file: str, reason: str) -> None:
        self.file = file
        self.reason = reason
        super().__init__(file, reason)

    def __str__(self) -> str:
        """Name the file and what is wrong with it."""
        return f"{self.file}: {self.reason}; restore it from a copy"


class StoreError(EsbenchError):
    """The disk said no: full, forbidden or failing. The log is as it was."""


class BrokerError(EsbenchError):
    """Kafka said no: it is silent, has no such topic, or does not know the caller."""


def shorten(text: str, limit: int = 60) -> str:
    """Give ``text`` on one line, at most ``limit`` characters long."""
    line = text if text.isprintable() else text.encode("unicode_escape").decode()
    return line if len(line) <= limit else line[: limit - 1] + "…"
