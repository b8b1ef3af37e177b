"""The administrator's pages, as a browser without scripts meets them."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.models import AuditEvent, CalendarYear, Department, Period, Task, User

PAGES = (
    "/admin/people",
    "/admin/people/new",
    "/admin/people/departments",
    "/admin/catalogue",
    "/admin/calendar",
    "/admin/system",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_open(client: FlaskClient, login: Any, office: Any, path: str, language: str) -> None:
    login("sysadmin")
    client.set_cookie("lang", language)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


def test_year_without_table_is_shown(client: FlaskClient, login: Any) -> None:
    login("legal_head")
    answer = client.get("/admin/calendar?year=2031")
    assert answer.status_code == 200
    assert "2031 年节假日表未导入" in answer.text
