"""What every fault test stands on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import PostgresTemplates, SqliteTemplates
from tests.support.rounds import Rounds


@pytest.fixture
def rounds(templates: SqliteTemplates | PostgresTemplates, tmp_path: Path) -> Iterator[Rounds]:
    made = Rounds(templates, tmp_path)
    yield made
    made.drop()
