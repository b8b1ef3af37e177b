"""文号 and 责任者 as a name or a first page states them: proposals, always to be confirmed by a person.

A number is given back in the form of GB/T 9704: hexagonal brackets, Arabic digits, no blanks, no leading zeros:
津滨大港发〔2026〕3号. What is not plainly the document's own number is left alone: a body that cites
another document's number must not lend it to this one.
"""

import re
import unicodedata
from itertools import islice, pairwise

_OPEN, _CLOSE = "〔［【（〖《<\\[(［〈﹝", "〕］】）〗》>\\])］〉﹞"
_HAN = "一-鿿"
_GAP = r"[ \t　]{0,3}"
_DIGITS = rf"(?P<number>\d(?:[ \t]?\d){{0,5}}|[〇零一二三四五六七八九十百]{{1,6}}){_GAP}"
_NUMBER = re.compile(
    rf"(?P<code>[{_HAN}A-Za-z·]{{0,24}}){_GAP}[{_OPEN}]{_GAP}(?P<year>(?:19|20)\d\d){_GAP}年?[{_CLOSE}]{_GAP}"
    rf"(?P<court>[{_HAN}]{{1,4}}\d{{2,6}}[{_HAN}]{{1,6}})?(?P<th>第)?{_GAP}{_DIGITS}号"
)
_DECREE = re.compile(
    rf"(?P<code>[{_HAN}]{{0,24}}(?:令|公告|通告)){_GAP}(?:(?P<year>(?:19|20)\d\d)年)?第{_GAP}{_DIGITS}号"
)
# What may stand before a number without belonging to it; the code begins after the last of these.
_BEFORE = re.compile(
    r"根据|按照|依据|依照|遵照|转发|印发|落实|贯彻|执行|参照|附件|文号|编号|发文|收文|抄送|文件|通知|意见|方案|决定|批复|"
    r"关于|[年月日的见和及与号版稿]"
)
# Another document's number follows on these.
_CITING = re.compile(r"(?:根据|按照|依据|依照|遵照|转发|落实|贯彻|执行|参照|收到|答复)$")
_CODE_LIMIT = 14  # characters; 津滨海新区政办发 has eight
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_LINES = 25  # of a first page; the number stands above the title
_BESIDE = 24  # characters beside a number on its line: 签发人 and a name

_ORGAN = (
    r"(?:办事处|人民政府|委员会|工委|办公室|街道|街道办|镇政府|乡政府|管委会|司法所|派出所|检察院|法院|支队|大队|中队|"
    r"中心|居委会|村委会|社区|[制访治建政平安监]办|事务所|公司|学校|医院|[\u4e00-\u9fff]{2}[局部厅院委])"
)
_ABOUT = re.compile(rf"^(?P<organ>[{_HAN}（）]{{0,28}}?{_ORGAN})(?:关于|印发|转发)")
_HEADING = re.compile(rf"^(?P<organ>[{_HAN}（）]{{0,30}}{_ORGAN})(?:\(.{{1,6}}\)|（.{{1,6}}）)?文件$")
_SIGNED = re.compile(rf"^(?P<organ>[{_HAN}（）]{{0,30}}{_ORGAN})$")
_DAY = re.compile(r"^(?:20\d\d|二[〇○零][〇○零一二三四五六七八九]{2})年.{1,3}月.{1,3}日$")
_CHINESE = {"〇": 0, "零": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}


def _plain(text: str) -> str:
    """Full-width letters, digits and brackets as their usual twins; other characters stay."""
    return "".join(unicodedata.normalize("NFKC", char) if "！" <= char <= "～" else char for char in text)


def _value(text: str) -> int:
    """A number in Arabic or Chinese digits."""
    text = re.sub(r"\s", "", text)
    if text.isdigit() and text.isascii():
        return int(text)
    if not set(text) & {"十", "百"}:
        return int("".join(str(_CHINESE[char]) for char in text))
    total, digit = 0, 0
    for char in text:
        if char in _CHINESE:
            digit = _CHINESE[char]
        else:
            total, digit = total + (digit or 1) * (10 if char == "十" else 100), 0
    return total + digit


def _code(text: str) -> tuple[str, str]:
    """What stands before the bracket: words of the sentence, and the code of the organ ("" when too long for one)."""
    found = list(_BEFORE.finditer(text))
    cut = found[-1].end() if found else 0
    return text[:cut], text[cut:] if len(text) - cut <= _CODE_LIMIT else ""


def _written(found: re.Match[str]) -> str:
    before, code = _code(found["code"])
    number = _value(found["number"])
    if number == 0 or _CITING.search(before):
        return ""
    year = f"〔{found['year']}〕"
    if found["court"]:
        return f"{year}{found['court']}{number}号"
    # 第 is kept where nothing else says whose number it is.
    return f"{code}{year}{'第' if found['th'] and not code else ''}{number}号"


def _decree(found: re.Match[str]) -> str:
    year = f"{found['year']}年" if found["year"] else ""
    number = _value(found["number"])
    return f"{found['code']}{year}第{number}号" if number else ""


def normalise(text: str) -> str:
    """A number as typed by a person, in the usual form where it is one; else only trimmed."""
    plain = _plain(text).strip()
    for pattern, write in ((_NUMBER, _written), (_DECREE, _decree)):
        found = pattern.fullmatch(plain)
        if found and (written := write(found)):
            return written
    return " ".join(text.split())


def guess_number(file_name: str, text: str = "") -> str:
    """The 文号 that the name states, else the one on a line of its own at the head of the first page; else ""."""
    name = _EXTENSION.sub("", _plain(file_name)).replace("_", " ")
    stated = {written for found in _NUMBER.finditer(name) if (written := _written(found))}
    stated = stated or {written for found in _DECREE.finditer(name) if (written := _decree(found))}
    if stated:
        return stated.pop() if len(stated) == 1 else ""  # two of them: nobody can say which is its own
    for line in _head(text):
        for pattern, write in ((_NUMBER, _written), (_DECREE, _decree)):
            found = pattern.match(line)
            if found and len(line) - found.end() <= _BESIDE and (written := write(found)):
                return written
    return ""


def guess_issuer(file_name: str, text: str = "", company: str = "") -> str:
    """The 责任者: from the name (…关于…), the red heading (…文件), the title, the signature, the program's company."""
    name = _EXTENSION.sub("", _plain(file_name))
    name = re.sub(r"^[\d\s.、_\-—()（）]+", "", name)
    if found := _ABOUT.match(name):
        return _organ(found)
    lines = list(_head(text))
    for pattern in (_HEADING, _ABOUT):
        for line in lines:
            if found := pattern.match(line.replace(" ", "")):
                return _organ(found)
    for line, following in pairwise(lines):
        if _DAY.match(following.replace(" ", "")) and (found := _SIGNED.match(line.replace(" ", ""))):
            return _organ(found)
    company = " ".join(company.split())
    return company if _SIGNED.match(company) else ""


def _organ(found: re.Match[str]) -> str:
    return found["organ"].strip("（）()")


def _head(text: str) -> list[str]:
    """The first lines that are not blank."""
    lines = (" ".join(_plain(line).split()) for line in text.splitlines())
    return list(islice((line for line in lines if line), _LINES))
