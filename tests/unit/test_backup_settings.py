"""Which settings a backup holds: without encryption no password, whatever settings are to come."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tracker import config
from tracker.config import BadSetting
from tracker.services.restore import HERE, PLAIN, SECRETS, plain_settings

ROOT = Path(config.__file__).parent
LOGIN = "user:hidden-word@"


class Asked(Mapping[str, str]):
    """An environment that keeps what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_, self.names = values, set[str]()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def settings() -> set[str]:
    """Every setting: those that the start reads, and those that are named anywhere in the product."""
    asked = Asked({"TRACKER_S3_ENDPOINT": "s3:9000", "TRACKER_S3_ACCESS_KEY": "a", "TRACKER_S3_SECRET_KEY": "b"})
    config.load(asked)
    named = {
        name
        for path in ROOT.rglob("*.py")
        for name in re.findall(r"\bTRACKER_[A-Z0-9_]*[A-Z0-9]\b", path.read_text(encoding="utf-8"))
    }
    return asked.names | named


def test_every_setting_has_its_place() -> None:
    """A new one: HERE if it is of this machine, SECRETS if it may hold a password, else PLAIN (services.restore)."""
    assert settings() == HERE | SECRETS | PLAIN
    assert len(HERE) + len(SECRETS) + len(PLAIN) == len(HERE | SECRETS | PLAIN)
    for name in PLAIN:
        assert not re.search("SECRET|PASS|TOKEN|KEY", name), name


@pytest.mark.parametrize("name", sorted(name for name in PLAIN if name.endswith("_URL") and name != "TRACKER_BASE_URL"))
def test_addresses_that_are_no_secret_take_no_password(name: str) -> None:
    with pytest.raises(BadSetting):
        config.load({name: f"https://{LOGIN}gateway.example"})


def test_without_encryption_no_secret_is_in_it() -> None:
    env = dict.fromkeys(settings(), "hidden-word") | {
        "TRACKER_SMTP_URL": f"smtp://{LOGIN}mail.example", "TRACKER_BOUNCE_IMAP_URL": f"imaps://{LOGIN}mail.example",
        "TRACKER_TSA_URL": f"https://{LOGIN}tsa.example", "TRACKER_DATABASE_URL": f"postgresql://{LOGIN}db/tracker",
        "TRACKER_REDIS_URL": f"redis://{LOGIN}redis:6379/0", "TRACKER_LATER_URL": f"https://{LOGIN}later.example",
        "PATH": "/usr/bin",
    }  # fmt: skip
    env |= dict.fromkeys(PLAIN, "plain")
    clear, sealed = plain_settings(env, encrypted=False), plain_settings(env, encrypted=True)
    assert set(clear) == PLAIN
    assert "hidden-word" not in str(clear)
    assert set(sealed) == PLAIN | SECRETS | {"TRACKER_LATER_URL"}
