"""Whether a worker listens to the broker, and how much waits for it; asked of Redis itself."""

from dataclasses import dataclass

import redis

QUEUE = "celery"


@dataclass(frozen=True)
class Listening:
    """`worker`: somebody is subscribed to the workers' control channels. `waiting`: messages in the queue."""

    worker: bool
    waiting: int


def look(url: str, timeout: float = 1.0) -> Listening | None:
    """None when Redis does not answer."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
            # Workers subscribe by pattern, and nothing else of ours does.
            return Listening(client.pubsub_numpat() > 0, int(client.llen(QUEUE)))
    except (redis.RedisError, OSError):
        return None
