"""The embedded store for a command that needs it while `tracker up` does not run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tracker.adapters.embedded import bucket, install, seaweed
from tracker.adapters.embedded.process import answers, stop, wait_until

BUCKET_SETTING = "TRACKER_S3_BUCKET"


@contextmanager
def borrowed_store(data: Path, env: Mapping[str, str], *, demo: bool | None = None) -> Iterator[None]:
    """The store of the installation in `data` runs until the end of the block.

    Nothing is done when the environment names another store, or when this one runs already. Where there is no
    installation yet and `demo` is given, one is made. Raises install.InUse when somebody starts it meanwhile.
    """
    if env.get("TRACKER_S3_ENDPOINT"):
        yield
        return
    found = install.load(data)
    if found is None and demo is None:
        yield
        return
    if found is not None and answers(found.store.ports["s3"]):
        yield
        return
    with install.lock(data):
        if found is None:
            found = install.new(demo=bool(demo))
            install.save(data, found)
        log = data / "logs" / "store.log"
        process = seaweed.launch(data / "s3", found.store, log)
        try:
            state = found.store
            wait_until(lambda: seaweed.is_ready(state), process, "store", log, 60)
            name = env.get(BUCKET_SETTING) or install.BUCKET
            if (found.bucket_made, found.bucket_rule) != (name, bucket.RULE):
                bucket.make_bucket(state, data / "s3", name, log)
                found.bucket_made, found.bucket_rule = name, bucket.RULE
                install.save(data, found)
            yield
        finally:
            stop(process)
