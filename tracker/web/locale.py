"""Which language is spoken: a request's is the person's choice, the cookie, then what the browser asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from gettext import NullTranslations, translation
from pathlib import Path

from flask import Flask, g, has_request_context, request
from flask_login import current_user

LOCALES = ("zh", "en")
COOKIE = "lang"
_spoken: ContextVar[str | None] = ContextVar("language of what is written for somebody else", default=None)


@contextmanager
def speaking(locale: str | None) -> Iterator[None]:
    """Speaks zh or en meanwhile, whoever asks: a mail or a feed is in its reader's language, zh when he chose none."""
    before = _spoken.set(locale if locale in LOCALES else LOCALES[0])
    try:
        yield
    finally:
        _spoken.reset(before)


def language() -> str:
    """zh or en: of the reader who is written to, else of the request."""
    return _spoken.get() or select()


def select() -> str:
    """The language of the request; Chinese unless somebody asks for English."""
    if not has_request_context():
        return "zh"
    found: str | None = g.get("locale")
    if found is None:
        chosen = current_user.row.locale if current_user.is_authenticated else None
        chosen = chosen or request.cookies.get(COOKIE)
        if chosen not in LOCALES:
            asked = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
            chosen = next((language for language in asked if language in LOCALES), "zh")
        g.locale = found = chosen
    return found


@cache
def _english() -> NullTranslations:
    return translation("messages", Path(__file__).parents[1] / "translations", ["en"], fallback=True)


def sentence(message: str) -> str:
    """The text of a message in the language spoken. Chinese is its own text (decisions/0002)."""
    return message if language() == "zh" else _english().gettext(message)


def gettext(message: str, **values: object) -> str:
    """The sentence in the language spoken, its placeholders filled."""
    text = sentence(message)
    return text % values if values else text


@cache
def speaker(locale: str) -> Callable[..., str]:
    """`gettext` of zh or en: a page is all in one language, and asks for it once instead of at each of its words."""
    translated = _english().gettext if locale == "en" else str

    def speak(message: str, **values: object) -> str:
        text = translated(message)
        return text % values if values else text

    return speak


def per_language(words: Callable[[], dict[str, str]]) -> Callable[[], dict[str, str]]:
    """Words by their codes, put together once for each language; whoever asks may read them and not change them."""
    made: dict[str, dict[str, str]] = {}

    @wraps(words)
    def in_language() -> dict[str, str]:
        locale = language()
        if locale not in made:
            made[locale] = words()
        return made[locale]

    return in_language


def install(app: Flask) -> None:
    """Gives the templates `_`."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        sentence, lambda one, many, count: sentence(one if count == 1 else many), newstyle=True
    )
