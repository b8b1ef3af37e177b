"""Large files in parts over a bad line, whole folders, pasted pictures, and many files for many slots."""

import base64
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.browser.test_owner_story import sign_in, slot_of
from tests.support import files
from tests.support.databases import Database
from tests.support.killing import environment
from tests.support.office import OfficeKit
from tests.support.real_web import RealWeb
from tracker.adapters.embedded import seaweed
from tracker.models import Blob, Upload, Version, evidence_obligation
from tracker.ports import ObjectStore
from tracker.web import reading

MB = 1 << 20
# Parts leave the page only as far as the test lets them: after `line.let(n)` the next ones wait, unsent, for more.
# (A route of Playwright's would carry every megabyte through three processes.)
LINE = """(() => {
    const line = (window.line = { left: 1e9, waiting: [], good: [], let(count) {
        this.left = count;
        while (this.left > 0 && this.waiting.length) {
            this.left -= 1;
            this.waiting.shift()();
        }
    } });
    const { open, send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, address, ...more) {
        this.part = method === "PUT" && Number(address.split("/parts/")[1]);
        this.addEventListener("load", () => this.part && this.status === 200 && line.good.push(this.part));
        return open.call(this, method, address, ...more);
    };
    XMLHttpRequest.prototype.send = function (body) {
        if (this.part && line.left-- <= 0) line.waiting.push(() => send.call(this, body));
        else send.call(this, body);
    };
})()"""


def archive(size: int) -> bytes:
    """A ZIP of that many bytes and a little more, that no pressing makes smaller."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as entries:
        entries.writestr("会议录像说明.txt", os.urandom(size))
    return made.getvalue()


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """Megabytes take their time on a busy machine."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def page(browser: BrowserContext) -> Page:
    made = browser.new_page()
    made.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    made.set_default_timeout(30_000)
    made.add_init_script(LINE)
    sign_in(made)
    return made


@pytest.fixture
def slot(page: Page, office: OfficeKit, session: Session) -> str:
    """A slot of the task page that the clerk has open, ready for files."""
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    return slot_of(session, office, "T01-E2", "Q4")


