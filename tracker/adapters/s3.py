"""What every part of the S3 adapter stands on: the clients, their errors as ours, and chunks of an answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from tracker import config, errors

CHUNK = 256 << 10
MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion", "ResourceNotFound"}
FULL = {"InsufficientStorage", "XMinioStorageFull"}
NO_RETRY = urllib3.Retry(total=0, read=False, redirect=0)


@contextmanager
def outside(missing: str = "blob_missing") -> Iterator[None]:
    """Turns the SDK's and the network's failures into ours; `missing`: the code for what is not there."""
    try:
        yield
    except S3Error as error:
        if error.code in MISSING:
            raise errors.NotFound(missing) from error
        # It answers and cannot: a full disk, most often. Waiting alone does not help, so another sentence is due.
        ails = error.code in FULL or error.response.status in {500, 507}
        raise errors.Unavailable("store_ails" if ails else "store_down", reason=error.code) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError, ParseError, UnicodeDecodeError) as error:
        raise errors.Unavailable("store_down", reason=type(error).__name__) from error


class ObjectChunks(Iterator[bytes]):
    """Chunks of an open answer of the store; closes itself at the end, and `close()` may be called before it."""

    def __init__(self, response: urllib3.BaseHTTPResponse | None) -> None:
        self._response = response

    def __next__(self) -> bytes:
        if self._response is None:
            raise StopIteration
        try:
            chunk = self._response.read(CHUNK)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.close()
            raise errors.Unavailable("store_down") from error
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response.release_conn()
            self._response = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class S3Bucket:
    """One bucket and two ways to speak to its server. Safe to share between threads."""

    def __init__(self, settings: config.StoreSettings) -> None:
        self.bucket = settings.bucket
        # A store that is down must be known within some three seconds, so questions are asked over connections
        # that wait briefly. Bytes get more time; a refused connection still ends at once.
        self._asking = self._client(settings, connect=1.0, read=2.0)
        self._moving = self._client(settings, connect=1.0, read=30.0)

    @staticmethod
    def _client(settings: config.StoreSettings, *, connect: float, read: float) -> Minio:
        return Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=settings.secure,
            region="us-east-1",  # named, or the SDK asks the store for it before the first call
            http_client=urllib3.PoolManager(
                maxsize=16, timeout=urllib3.Timeout(connect=connect, read=read), retries=NO_RETRY
            ),
        )

    def size(self, key: str) -> int | None:
        """See `ports.ObjectStore.size`."""
        try:
            with outside():
                return self._asking.stat_object(self.bucket, key).size
        except errors.NotFound:
            return None

    def exists(self, key: str) -> bool:
        return self.size(key) is not None
