"""Which language a request is answered in: the person's choice, the cookie, then what the browser asks for."""

import flask_babel
from flask import g, has_request_context, request
from flask_login import current_user

LOCALES = ("zh", "en")
COOKIE = "lang"


def gettext(message: str, **values: object) -> str:
    """The sentence in the language of the request; a typed door to Flask-Babel."""
    return str(flask_babel.gettext(message, **values))


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
