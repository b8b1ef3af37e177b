"""Whether a worker listens to the broker, and how much waits for it; asked of Redis itself."""

from dataclasses import dataclass

import redis

QUEUE = "celery"


@dataclass(frozen=True)
class Listening:
    """`worker`: somebody is subscribed to the workers' control channel. `waiting`: messages in the queue."""

    worker: bool
    waiting: int


def look(url: str, timeout: float = 1.0) -> Listening | None:
    """None when Redis does not answer."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
            channels = client.pubsub_channels("*celery.pidbox*")
            return Listening(bool(channels), int(client.llen(QUEUE)))
    except (redis.RedisError, OSError):
        return None
