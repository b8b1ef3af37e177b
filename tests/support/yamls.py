"""YAML as the tests read and write it: with libyaml, ten times as fast as the parser in Python."""

from functools import cache
from typing import Any

import yaml

from tests.support.office import CATALOGUES


class _Plain(yaml.CSafeDumper):
    """Writes what occurs twice twice, without references."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def load(text: str | bytes) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)


def dump(data: Any) -> str:
    return yaml.dump(data, Dumper=_Plain, allow_unicode=True, sort_keys=False)


@cache
def organisation() -> dict[str, Any]:
    """The departments that the illustrative catalogue names; not to be changed."""
    found: dict[str, Any] = load((CATALOGUES / "organisation.yaml").read_bytes())
    return found
