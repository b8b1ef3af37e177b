"""A calendar to subscribe to, as iCalendar (RFC 5545, 7986), through the icalendar library."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import icalendar

AGAIN = timedelta(hours=6)  # how often programs are asked to look


@dataclass(frozen=True)
class FeedEvent:
    """A whole day. `sequence` rises with every change, `modified` is when the last one happened."""

    uid: str
    day: date
    summary: str
    description: str
    url: str
    category: str
    tentative: bool
    sequence: int
    modified: datetime


def write_feed(events: Iterable[FeedEvent], *, name: str, description: str, language: str) -> bytes:
    """The file. The same events make the same bytes: nothing in it is taken from the clock.

    No METHOD: nobody is invited. No alarms: reminding is the digest's business, and a subscription's alarms ring on
    some phones whether wanted or not. Every entry is free time, so that nobody's day looks taken.
    """
    from icalendar import Calendar, vDuration  # slow to load, and only feeds need it

    calendar = Calendar()
    calendar.add("prodid", f"-//tracker//task deadlines//{language.upper()}")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("name", name, {"LANGUAGE": language})
    calendar.add("x-wr-calname", name)
    calendar.add("description", description, {"LANGUAGE": language})
    calendar.add("x-wr-caldesc", description)
    calendar.add("refresh-interval", vDuration(AGAIN), {"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(AGAIN))
    for event in events:
        calendar.add_component(_component(event, language))
    return bytes(calendar.to_ical())


def _component(event: FeedEvent, language: str) -> "icalendar.Event":
    from icalendar import Event

    made = Event()
    made.add("uid", event.uid)
    made.add("dtstamp", event.modified)
    made.add("last-modified", event.modified)
    made.add("sequence", event.sequence)
    made.add("dtstart", event.day)  # VALUE=DATE
    made.add("dtend", event.day + timedelta(1))
    made.add("summary", event.summary, {"LANGUAGE": language})
    made.add("description", event.description, {"LANGUAGE": language})
    made.add("url", event.url)
    made.add("categories", [event.category])
    made.add("status", "TENTATIVE" if event.tentative else "CONFIRMED")
    made.add("transp", "TRANSPARENT")
    made.add("x-microsoft-cdo-busystatus", "FREE")
    return made
