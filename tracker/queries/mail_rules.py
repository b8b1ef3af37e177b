"""What each office set for its mail."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.mail import MailRules, parse_rules
from tracker.models import Setting

NAME = "mail"  # value: {"hourly_cap": int or null, "digest_at": "HH:MM"}


def load_mail_rules(session: Session) -> Mapping[int, MailRules]:
    """Office id → its rules; the product's own for every office that set nothing. One statement."""
    rows = session.execute(select(Setting.office_id, Setting.value).where(Setting.name == NAME))
    found: defaultdict[int, MailRules] = defaultdict(MailRules)
    found.update({office_id: parse_rules(value) for office_id, value in rows})
    return found