# -- large files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def web(database: Database, s3: seaweed.Handle, tmp_path: Path) -> Iterator[RealWeb]:
    made = RealWeb(
        environment(
            tmp_path, database, "smtp://127.0.0.1:1", TRACKER_S3_ENDPOINT=s3.endpoint,
            TRACKER_S3_ACCESS_KEY=s3.access, TRACKER_S3_SECRET_KEY=s3.secret,
        ),
        tmp_path,
    )  # fmt: skip
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine parts, the last one small."""
    path = tmp_path_factory.mktemp("large") / "排查会议录像（2026年11月）.zip"
    path.write_bytes(archive(66 * MB))
    return path


def let(page: Page, count: int) -> None:
    """Lets so many more parts leave."""
    page.evaluate("(count) => line.let(count)", count)


def arrived(page: Page, count: int) -> list[int]:
    """Numbers of the parts that the server has acknowledged since the page was loaded, once there are so many."""
    page.wait_for_function("(count) => line.good.length >= count", arg=count, timeout=60_000, polling=100)
    good: list[int] = page.evaluate("line.good")
    return good


ALL = 10**9


def test_a_large_file_survives_a_lost_line_and_a_server_that_falls(
    web: RealWeb, chromium: Any, office: OfficeKit, session: Session, large: Path
) -> None:
    context = chromium.new_context(base_url=web.address, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    page.add_init_script(LINE)
    sign_in(page)
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    slot = slot_of(session, office, "T01-E2", "Q4")

    let(page, 3)
    page.set_input_files(f"{slot} .drop input[multiple]", str(large))
    line = page.locator(f"{slot} .going")
    arrived(page, 3)
    context.set_offline(True)
    let(page, ALL)
    expect(line).to_contain_text("网络恢复后自动继续")
    expect(line).to_contain_text("已传的 24.0 MB 还在")
    let(page, 3)
    context.set_offline(False)  # nobody presses anything: it goes on by itself
    arrived(page, 6)
    web.stop()
    let(page, ALL)
    expect(line).to_contain_text("秒后自动重试")
    web.start()
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text(large.name)
    assert sorted(arrived(page, 9)) == list(range(1, 10)), "a part that had arrived was sent again"
    session.rollback()
    blob = session.scalars(select(Blob).join(Version)).one()
    with large.open("rb") as file:
        assert blob.sha256 == hashlib.file_digest(file, "sha256").hexdigest()
    context.close()


def test_after_a_reload_only_what_is_missing_is_sent(page: Page, slot: str, tmp_path: Path) -> None:
    # As on plain http in the house: the browser does not help with digests.
    page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    page.reload()
    page.check("#no-secret")
    recording, other = tmp_path / "录像.zip", tmp_path / "别的.zip"
    recording.write_bytes(archive(26 * MB))
    other.write_bytes(archive(1 * MB))
    let(page, 2)
    page.set_input_files(f"{slot} .drop input[multiple]", str(recording))
    expect(page.locator("#upload-all")).to_contain_text("可以离开本页")
    before = set(arrived(page, 2))
    page.reload()  # nothing would be lost: nobody is asked
    card = page.locator("#unfinished")
    expect(card.get_by_role("heading")).to_have_text("有 1 个文件没有传完")
    expect(card).to_contain_text(re.compile(r"已传 1\d\.\d MB / 26\.0 MB"))

    # From anywhere else there is a way back to it.
    page.goto("/tasks/2026/T02?period=M10")
    expect(page.locator("#unfinished-elsewhere")).to_have_text("另有 1 个文件在别处没有传完")
    page.goto("/my")
    page.get_by_role("link", name="有 1 个文件没有传完").click()
    expect(page.locator("section.card h2")).to_have_text("录像.zip")
    page.get_by_role("link", name="去任务页接着传").click()
    page.check("#no-secret")
    expect(page.locator("#unfinished-elsewhere")).to_be_hidden()

    page.set_input_files("#unfinished input[type=file]", str(other))
    expect(card).to_contain_text("这不是同一个文件：要选的是“录像.zip”，选到的是“别的.zip”。")
    other.rename(tmp_path / "weg")
    changed = tmp_path / "改过" / "录像.zip"
    changed.parent.mkdir()
    changed.write_bytes(recording.read_bytes()[:-1] + b"!")
    page.set_input_files("#unfinished input[type=file]", str(changed))
    expect(card).to_contain_text("内容或修改时间不同")

    page.set_input_files("#unfinished input[type=file]", str(recording))
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text("录像.zip")
    assert before | set(arrived(page, 2)) == {1, 2, 3, 4}
    assert len(arrived(page, 2)) == 2
    expect(card).to_be_hidden()
    page.reload()
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(1)
    expect(card).to_be_hidden()


def test_a_file_that_the_browser_remembers_goes_on_with_one_click(page: Page, slot: str) -> None:
    page.add_init_script("window.showOpenFilePicker = async () => [window.given]")
    page.reload()
    page.check("#no-secret")
    keep = """async (data) => {
        const folder = await navigator.storage.getDirectory();
        window.given = await folder.getFileHandle("走访录像.zip", { create: true });
        const writer = await window.given.createWritable();
        await writer.write(Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)));
        await writer.close();
    }"""
    page.evaluate(keep, base64.b64encode(archive(9 * MB)).decode())
    let(page, 1)
    page.locator(f"{slot} .drop input[multiple]").dispatch_event("click")
    (first,) = arrived(page, 1)
    page.reload()
    page.get_by_role("button", name="继续").click()
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text("走访录像.zip")
    assert [first, *arrived(page, 1)] in ([1, 2], [2, 1])


class Wire:
    """The line of one page, as slow as the test wants it."""

    def __init__(self, page: Page) -> None:
        self._page = page.context.new_cdp_session(page)
        self._page.send("Network.enable")

    def speed(self, upload: int) -> None:
        """So many bytes a second may leave this page from now on; -1: as many as there are."""
        speeds = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
        self._page.send("Network.emulateNetworkConditions", speeds)


PACE = re.compile(r"^([\d.]+) MB / 26\.0 MB · ([\d.]+) MB/秒 · 剩余 (\d+) 秒$")


def test_a_line_says_how_fast_it_goes_and_how_long_it_takes(page: Page, slot: str, tmp_path: Path) -> None:
    recording = tmp_path / "录像.zip"
    recording.write_bytes(archive(26 * MB))
    wire = Wire(page)
    wire.speed(2 * MB)
    page.set_input_files(f"{slot} .drop input[multiple]", str(recording))
    told = page.locator(f"{slot} .going .told")
    expect(told).to_have_text(PACE)
    expect(page.locator("#upload-all .all-pace")).to_have_text(PACE)
    # What it says is so: no faster than the line, and as long as what is left takes at that speed.
    found = PACE.search(page.evaluate("(element) => element.textContent", told.element_handle()))
    assert found
    done, speed, left = map(float, found.groups())
    assert 0 < speed < 4
    assert abs(left - (26 - done) / speed) <= 0.1 * left + 1
    percent = page.locator(f"{slot} .going .percent")
    expect(percent).to_have_text(re.compile(r"^\d+%$"))
    wire.speed(-1)
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text("录像.zip", timeout=60_000)


def test_a_laptop_that_slept_goes_on_by_itself(
    browser: BrowserContext, office: OfficeKit, session: Session, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    page.clock.install()
    page.add_init_script(LINE)
    sign_in(page)
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    slot = slot_of(session, office, "T01-E2", "Q4")
    recording = tmp_path / "录像.zip"
    recording.write_bytes(archive(30 * MB))
    let(page, 1)
    page.set_input_files(f"{slot} .drop input[multiple]", str(recording))
    arrived(page, 1)
    # The lid closes on parts that are on their way: the line falls silent without a word to anybody. (Chromium does not
    # freeze a page that is shown; the clock that jumps is what the page meets when the lid opens.)
    wire = Wire(page)
    wire.speed(1)
    let(page, ALL)
    # It is much later all of a sudden, and for a moment it stays so: the page tries again within a second or two.
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 20 * 60)
    page.clock.run_for(200)
    expect(page.locator(f"{slot} .going")).to_contain_text("秒后自动重试")
    wire.speed(-1)
    page.clock.resume()
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text("录像.zip", timeout=60_000)
    assert sorted(arrived(page, 4)) == [1, 2, 3, 4], "a part that had arrived was sent again"
    session.rollback()
    with recording.open("rb") as file:
        assert session.scalars(select(Blob.sha256)).one() == hashlib.file_digest(file, "sha256").hexdigest()


def test_a_short_pause_while_the_server_checks_is_not_the_end(page: Page, slot: str, tmp_path: Path) -> None:
    recording = tmp_path / "录像.zip"
    recording.write_bytes(archive(9 * MB))
    asked: list[str] = []

    def finish(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:  # somebody is at it already
            route.fulfill(status=202, json={"state": "finishing"})
        else:
            route.continue_()

    page.route("**/finish", finish)
    with page.expect_response("**/finish"):
        page.set_input_files(f"{slot} .drop input[multiple]", str(recording))
    expect(page.locator(f"{slot} .going")).to_contain_text("正在核对和保存")
    # All at once: the page looks at the server every second and a half.
    page.evaluate("""() => {
        document.querySelector("#upload-all .all-pause").click();
        document.querySelector("#upload-all .all-go").click();
    }""")
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text("录像.zip", timeout=60_000)
    assert len(asked) == 2


def test_a_server_with_its_hands_full_is_asked_again(
    page: Page, slot: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recording = tmp_path / "录像.zip"
    recording.write_bytes(archive(26 * MB))
    let(page, 1)
    page.set_input_files(f"{slot} .drop input[multiple]", str(recording))
    arrived(page, 1)
    monkeypatch.setattr(reading, "AGAIN", 1)
    monkeypatch.setattr(reading, "places", reading.Places(0))
    let(page, ALL)
    expect(page.locator(f"{slot} .going")).to_contain_text("服务器正在接收很多文件")
    monkeypatch.setattr(reading, "places", reading.Places(1))  # one part at a time, whoever asks
    expect(page.locator(f"{slot} [data-draft]")).to_contain_text("录像.zip", timeout=60_000)
    assert sorted(arrived(page, 4)) == [1, 2, 3, 4]


def test_the_digest_for_houses_without_https_is_the_real_one(page: Page, slot: str) -> None:
    found = page.evaluate("""async () => {
        const { src } = document.querySelector('script[src$="js/upload.js"]');
        const { slowSha256, partDigest } = await import(src.replace("upload.js", "upload_digest.js"));
        const wrong = [];
        for (const size of [0, 1, 55, 56, 63, 64, 119, 1000, 131_072]) {
            const bytes = Uint8Array.from({ length: size }, (_, place) => (place * 7 + size) % 256);
            if (slowSha256(bytes) !== (await partDigest(bytes.buffer))) wrong.push(size);
        }
        return wrong;
    }""")
    assert found == []


def test_paused_files_rest_and_cancelled_ones_leave_nothing(
    page: Page, slot: str, session: Session, store: ObjectStore, tmp_path: Path
) -> None:
    recording = tmp_path / "录像.zip"
    recording.write_bytes(archive(26 * MB))
    let(page, 3)
    page.set_input_files(f"{slot} .drop input[multiple]", str(recording))
    arrived(page, 3)
    line = page.locator(f"{slot} .going")
    line.get_by_role("button", name="暂停").click()
    expect(line).to_contain_text("已传 ")
    expect(line.get_by_role("button", name="继续")).to_be_visible()
    line.get_by_role("button", name="取消").click()
    line.get_by_role("button", name="再点一次就取消").click()
    expect(line).to_have_count(0)
    expect(page.locator("#upload-all")).to_be_hidden()
    page.reload()
    expect(page.locator("#unfinished")).to_be_hidden()
    session.rollback()
    assert list(session.scalars(select(Upload.state))) == ["cancelled"]
    assert not list(session.scalars(select(Version.id)))
    ticket = session.scalars(select(Upload.ticket)).one()
    assert ticket not in [pending for _key, pending, _begun in store.pending_parts()]


def test_a_large_file_that_is_something_else_is_refused_with_its_first_part(
    page: Page, slot: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "其实不是.pdf"
    wrong.write_bytes(os.urandom(26 * MB))
    page.set_input_files(f"{slot} .drop input[multiple]", str(wrong))
    line = page.locator(f"{slot} .going")
    expect(line).to_contain_text("不符")
    expect(line.locator(".retry")).to_be_hidden()


# -- folders, the clipboard, the camera ----------------------------------------------------------------------------


def test_a_folder_gives_its_files_and_leaves_out_what_systems_put_there(
    page: Page, slot: str, session: Session, tmp_path: Path
) -> None:
    folder = tmp_path / "四季度材料"
    (folder / "十一月").mkdir(parents=True)
    (folder / "会议记录一.pdf").write_bytes(files.pdf("一"))
    (folder / "十一月" / "会议记录二.pdf").write_bytes(files.pdf("二"))
    (folder / "空白.pdf").touch()
    for name in (".DS_Store", "Thumbs.db", "~$会议记录一.docx"):
        (folder / name).write_bytes(b"x")
    page.set_input_files(f"{slot} .drop input[webkitdirectory]", str(folder))
    expect(page.locator("#flashes")).to_contain_text("没有上传系统文件和隐藏文件")
    expect(page.locator("#flashes")).to_contain_text("共 3 个")
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(2)
    expect(page.locator(f"{slot} .going")).to_contain_text("空文件")
    session.rollback()
    assert sorted(session.scalars(select(Version.file_name))) == ["会议记录一.pdf", "会议记录二.pdf"]


FOLDER = """([slot, pdf]) => {
    const bytes = Uint8Array.from(atob(pdf), (letter) => letter.charCodeAt(0));
    const leaf = (name, mark) => ({ isFile: true, name, file: (good) => good(new File([bytes, mark], name)) });
    const folder = (name, children) => ({ isFile: false, isDirectory: true, name, createReader: () => {
        const batches = [children.slice(0, 2), children.slice(2), []];
        return { readEntries: (good) => good(batches.shift() ?? []) };
    } });
    const inner = folder("乙", [leaf("丙.pdf", "2"), leaf("desktop.ini", "")]);
    const tree = folder("台账", [leaf("甲.pdf", "1"), leaf(".hidden", ""), inner]);
    const items = [{ kind: "file", webkitGetAsEntry: () => tree, getAsFile: () => null }];
    const target = document.querySelector(slot);
    for (const kind of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(kind, { bubbles: true, cancelable: true });
        Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items, files: [] } });
        target.dispatchEvent(event);
    }
}"""


def test_a_dropped_folder_is_walked_to_its_last_leaf(page: Page, slot: str) -> None:
    page.evaluate(FOLDER, [slot, base64.b64encode(files.pdf()).decode()])
    expect(page.locator(f"{slot} [data-draft]")).to_have_count(2)
    expect(page.locator("#flashes")).to_contain_text(".hidden、desktop.ini")


PASTE = """([name, data]) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
    const event = new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
}"""


def test_a_screenshot_is_pasted_where_the_pointer_is_or_where_the_person_says(
    page: Page, slot: str, office: OfficeKit, session: Session, tmp_path: Path
) -> None:
    shots = []
    for shade in (1, 2):
        path = tmp_path / f"{shade}.png"
        Image.new("RGB", (40, 30), (shade, 90, 60)).save(path)
        shots.append(base64.b64encode(path.read_bytes()).decode())
    page.locator(f"{slot} .slot-head h2").hover()
    page.evaluate(PASTE, ["image.png", shots[0]])
    draft = page.locator(f"{slot} [data-draft]")
    expect(draft.locator(".name")).to_have_text(re.compile(r"^截图_\d{8}_\d{6}\.png$"))

    page.mouse.move(2, 2)
    page.evaluate(PASTE, ["image.png", shots[1]])
    dialog = page.get_by_role("dialog", name="放到哪一份材料里？")
    dialog.get_by_role("button", name="排查台账（2026年10月）").click()
    ledger = slot_of(session, office, "T01-E3", "M10")
    expect(page.locator(f"{ledger} [data-draft] .name")).to_have_text(re.compile(r"^截图_"))
    expect(draft).to_have_count(1)


def test_a_phone_offers_its_camera(phone: Any, office: OfficeKit, session: Session) -> None:
    page = phone.new_page()
    sign_in(page)
    page.goto("/tasks/2026/T01?period=Q4")
    page.check("#no-secret")
    slot = slot_of(session, office, "T01-E2", "Q4")
    expect(page.locator(f"{slot} .touch-only .link-like")).to_be_visible()
    taken: Any = {"name": "image.jpg", "mimeType": "image/jpeg", "buffer": files.jpg()}
    page.set_input_files(f"{slot} .drop input[capture]", taken)
    expect(page.locator(f"{slot} [data-draft] .name")).to_have_text(re.compile(r"^拍照_\d{8}_\d{6}\.jpg$"))


# -- many files on many slots --------------------------------------------------------------------------------------


def test_many_files_find_their_slots_and_a_person_puts_the_rest_right(
    page: Page, office: OfficeKit, session: Session
) -> None:
    minutes, october, november = (
        str(office.obligation(session, code, cycle).id)
        for code, cycle in (("T01-E2", "Q4"), ("T01-E3", "M10"), ("T02-E1", "M11"))
    )
    page.goto("/my")
    page.get_by_role("link", name="一次上传多个文件").click()
    names = [
        "第四季度排查会议记录（定稿）.pdf",
        "排查台账2026年10月.pdf",
        "扫描件0001.pdf",
        "扫描件0002.pdf",
        "Thumbs.db",
    ]
    given: Any = [{"name": name, "mimeType": "", "buffer": files.pdf(name)} for name in names]
    page.set_input_files("#sort-choose", given)
    expect(page.locator("#files-title")).to_have_text("4 个文件，2 个有去处，2 个请您选择")
    row = {name: page.locator(".sort-row", has_text=name) for name in names}
    expect(row[names[0]].locator("select")).to_have_value(minutes)
    expect(row[names[1]].locator("select")).to_have_value(october)
    expect(row[names[2]]).to_contain_text("没有认出来，请选择")

    # One is dragged onto its slot, one is chosen from the list.
    row[names[2]].locator(".name").drag_to(page.locator(f"[data-place='{november}']"))
    expect(row[names[2]].locator("select")).to_have_value(november)
    row[names[3]].locator("select").select_option(minutes)
    expect(page.locator(f"[data-place='{minutes}'] .badge")).to_have_text("2")
    page.click("#sort-go")
    expect(page.locator("#flashes")).to_contain_text("请先在上面勾选")
    page.check("#no-secret")
    page.click("#sort-go")
    expect(page.locator("#done-title")).to_have_text("4 个文件已成为草稿")
    expect(page.locator(".sort-row, .going")).to_have_count(0)
    session.rollback()
    where = select(Version.file_name, evidence_obligation.c.obligation_id).join(
        evidence_obligation, evidence_obligation.c.evidence_id == Version.evidence_id
    )
    drafts = {row.file_name: row.obligation_id for row in session.execute(where)}
    assert drafts == {
        names[0]: int(minutes), names[1]: int(october), names[2]: int(november), names[3]: int(minutes)
    }  # fmt: skip
    page.get_by_role("link", name="T02 网格巡查月报 2026年11月：1 个文件").click()
    expect(page.locator("[data-draft]")).to_contain_text("扫描件0001.pdf")
