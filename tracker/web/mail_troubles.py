"""Mail servers in the reader's language: states of mails, and what an answer of theirs means."""

import re

from tracker.domain.mail import State, enhanced
from tracker.web.locale import gettext as _

COLOURS = {
    State.READY: "grey", State.SENDING: "blue", State.SENT: "green", State.DEFERRED: "yellow", State.FAILED: "red",
    State.BOUNCED: "red", State.ABANDONED: "grey",
}  # fmt: skip


def state_words() -> dict[str, str]:
    """In the order of the filter."""
    return {
        State.READY: _("待发出"),
        State.SENDING: _("发送中"),
        State.SENT: _("已发出"),
        State.DEFERRED: _("待重试"),
        State.FAILED: _("被拒收"),
        State.BOUNCED: _("被退信"),
        State.ABANDONED: _("不再发送"),
    }


def trouble_words(error: str) -> str:
    """What an error of a digest or of a test mail means; "" for none. The server's own words stand beside it."""
    if not error:
        return ""
    status = enhanced(error)
    return (_by_status(status) if status else "") or _by_text(error) or _by_code(error) or _("邮件服务器没有接受。")


def _by_status(status: tuple[str, str, str]) -> str:
    words = {
        ("1", "1"): _("没有这个邮箱，地址可能写错或已注销。"),
        ("1", "2"): _("地址里的域名不存在或不收邮件。"),
        ("1", "3"): _("邮箱地址写法不对。"),
        ("1", "6"): _("邮箱已经迁走，没有留下新地址。"),
        ("1", "7"): _("服务器不认发件人地址，请检查 TRACKER_MAIL_FROM。"),
        ("1", "8"): _("服务器不认发件人的域名，请检查 TRACKER_MAIL_FROM。"),
        ("2", "1"): _("邮箱已停用。"),
        ("2", "2"): _("邮箱已满，请对方清理。"),
        ("2", "3"): _("邮件超过对方邮箱的大小限制。"),
        ("3", "4"): _("邮件超过服务器的大小限制。"),
        ("4", "1"): _("对方的服务器没有应答。"),
        ("4", "4"): _("找不到对方的邮件服务器。"),
        ("4", "7"): _("多次投递没有成功，服务器已放弃。"),
        ("7", "0"): _("服务器的安全策略不接受，可能要先登录或使用 TLS。"),
        ("7", "1"): _("服务器的策略不允许这样发信（发件人、转发权限或内容被拒绝）。"),
        ("7", "8"): _("邮件账号或密码不对。"),
    }
    general = {
        "1": _("收件地址有问题。"),
        "2": _("收件邮箱有问题。"),
        "3": _("邮件服务器自身暂时有问题。"),
        "4": _("网络或对方的邮件服务器有问题。"),
        "5": _("两边的服务器没有谈妥（协议错误）。"),
        "6": _("邮件内容或编码不被接受。"),
        "7": _("服务器的安全策略不接受。"),
    }
    if status[0] == "4" and status[1] == "7":
        return _("服务器要我们过一会儿再来（灰名单或发得太快）。")
    return words.get(status[1:]) or general.get(status[1], "")


def _by_text(error: str) -> str:
    low = error.lower()
    found = (
        (r"certificate", _("服务器的证书没有通过检查，请核对地址或设置 ca。")),
        (r"timed? ?out|timeouterror", _("邮件服务器没有按时回答。")),
        (r"refused", _("连不上邮件服务器：端口没有服务。")),
        (r"name or service|getaddrinfo|nodename|gaierror", _("找不到邮件服务器：地址写错或域名解析不通。")),
        (r"unreachable|no route", _("到邮件服务器的网络不通。")),
        (r"starttls", _("邮件服务器不支持要求的 TLS 加密。")),
        (r"no way to sign in", _("邮件服务器不支持我们会的登录方式。")),
        (r"smtputf8", _("地址含有中文等字符，邮件服务器不支持。")),
        (r"disconnect|closed|reset|broken pipe|eof", _("连接中断，邮件服务器没有回答完。")),
        (r"relay", _("邮件服务器不肯代为转发，请检查登录设置。")),
        (r"tracker_smtp_url", _("没有设置邮件服务器（TRACKER_SMTP_URL）。")),
        (r"wrong version number|ssl", _("TLS 没有谈妥：端口和加密方式可能不配。")),
    )
    return next((words for pattern, words in found if re.search(pattern, low)), "")


def _by_code(error: str) -> str:
    words = {
        "421": _("邮件服务器暂时不提供服务。"),
        "450": _("邮箱暂时不可用，可能要过一会儿再试。"),
        "451": _("邮件服务器处理出错，请稍后再试。"),
        "452": _("邮件服务器或邮箱空间不够。"),
        "530": _("邮件服务器要求先登录或使用 TLS。"),
        "535": _("邮件账号或密码不对。"),
        "550": _("邮箱不存在或不可用。"),
        "551": _("邮箱不在这台服务器上。"),
        "552": _("邮箱已满或邮件太大。"),
        "553": _("邮箱名称不被接受。"),
        "554": _("邮件服务器拒绝了这封邮件。"),
    }
    return words.get(error[:3], "")


def transport_words(transport: str) -> str:
    """TLSv1.3; AUTH PLAIN … in words."""
    if not transport:
        return ""
    tls, _semicolon, auth = transport.partition("; ")
    version, _comma, unchecked = tls.partition(", ")
    parts = [_("未加密") if tls == "no TLS" else version]
    if unchecked:
        parts.append(_("证书未检查"))
    parts.append(_("未登录") if auth == "no AUTH" else auth)
    return _("、").join(parts)
