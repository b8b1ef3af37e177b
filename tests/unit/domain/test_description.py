"""文号, 责任者 and pages as people type them."""

import pytest

from tracker.domain.description import Description, check_description, normal_doc_no
from tracker.errors import InvalidInput


@pytest.mark.parametrize(
    "typed", ["津滨大街发[2026] 3号", "津滨大街发（2026）3号", "津滨大街发【2026】３号", "津滨大街发〔2026〕3号"]
)
def test_the_brackets_of_the_year_are_made_alike(typed: str) -> None:
    assert normal_doc_no(typed) == "津滨大街发〔2026〕3号"


def test_other_numbers_keep_their_brackets() -> None:
    assert normal_doc_no("第(3)号") == "第(3)号"


def test_what_is_kept() -> None:
    assert check_description(doc_no="", issuer=" 大港街道\n办事处 ", pages="12") == Description(
        "", "大港街道 办事处", 12
    )
    assert check_description(pages=" ").pages is None


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"doc_no": "字" * 121}, "doc_no_long", "doc_no"),
        ({"issuer": "字" * 201}, "issuer_long", "issuer"),
        ({"pages": "0"}, "pages_invalid", "pages"),
        ({"pages": "100000"}, "pages_invalid", "pages"),
        ({"pages": "十"}, "pages_invalid", "pages"),
        ({"pages": "-1"}, "pages_invalid", "pages"),
    ],
)
def test_what_is_refused(values: dict[str, str], code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_description(**values)
    assert (caught.value.code, caught.value.data["field"]) == (code, field)
