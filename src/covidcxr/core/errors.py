"""What goes wrong on the user's side, said in one sentence."""

from pathlib import Path

from covidcxr.core.words import message


class Problem(Exception):
    """A fault that the user can mend.

    The message is one sentence that names the file or the key and the remedy.
    Command line, workflow and notebooks print it alone; every other exception
    is a defect of this package and keeps its traceback.
    """

    status = 1
    """The exit status of the command line."""

    def __str__(self) -> str:
        # A name of a file may hold anything.
        return message(super().__str__())


class Unusable(Problem):
    """Input that cannot be judged as it is, such as predictions with a score of 1.2."""

    status = 2


class Unreadable(Problem):
    """One image file that cannot be used, why, and what to do about it."""

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(path, reason, remedy)
        self.path = path
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return message(f"{self.path}: {self.reason}; {self.remedy}.")
