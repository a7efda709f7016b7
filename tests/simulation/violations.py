"""What is told when a promise is broken."""


class Violation(BaseException):
    """An invariant that does not hold, of what, and how it is seen. No handler of errors catches it."""

    def __init__(self, invariant: str, subject: str, what: str) -> None:
        super().__init__(f"{invariant}: {subject}: {what}")
        self.invariant, self.subject, self.what = invariant, subject, what


def must(true: object, invariant: str, subject: object, what: str) -> None:
    """Raises Violation unless it is true."""
    if not true:
        raise Violation(invariant, str(subject), what)
