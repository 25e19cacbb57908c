"""What the public constructors refuse."""


class InvalidProblem(ValueError):
    """The input describes no possible world; the message names the table, the row and the value."""
