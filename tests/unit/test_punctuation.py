"""Chinese punctuation belongs into sentences that are translated, or into helpers that know the language."""

import re
from pathlib import Path

import pytest
from flask import Flask

from tracker.web.filters import bracketed, clauses, headed, listed, register
from tracker.web.locale import install, speaking

TEMPLATES = Path(__file__).resolve().parents[2] / "tracker" / "templates"
SIGNS = re.compile("[，、；：（）。「」]")
# Comments, translated sentences, and what only a Chinese page shows: numerals of parts.
SAID = re.compile(
    r"""
    \{\#.*?\#\} | _\(\s*'(?:[^'\\]|\\.)*' | _\(\s*"(?:[^"\\]|\\.)*"
    | (?:no_zh|part_no)\ ~\ '、'\ if\ not\ (?:english|is_english\(\)) | \{\{\ [\w.]+no_zh\ \}\}、
    """,
    re.VERBOSE | re.DOTALL,
)
# A message as a robot gets it, and the name of a department without its remark.
AS_THEY_ARE = ("【法治任务】逾期2项（2026-10-13）", "partition('（')")


def test_no_template_joins_words_by_itself() -> None:
    found = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            rest = SAID.sub("", line)
            for known in AS_THEY_ARE:
                rest = rest.replace(known, "")
            if SIGNS.search(rest):
                found.append(f"{path.relative_to(TEMPLATES)}:{number}: {rest.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("zh", ["T01、T02", "一；二", "台账：十月.pdf", "台账（十月）"]),
        ("en", ["T01, T02", "一; 二", "台账: 十月.pdf", "台账 (十月)"]),
    ],
)
def test_the_helpers_know_the_language(locale: str, said: list[str]) -> None:
    with english_too().test_request_context(), speaking(locale):
        assert [listed(["T01", "T02"]), clauses("一二"), headed("台账", "十月.pdf"), "台账" + bracketed("十月")] == said


def test_who_comes_first_does_not_settle_the_language() -> None:
    """Jinja works out what it takes for constant when it reads a template."""
    app = english_too()
    register(app)
    page = app.jinja_env.from_string(
        "{{ ['T01', 'T02']|listed }} {{ {'name_zh': '甲', 'name_en': 'A'}|zh_en('name') }}"
    )
    for locale, said in (("zh", "T01、T02 甲"), ("en", "T01, T02 A"), ("zh", "T01、T02 甲")):
        with app.test_request_context(), speaking(locale):
            assert page.render() == said


def english_too() -> Flask:
    app = Flask("tracker", static_folder=None)
    install(app)
    return app
