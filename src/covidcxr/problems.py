"""What goes wrong on the user's side, said in one sentence."""


class Problem(Exception):
    """A fault that the user can mend.

    The message is one sentence that names the file or the key and the remedy.
    Command line, workflow and notebooks print it alone; every other exception
    is a defect of this package and keeps its traceback.
    """

    status = 1
    """The exit status of the command line."""


class Unusable(Problem):
    """Input that cannot be judged as it is, such as predictions with a score of 1.2."""

    status = 2
