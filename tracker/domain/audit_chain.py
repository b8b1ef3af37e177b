"""How events of the audit log are chained: what the digest of one is made of (invariant I6)."""

import hashlib
import json
from typing import Any

GENESIS = "0" * 64  # what the first event follows


def body_digest(body: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of an event's body, its predecessor's digest included."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
