"""kill -9 of the process that makes a package, at random instants: the next one makes the very same bytes (I2)."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.support import packages
from tests.support.clock import FROZEN
from tests.support.databases import Database
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tracker.models import Package
from tracker.services import package_making

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
SEED = int(os.environ.get("FAULT_SEED", "20261120"))
MAKER = """
import sys, time
from pathlib import Path
from sqlalchemy.orm import Session
from tests.support import packages
from tests.support.databases import Database
from tests.support.folder_store import FolderStore
from tracker.services import package_making

class Slow(FolderStore):
    def read(self, key, offset=0, length=None):
        time.sleep(0.2)
        return super().read(key, offset, length)

engine = Database(sys.argv[1]).engine()
with Session(engine) as session:
    print("at work", flush=True)
    package_making.work_off(session, packages.tools(Slow(Path(sys.argv[2]))))
"""


@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_a_killed_maker_is_followed_by_another(
    database: Database, session: Session, office: OfficeKit, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "objects")
    packages.fill(session, office, store)
    whole = packages.made(session, office, store)
    dice, struck = random.Random(SEED), 0
    for _ in range(ROUNDS):
        row_id = packages.ask(session, office).id
        command = [sys.executable, "-c", MAKER, database.url, str(store.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as maker:
            assert maker.stdout is not None
            maker.stdout.readline()
            for _ in range(600):
                session.rollback()
                if session.get_one(Package, row_id).state != "queued":
                    break
                time.sleep(0.02)
            time.sleep(dice.random() * 0.8)
            maker.kill()
        session.rollback()
        struck += session.get_one(Package, row_id).state == "building"
        late = packages.tools(store, FROZEN + package_making.LEASE + timedelta(seconds=1))
        package_making.work_off(session, late)
        session.rollback()
        row = session.get_one(Package, row_id)
        assert (row.state, row.sha256) == ("ready", whole.row.sha256)
    assert struck, "nobody was killed at work: the test shows nothing"
