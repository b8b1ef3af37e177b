"""Every code that the product raises has a sentence of its own."""

import re
from pathlib import Path

from tracker.web.messages import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
RAISED = re.compile(r"\b(?:InvalidInput|Forbidden|NotFound|Conflict|Unavailable)\(\s*\"(\w+)\"")


def test_every_code_has_a_sentence() -> None:
    raised = {
        (code, path.relative_to(ROOT).as_posix())
        for folder in ("tracker", "workers")
        for path in (ROOT / folder).rglob("*.py")
        for code in RAISED.findall(path.read_text(encoding="utf-8"))
    }
    assert len(raised) > 50
    assert sorted(place for place in raised if place[0] not in SENTENCES) == []
