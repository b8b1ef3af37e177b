"""Keeping objects: what the store can do, lists, retention, legal hold, and taking away what may go."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from minio.commonconfig import ENABLED, GOVERNANCE
from minio.error import S3Error
from minio.retention import Retention

from tracker import errors
from tracker.adapters.object_parts import PartsMixin
from tracker.adapters.s3 import outside
from tracker.ports import Abilities, Listed, Lock

# What a store says of an object that it could lock and has not, or that is not there.
UNLOCKED = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NoSuchObjectLegalHold"}
REFUSED = {"AccessDenied", "ObjectLocked", "InvalidRequest", "ObjectLockedError"}
NOBODY = "probe/nothing"


def _no(error: S3Error) -> bool:
    """False for a refusal; raises again what only says that the store is out of order."""
    if error.response.status >= 500 and error.response.status != 501:
        raise error
    return False


def _nonsense(error: ValueError) -> bool:
    """False for an answer of another form than S3's; raises again what was torn on its way."""
    if isinstance(error, UnicodeDecodeError):
        raise error
    return False


class CustodyMixin(PartsMixin):
    """The part of the store that keeps what was put."""

    _found: Abilities | None = None

    def abilities(self) -> Abilities:
        """See `ports.ObjectStore.abilities`."""
        if self._found is None:
            with outside():
                self._asking.bucket_exists(self.bucket)  # or everything below would seem to be missing
                versioned = self._is_versioned()
                locked = versioned and self._is_locked()
            self._found = Abilities(versioned, locked, self.checks_checksums())
        return self._found

    # A plain no is remembered for good; a store that is out of order has not said no.

    def _is_versioned(self) -> bool:
        try:
            return self._asking.get_bucket_versioning(self.bucket).status == ENABLED
        except S3Error as error:
            return _no(error)
        except ValueError as error:
            return _nonsense(error)

    def _is_locked(self) -> bool:
        """Whether the bucket was made with object lock; asked of an object where the key may not ask the bucket."""
        try:
            self._asking.get_object_lock_config(self.bucket)
        except S3Error as error:
            return self._answers_about_locks() if error.code == "AccessDenied" else _no(error)
        except ValueError as error:
            return _nonsense(error)
        return True

    def _answers_about_locks(self) -> bool:
        try:
            self._asking.get_object_retention(self.bucket, NOBODY)
        except S3Error as error:
            return error.code == "NoSuchKey" or error.code in UNLOCKED or _no(error)
        return True

    def listing(self, prefix: str = "", after: str = "") -> Iterator[Listed]:
        """See `ports.ObjectStore.listing`; a thousand to a request."""
        found = self._moving.list_objects(self.bucket, prefix=prefix, start_after=after or None, recursive=True)
        while True:
            with outside():
                item = next(found, None)
            if item is None:
                return
            if not item.is_dir and item.object_name:
                yield Listed(item.object_name, item.size or 0, item.last_modified or datetime.max.replace(tzinfo=UTC))

    def remove(self, key: str) -> None:
        """See `ports.ObjectStore.remove`. Versions first, the marker of a deletion last."""
        if not self.abilities().versioned:
            with outside():
                self._asking.remove_object(self.bucket, key)
            return
        with outside():
            versions = [
                item
                for item in self._asking.list_objects(self.bucket, prefix=key, include_version=True, recursive=True)
                if item.object_name == key
            ]
        for item in sorted(versions, key=lambda item: bool(item.is_delete_marker)):
            try:
                with outside():
                    self._asking.remove_object(self.bucket, key, version_id=item.version_id)
            except errors.NotFound:
                continue
            except errors.Unavailable as error:
                if error.data.get("reason") in REFUSED:
                    raise errors.Conflict("object_locked", key=key) from error
                raise

    def lock(self, key: str) -> Lock:
        """See `ports.ObjectStore.lock`."""
        if not self.abilities().locks:
            if not self.exists(key):
                raise errors.NotFound("blob_missing")
            return Lock(None, held=False)
        with outside():
            return Lock(self._retained_until(key), self._is_held(key))

    def _retained_until(self, key: str) -> datetime | None:
        try:
            retention = self._asking.get_object_retention(self.bucket, key)
        except S3Error as error:
            if error.code in UNLOCKED:
                return None
            raise
        until = retention.retain_until_date if retention else None
        return until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until

    def _is_held(self, key: str) -> bool:
        try:
            return self._asking.is_object_legal_hold_enabled(self.bucket, key)
        except S3Error as error:
            if error.code in UNLOCKED:
                return False
            raise

    def retain(self, key: str, until: datetime) -> Lock:
        """See `ports.ObjectStore.retain`. Mode GOVERNANCE: our key may not shorten it, the store's owner may."""
        self._demand_locks()
        with outside():
            before = self._retained_until(key)
            # Stores keep whole seconds.
            if before is None or before < until - timedelta(seconds=1):
                with contextlib.suppress(ValueError):
                    self._asking.set_object_retention(self.bucket, key, Retention(GOVERNANCE, until))
                before = self._retained_until(key)
        if before is None or before < until - timedelta(seconds=1):
            raise errors.Unavailable("store_down", reason="retention_not_kept")
        return self.lock(key)

    def hold(self, key: str, *, on: bool) -> Lock:
        """See `ports.ObjectStore.hold`."""
        self._demand_locks()
        with outside():
            if self._is_held(key) != on:
                change = self._asking.enable_object_legal_hold if on else self._asking.disable_object_legal_hold
                change(self.bucket, key)
            if self._is_held(key) != on:
                raise errors.Unavailable("store_down", reason="hold_not_kept")
        return self.lock(key)

    def _demand_locks(self) -> None:
        if not self.abilities().locks:
            raise errors.Conflict("no_object_lock")
