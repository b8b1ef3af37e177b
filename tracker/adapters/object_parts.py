"""Objects that come in parts (S3 multipart upload). Every part is checked by the store against our SHA-256."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from minio.datatypes import Part
from minio.error import S3Error

from tracker import errors
from tracker.adapters.s3 import S3Bucket, outside

GONE = {"NoSuchUpload", "NoSuchKey"}
REFUSED_CHECKSUM = {"NotImplemented", "InvalidArgument", "InvalidRequest"}
WRONG_CHECKSUM = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
PROBE = "probe/checksum"


def checksum_header(sha256: str) -> dict[str, str | list[str] | tuple[str]]:
    """The header by which a store compares the body with our digest before it acknowledges."""
    return {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode()}


class PartsMixin(S3Bucket):
    """The part of the store that takes objects in parts.

    The SDK has no public call for a single part; its own `put_object` uses the ones that are used here.
    """

    _checks: bool | None = None

    def begin_parts(self, key: str) -> str:
        """See `ports.ObjectStore.begin_parts`."""
        with outside():
            return self._asking._create_multipart_upload(self.bucket, key, {})

    def put_part(self, key: str, ticket: str, number: int, data: bytes, sha256: str) -> str:
        """See `ports.ObjectStore.put_part`."""
        with outside():
            try:
                etag = self._moving._upload_part(self.bucket, key, data, checksum_header(sha256), ticket, number)
            except S3Error as error:
                if error.code in GONE:
                    raise errors.NotFound("upload_gone") from error
                if error.code not in REFUSED_CHECKSUM:
                    raise
                # An older store that does not know the header.
                etag = self._moving._upload_part(self.bucket, key, data, None, ticket, number)
        # The etag of a part is the MD5 of what the store took in: all that a store says that checks nothing.
        if not self.checks_checksums() and etag != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise errors.Unavailable("store_down", reason="digest_differs")
        return etag

    def finish_parts(self, key: str, ticket: str, parts: Sequence[tuple[int, str]], size: int) -> None:
        """See `ports.ObjectStore.finish_parts`."""
        with outside():
            try:
                self._moving._complete_multipart_upload(
                    self.bucket, key, ticket, [Part(number, etag) for number, etag in parts]
                )
            except S3Error as error:
                if error.code not in GONE:
                    raise
                if self.size(key) != size:  # not what an earlier call, whose answer was lost, has finished
                    raise errors.NotFound("upload_gone") from error
        if self.size(key) != size:
            raise errors.Unavailable("store_down", reason="size_differs")

    def drop_parts(self, key: str, ticket: str) -> None:
        """See `ports.ObjectStore.drop_parts`."""
        with outside():
            try:
                self._asking._abort_multipart_upload(self.bucket, key, ticket)
            except S3Error as error:
                if error.code not in GONE:
                    raise

    def pending_parts(self) -> Iterator[tuple[str, str, datetime]]:
        """See `ports.ObjectStore.pending_parts`."""
        key_marker = ticket_marker = None
        while True:
            with outside():
                page = self._asking._list_multipart_uploads(
                    self.bucket, key_marker=key_marker, upload_id_marker=ticket_marker
                )
            for pending in page.uploads:
                begun = pending.initiated_time or datetime.max.replace(tzinfo=UTC)
                yield pending.object_name, str(pending.upload_id), begun
            if not page.is_truncated:
                return
            key_marker, ticket_marker = page.next_key_marker, page.next_upload_id_marker

    def checks_checksums(self) -> bool:
        """Whether the store refuses bytes that do not match the checksum; asked once, leaves nothing behind."""
        if self._checks is None:
            self._checks = self._refuses_a_wrong_checksum()
        return self._checks

    def _refuses_a_wrong_checksum(self) -> bool:
        ticket = self.begin_parts(PROBE)
        try:
            with outside():
                self._moving._upload_part(
                    self.bucket, PROBE, b"probe", checksum_header(hashlib.sha256(b"other").hexdigest()), ticket, 1
                )
        except errors.Unavailable as error:
            if error.data.get("reason") in WRONG_CHECKSUM:
                return True
            raise
        else:
            return False
        finally:
            with suppress(errors.Unavailable):  # a slow store has answered already; what stays is swept
                self.drop_parts(PROBE, ticket)
