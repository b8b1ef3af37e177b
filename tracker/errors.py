"""Errors that the product's users can meet.

An error carries a code and data, never a sentence and never an HTTP status:
`tracker.web.messages` turns the code into the reader's language and the
family into a status. Families:

    TrackerError
    ├── InvalidInput      what was given cannot be accepted (422)
    ├── Forbidden         the actor may not do this (403)
    ├── NotFound          no such thing, or not his to know of (404)
    ├── Conflict          true a moment ago, no longer (409)
    ├── Busy              too much at once; the same again a little later (429)
    └── Unavailable       an outside part does not answer; nothing changed (503)
"""


class TrackerError(Exception):
    """Base of all expected errors: `code` is stable, `data` fills its sentence."""

    def __init__(self, code: str, **data: object) -> None:
        super().__init__(code, data)
        self.code = code
        self.data = data


class InvalidInput(TrackerError):
    """What was given cannot be accepted; `field` in data names the culprit where there is one."""


class Forbidden(TrackerError):
    """The actor is known but may not do this."""


class NotFound(TrackerError):
    """There is no such thing, or the actor may not know that there is."""


class Conflict(TrackerError):
    """Somebody else was quicker, or the thing is no longer in the state the actor saw."""


class Busy(TrackerError):
    """There is no room for it just now; nothing changed. `after` in data: seconds after which to ask again."""


class Unavailable(TrackerError):
    """The object store, the broker, the mail server or the database does not answer."""
