"""Every sentence of the source has an English translation with the same placeholders.

The source language is Chinese: msgids are Chinese sentences in Python, Jinja
templates and nothing else. `--update` brings the catalogue up to date with the
source; new sentences are then empty in it until somebody translates them.
"""

import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "tracker" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
METHODS = [
    ("tracker/static/**", "ignore"),
    ("**.py", "python"),
    ("**.html", "jinja2.ext:babel_extract"),
    ("**.txt", "jinja2.ext:babel_extract"),
]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "_l": None,
    "N_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
OPTIONS = {"**.html": {"silent": "false"}, "**.txt": {"silent": "false"}}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")
HEADER = """# English texts. The ids are the Chinese sentences of the source (docs/decisions/0002).
msgid ""
msgstr ""
"Language: en\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def extract() -> Catalog:
    """All sentences of the source."""
    catalogue = Catalog(locale=None, project="tracker", charset="utf-8")
    for folder in ("tracker", "workers"):
        for name, line, message, comments, context in extract_from_dir(
            ROOT / folder, method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS, strip_comment_tags=True
        ):
            catalogue.add(message, None, [(f"{folder}/{name}", line)], auto_comments=comments, context=context)
    return catalogue


def load() -> Catalog:
    """The English catalogue as it is, empty when there is none."""
    if not CATALOGUE.is_file():
        return Catalog(locale="en", project="tracker", charset="utf-8")
    with CATALOGUE.open("rb") as source:
        return read_po(source, locale="en")


def update() -> None:
    """Write the catalogue with the source's sentences; keep what is translated."""
    english = load()
    english.update(extract(), no_fuzzy_matching=True)
    english.obsolete.clear()
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    # Without the writer's own header, which carries dates and names that only make noise in a comparison.
    with CATALOGUE.open("wb") as target:
        target.write(HEADER.encode())
        write_po(target, english, width=120, sort_output=True, no_location=True, omit_header=True)


def problem(source: Message, english: Message | None) -> str:
    """What is wrong with the translation of one sentence; empty when nothing is."""
    wanted = source.id if isinstance(source.id, str) else source.id[0]
    if english is None or english.fuzzy:
        return "no translation"
    given = [english.string] if isinstance(english.string, str) else list(english.string or ())
    if not given or not all(given):
        return "no translation"
    for text in given:
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(wanted)):
            return f"placeholders differ: {text!r}"
        if CHINESE.search(text) and not CHINESE.search(wanted):
            return f"Chinese in the English text: {text!r}"
    return ""


def main() -> int:
    if "--update" in sys.argv[1:]:
        update()
    source, english = extract(), load()
    bad = 0
    for message in source:
        if message.id and (what := problem(message, english.get(message.id, message.context))):
            place = ":".join(str(part) for part in message.locations[0])
            print(f"{place}: {message.id!r}: {what}")
            bad += 1
    stale = [m for m in english if m.id and source.get(m.id, m.context) is None]
    for message in stale:
        print(f"{CATALOGUE.relative_to(ROOT)}: {message.id!r}: is no longer in the source (make translations)")
    print(f"translations: {len(source)} sentences, {bad} without English, {len(stale)} left over")
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())
