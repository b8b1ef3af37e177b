"""Which language a request is answered in: the person's choice, the cookie, then what the browser asks for."""

from functools import cache
from pathlib import Path

import flask_babel
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_login import current_user

LOCALES = ("zh", "en")
COOKIE = "lang"


@cache
def _english() -> NullTranslations:
    return Translations.load(Path(__file__).parents[1] / "translations", ["en"])


def sentence(message: str) -> str:
    """The text of a message in the language of the request. Chinese is its own text (decisions/0002).

    A page asks for hundreds of these; Flask-Babel's own way looks the catalogue up anew for each.
    """
    locale = flask_babel.get_locale()
    return message if locale is None or locale.language == "zh" else str(_english().ugettext(message))


def gettext(message: str, **values: object) -> str:
    """The sentence in the language of the request, its placeholders filled."""
    text = sentence(message)
    return text % values if values else text


def install(app: Flask) -> None:
    """Lets templates use the short way too; after Babel has installed its own."""
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        sentence, lambda one, many, count: sentence(one if count == 1 else many), newstyle=True
    )


def select() -> str:
    """zh or en; Chinese unless somebody asks for English."""
    if not has_request_context():
        return "zh"
    if "locale" not in g:
        chosen = current_user.row.locale if current_user.is_authenticated else None
        chosen = chosen or request.cookies.get(COOKIE)
        if chosen not in LOCALES:
            asked = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
            chosen = next((language for language in asked if language in LOCALES), "zh")
        g.locale = chosen
    found: str = g.locale
    return found
