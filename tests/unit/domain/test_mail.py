"""When to try again, what a refusal says about a mailbox, and the rules an office may set."""

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.mail import Bounce, MailRules, back_off, bounce_of_status, counted, parse_rules, refusal
from tracker.errors import InvalidInput


@given(st.text(min_size=1, max_size=40), st.integers(1, 40))
def test_the_wait_doubles_within_its_jitter_and_repeats(name: str, attempts: int) -> None:
    wait = back_off(name, attempts)
    plain = timedelta(minutes=min(5 * 2 ** (attempts - 1), 120))
    assert 0.8 * plain - timedelta(seconds=1) <= wait <= 1.2 * plain + timedelta(seconds=1)
    assert wait == back_off(name, attempts)


def test_different_messages_do_not_come_back_together() -> None:
    assert len({back_off(f"<{number}@office.example>", 3) for number in range(50)}) > 20


@pytest.mark.parametrize(
    ("answer", "bounce"),
    [
        ("550 5.1.1 no such user", Bounce.HARD),
        ("550 5.1.2 bad domain", Bounce.HARD),
        ("550 5.2.1 mailbox disabled", Bounce.HARD),
        ("552 5.2.2 mailbox full", Bounce.SOFT),
        ("452 4.2.2 mailbox full", Bounce.SOFT),
        ("450 4.2.1 busy", Bounce.SOFT),
        ("450 mailbox busy", Bounce.SOFT),
        # what says nothing about the mailbox
        ("550 5.7.1 relay access denied", None),
        ("554 5.7.1 policy", None),
        ("550 relaying denied", None),
        ("450 4.7.1 greylisted", None),
        ("451 4.3.0 later", None),
        ("452 4.3.1 insufficient system storage", None),
        ("550 5.1.8 bad sender domain", None),
        ("421 going away", None),
        ("451 local error", None),
        ("554 transaction failed", None),
        ("554 connection to 5.1.1.9 refused", None),  # an address is no status
        ("554 connection to 1.5.1.1 refused", None),
    ],
)
def test_what_a_refusal_of_the_recipient_says(answer: str, bounce: Bounce | None) -> None:
    for others_served in (True, False):
        assert refusal(answer, at_recipient=True, others_served=others_served) is bounce
        assert refusal(answer, at_recipient=False, others_served=others_served) is None


@pytest.mark.parametrize(
    "answer", ["550 user unknown", "550 Delivery is not allowed to this address", "551 not here", "553 no such name"]
)
def test_a_bare_refusal_speaks_of_the_mailbox_only_where_others_are_served(answer: str) -> None:
    assert refusal(answer, at_recipient=True, others_served=True) is Bounce.HARD
    assert refusal(answer, at_recipient=True, others_served=False) is None


@pytest.mark.parametrize(
    ("answer", "stage", "permanent", "others_served", "bounce"),
    [
        ("550 5.7.1 spam", "rcpt", True, True, Bounce.SOFT),
        ("550 5.7.1 spam", "rcpt", True, False, None),  # the server wants nobody's mail
        ("554 content denied", "data", True, True, Bounce.SOFT),
        ("554 content denied", "data", True, False, None),
        ("450 4.7.1 greylisted", "rcpt", False, True, None),  # comes with the next try
        ("550 5.1.8 bad sender", "mail", True, True, None),
        ("535 wrong password", "auth", True, True, None),
        ("550 5.1.1 no such user", "rcpt", True, False, Bounce.HARD),
        ("550 no such user", "rcpt", True, True, Bounce.HARD),
        ("550 no such user", "rcpt", True, False, None),
        ("", "", True, True, None),  # the message could not be built
    ],
)
def test_whoever_alone_is_refused_counts_as_one_who_gets_no_mail(
    answer: str, stage: str, permanent: bool, others_served: bool, bounce: Bounce | None
) -> None:
    assert counted(answer, stage, permanent=permanent, others_served=others_served) is bounce


@pytest.mark.parametrize(
    ("status", "bounce"),
    [("5.1.1", Bounce.HARD), ("4.2.2", Bounce.SOFT), ("5.2.2", Bounce.SOFT), ("5.7.1", None), ("4.4.7", None),
     ("2.0.0", None), ("", None), ("nonsense", None), ("5", None)],
)  # fmt: skip
def test_what_a_status_says(status: str, bounce: Bounce | None) -> None:
    assert bounce_of_status(status) is bounce


def test_rules_go_there_and_back() -> None:
    for rules in (MailRules(), MailRules(15, time(9, 15))):
        assert parse_rules(rules.as_data()) == rules
    assert parse_rules({}) == MailRules(None, time(8, 30))


@pytest.mark.parametrize("cap", ["0", "-1", "1.5", "many", "１５", "100001"])
def test_a_cap_that_is_none(cap: str) -> None:
    with pytest.raises(InvalidInput, match="hourly_cap_invalid"):
        parse_rules({"hourly_cap": cap})


@pytest.mark.parametrize("hour", ["07:59", "17:31", "24:00", "half past eight", "8", "-1:00"])
def test_an_hour_outside_the_working_day(hour: str) -> None:
    with pytest.raises(InvalidInput, match="digest_at_invalid"):
        parse_rules({"digest_at": hour})
