"""One megabyte through the application into a real S3 server, against the bare SDK."""

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path

from minio import Minio
from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line, median, times
from benchmarks.pages import signed_in
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.config import StoreSettings
from tracker.models import Obligation, Slot, Task, User

SIZE = 1 << 20


def fresh() -> bytes:
    """A megabyte of text that was never stored before."""
    return base64.b64encode(os.urandom(SIZE))[:SIZE]


def upload(folder: Path) -> Iterator[Line]:
    server = seaweed.start(folder / "s3")
    try:
        with bulk.filled(folder) as engine:
            with Session(engine) as session:
                department = session.scalars(
                    select(User.department_id).where(User.email == "contact@office.example")
                ).one()
                found = (
                    select(Obligation.id).join(Slot, Slot.id == Obligation.slot_id).join(Task, Task.id == Slot.task_id)
                )
                obligation = session.scalars(found.where(Task.owner_id == department)).first()
            app = bulk.application(folder)
            app.extensions["store"] = MinioStore(StoreSettings(server.endpoint, server.access, server.secret))
            client = signed_in(app, "contact")

            def ours() -> None:
                answer = client.post(
                    f"/obligations/{obligation}/files", data=fresh(), headers={"X-File-Name": "%E5%8F%B0%E8%B4%A6.csv"}
                )
                assert answer.status_code == 201, answer.get_data(as_text=True)

            sdk = Minio(server.endpoint, server.access, server.secret, secure=False, region="us-east-1")

            def floor() -> None:
                content = fresh()
                sdk.put_object("evidence", f"bench/{os.urandom(8).hex()}", io.BytesIO(content), len(content))

            yield Line("upload_1mb_ms", median(times(ours, 20)), median(times(floor, 20)))
    finally:
        server.stop()
