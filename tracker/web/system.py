"""Is the machine alive: passes, workers, mail, store, database and disk on one page; and a test mail."""

import shutil
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from tracker.adapters import listening, mail
from tracker.db import db
from tracker.domain.permissions import Action
from tracker.errors import TrackerError, Unavailable
from tracker.queries import custody
from tracker.queries import system as reads
from tracker.queries.calendar import load_calendar
from tracker.web import base, health
from tracker.web.admin import page
from tracker.web.filters import listed, size
from tracker.web.locale import gettext as _
from tracker.web.mail_troubles import state_words, transport_words, trouble_words
from tracker.web.messages import SENTENCES, explain

blueprint = Blueprint("system", __name__, url_prefix="/admin/system")
# How often a pass comes (workers/schedule.py), and after how long a silence somebody should look.
EVERY = {"sweep": timedelta(minutes=15), "deliver": timedelta(minutes=5)}
SILENT = {"sweep": timedelta(minutes=40), "deliver": timedelta(minutes=20)}
DELIVERY_HOURS = range(8, 18)
LITTLE_DISK = 2 << 30  # bytes


def ago(instant: datetime, now: datetime) -> str:
    """3分钟前, 5小时前, 2天前."""
    minutes = max(0, int((now - instant).total_seconds() // 60))
    if minutes < 1:
        return _("刚刚")
    if minutes < 120:
        return _("%(count)s分钟前", count=minutes)
    if minutes < 48 * 60:
        return _("%(count)s小时前", count=minutes // 60)
    return _("%(count)s天前", count=minutes // (24 * 60))


def _next(job: str, now: datetime) -> datetime:
    """The next full step of the schedule; delivery rests at night."""
    local = now.astimezone(base.zone()).replace(second=0, microsecond=0)
    step = int(EVERY[job].total_seconds() // 60)
    upcoming = local + timedelta(minutes=step - local.minute % step)
    if job == "deliver" and upcoming.hour not in DELIVERY_HOURS:
        day = upcoming.date() if upcoming.hour < DELIVERY_HOURS.start else upcoming.date() + timedelta(1)
        upcoming = datetime.combine(day, datetime.min.time(), base.zone()).replace(hour=DELIVERY_HOURS.start)
    return upcoming


def _pass(job: str, line: reads.JobLine | None, now: datetime) -> dict[str, Any]:
    local = now.astimezone(base.zone())
    resting = job == "deliver" and local.hour not in DELIVERY_HOURS
    silent = line is None or line.good_at is None or now - line.good_at > SILENT[job]
    if line is not None and line.error:
        light, word = "red", _("上次出错")
    elif line is None:
        light, word = "yellow", _("还没有运行过")
    elif silent and not resting:
        light, word = "red", _("太久没有运行")
    else:
        light, word = "green", _("正常")
    return {
        "name": {"sweep": _("每日检查（到期、过期、提醒）"), "deliver": _("发送提醒邮件")}[job],
        "light": light,
        "word": word,
        "line": line,
        "ago": ago(line.started_at, now) if line else "",
        "result": _result_words(line.result) if line else "",
        "next": _next(job, now),
    }


def _result_words(result: dict[str, Any]) -> str:
    words = {
        "examined": _("检查 %(count)s 个期次"),
        "became_due_soon": _("临期 %(count)s"),
        "became_overdue": _("逾期 %(count)s"),
        "became_stale": _("过期 %(count)s"),
        "reminders_created": _("新提醒 %(count)s"),
        "sent": _("发出 %(count)s 封"),
        "deferred": _("待重试 %(count)s 封"),
        "failed": _("失败 %(count)s"),
        "channels_sent": _("群消息发出 %(count)s 条"),
        "channels_deferred": _("群消息待重试 %(count)s 条"),
        "channels_failed": _("群消息失败 %(count)s 条"),
    }
    found = [words[key] % {"count": result[key]} for key in words if isinstance(result.get(key), int)]
    return listed(found)


def _others(jobs: dict[str, reads.JobLine], now: datetime) -> list[dict[str, Any]]:
    """The jobs beside sweep and delivery, those that have run at least once."""
    words = {
        "bounces": _("查收退信"),
        "litter": _("清理没有传完的文件"),
        "renditions": _("生成预览"),
        "packages": _("制作检查包"),
        "custody": _("重新核对文件"),
        "custody_locks": _("锁定文件"),
        "removals": _("清除文件"),
        "stamp": _("申请时间戳"),
        "backup": _("备份"),
    }
    found = []
    for job, name in words.items():
        line = jobs.get(job)
        if line is not None:
            light, word = ("red", _("上次出错")) if line.error else ("green", _("正常"))
            if line.finished_at is None and not line.error:
                light, word = "blue", _("正在运行")
            found.append({"name": name, "light": light, "word": word, "ago": ago(line.started_at, now), "line": line})
    return found


def _components(jobs: dict[str, reads.JobLine], now: datetime) -> list[tuple[str, str, str, str]]:
    """(name, light, word, remark) of everything that the product stands on."""
    settings = base.settings()
    failing = {name for name, state in health.components().items() if state != "ok"}
    found = [
        (_("数据库"), *(("red", _("连不上"), "") if "database" in failing else ("green", _("正常"), _database()))),
        (
            _("数据库结构"),
            *(("red", _("需要升级"), "tracker init") if "migrations" in failing else ("green", _("最新"), "")),
        ),
        (_("文件存储"), *(("red", _("连不上"), "") if "store" in failing else ("green", _("正常"), ""))),
    ]
    heard = listening.look(settings.redis_url) if settings.redis_url else None
    if heard is None:
        found.append((_("任务队列（Redis）"), "red", _("连不上"), ""))
        found.append((_("后台进程（worker）"), "grey", _("不知道"), _("任务队列连不上，无法判断。")))
    else:
        waiting = _("排队 %(count)s 条", count=heard.waiting)
        found.append((_("任务队列（Redis）"), "green", _("正常"), waiting))
        found.append(
            (_("后台进程（worker）"), *(("green", _("在线"), "") if heard.worker else ("red", _("没有在线"), "")))
        )
    started = [line.started_at for line in jobs.values()]
    last = max(started, default=None)
    if last is None:
        found.append((_("定时进程（beat）"), "yellow", _("还没有动静"), ""))
    elif now - last > SILENT["sweep"]:
        found.append((_("定时进程（beat）"), "red", _("没有动静"), ago(last, now)))
    else:
        found.append((_("定时进程（beat）"), "green", _("正常"), ago(last, now)))
    found.append((_("备份"), *_backup(now)))
    found.append((_("文件保管"), *_custody()))
    found.append((_("磁盘"), *_disk()))
    return found


def backup_trouble(error: str) -> str:
    """What a BackupRun says went wrong, in words."""
    code, _sep, rest = error.partition(":")
    if code == "lacking":
        return _("有%(count)s份文件没有备份到，因为材料库里的已经不对。", count=rest.strip())
    if code == "backup_folder":
        return _("备份目录写不进去。请检查磁盘和权限。")
    plain = "%(" not in SENTENCES.get(code, "%(")
    return explain(Unavailable(code)) if plain else error[:200]


def _backup(now: datetime) -> tuple[str, str, str]:
    """How old the last good backup is; two days are too many."""
    state = custody.backups(db.session())
    age, made = state.age(now), state.backup
    remark = ago(made.finished_at, now) if made and made.finished_at else ""
    if age is None:
        if base.settings().backup is None:
            return "yellow", _("没有设置"), "TRACKER_BACKUP_DIR"
        return ("red", _("上次出错"), backup_trouble(state.error)) if state.error else ("yellow", _("还没有备份过"), "")
    if age > custody.OLD_BACKUP:
        return "red", _("太久没有备份"), remark
    if state.error:
        return "yellow", _("有问题"), f"{remark} · {backup_trouble(state.error)}"
    return "green", _("正常"), remark


def _custody() -> tuple[str, str, str]:
    """What the custody check found, and what the store cannot do."""
    wrong = custody.open_counts(db.session())
    bad = wrong.get("changed", 0) + wrong.get("missing", 0)
    try:
        locks = base.store().abilities().locks
    except TrackerError:
        return "grey", _("不知道"), _("文件存储连不上，无法判断。")
    remark = "" if locks else _("材料库不能锁定文件，保管期限和冻结只记在系统里。")
    return ("red", _("有 %(count)s 份不对", count=bad), remark) if bad else ("green", _("正常"), remark)


def _database() -> str:
    return "SQLite" if db.engine.dialect.name == "sqlite" else "PostgreSQL"


def _disk() -> tuple[str, str, str]:
    usage = shutil.disk_usage(base.settings().data if base.settings().data.exists() else "/")
    remark = _("剩余 %(free)s，共 %(total)s", free=size(usage.free), total=size(usage.total))
    if usage.free < LITTLE_DISK or usage.free < usage.total * 0.05:
        return "yellow", _("快满了"), remark
    return "green", _("正常"), remark


def _index(test: dict[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    actor, now = base.require(Action.SEE_SYSTEM), base.now()
    jobs = reads.jobs(db.session())
    state = reads.mail(db.session(), actor.office_id)
    return page(
        "system/index.html", status, passes=[_pass(job, jobs.get(job), now) for job in EVERY],
        others=_others(jobs, now),
        components=_components(jobs, now), mail=state, mail_states=state_words(), test=test,
        oldest=ago(state.oldest, now) if state.oldest else "",
        workday=load_calendar(db.session()).is_workday(base.today()),
        smtp=base.settings().smtp, sender=base.settings().mail_from,
    )  # fmt: skip


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _index()


@blueprint.post("/test-mail")
@base.streams_body
def test_mail() -> ResponseReturnValue:
    """Sends one mail to whoever asks and shows what the server said; holds no write lock while it waits."""
    base.require(Action.SEE_SYSTEM)
    person, settings = base.current_person(), base.settings()
    email = person.email
    db.session.rollback()
    trial = mail.try_out(
        settings.smtp,
        settings.mail_from,
        email,
        _("【法治任务】测试邮件"),
        _("这是一封测试邮件。收到它，说明提醒邮件可以送达。\n\n%(url)s", url=settings.base_url),
        base.now(),
    )
    how = {"dialogue": trial.dialogue, "transport": transport_words(trial.transport)}
    if trial.ok:
        said = _("测试邮件已交给服务器，收件人 %(email)s。服务器回答：%(answer)s", email=email, answer=trial.answer)
        return _index({"kind": "good", "text": said, **how})
    if settings.smtp is None:
        return _index({"kind": "error", "text": explain(Unavailable("mail_not_configured"))}, 503)
    if trial.stage:
        said = _("邮件服务器拒收：%(answer)s", answer=trial.answer[:300])
    else:
        said = f"{explain(Unavailable('mail_down'))} ({trial.answer[:200]})"
    return _index(
        {"kind": "error", "text": said, "meaning": trouble_words(trial.answer), **how}, 502 if trial.stage else 503
    )
