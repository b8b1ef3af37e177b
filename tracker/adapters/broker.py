"""The broker (Redis): only whether it answers. What it carries is the workers' business."""

import redis


def state(url: str, timeout: float = 2.0) -> str:
    """ok, refused (a wrong password or a full disk) or redis_down."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        return "refused" if isinstance(error, redis.AuthenticationError) else "redis_down"
    except redis.RedisError:
        return "refused"
    return "ok"
