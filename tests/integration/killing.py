"""The end of a process between any two of its calls: from then on nothing is sent, below the SDK."""

from contextlib import contextmanager

from botocore.httpsession import URLLib3Session

from local.lossy import is_write


class Killed(BaseException):
    """The process is no more. No `except Exception` of the product may catch it."""


class Life:
    """Ends at the n-th request that changes something, just before or just after it was served.

    Between two reads nothing can be left undone, so that they are not counted.
    """

    def __init__(self, end, how):
        self.left, self.how, self.over = end, how, False

    def send(self, honest, session, request):
        if self.over:
            raise Killed
        if not is_write(request):
            return honest(session, request)
        self.left -= 1
        if self.left:
            return honest(session, request)
        self.over = True
        if self.how == "after":
            honest(session, request)
        raise Killed


@contextmanager
def dying(end, how):
    """Gives the life; afterwards `over` says whether it ended in here."""
    life, honest = Life(end, how), URLLib3Session.send
    URLLib3Session.send = lambda session, request: life.send(honest, session, request)
    try:
        yield life
    except Killed:
        assert life.over
    finally:
        URLLib3Session.send = honest
