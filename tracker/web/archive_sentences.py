"""Sentences for the codes of the archive's pages and of time stamps; `messages` joins them to its own."""


def N_(message: str) -> str:  # noqa: N802 - the usual name of the mark for the extraction
    """Marks a sentence for translation later."""
    return message


ARCHIVE_SENTENCES: dict[str, str] = {
    "archive_fonds": N_("全宗号用1至12个大写字母或数字，例如 0194。"),
    "archive_category": N_("档案门类代码用2至8个大写字母，例如 WS。"),
    "archive_unit": N_("机构（问题）代码“%(value)s”不对：用2至8个大写字母，例如 BGS。"),
    "archive_unit_twice": N_("有两个部门用了同一个机构（问题）代码，请改成不同的。"),
    "archive_order": N_("没有这种分类顺序。"),
    "archive_pattern": N_(
        "档号格式不对：必须各写一次 {year}、{period}、{unit}、{item}，可以用 {fonds}、{category}，"
        "件号位数写成 {item:04}；归档文件和案卷的格式不能相同。"
    ),
    "archive_nothing": N_("请至少勾选一件。"),
    "archive_title": N_("题名必须填写，不超过300个字。"),
    "archive_retention": N_("请选择保管期限。"),
    "archive_pages": N_("页数应是1至100000的整数。"),
    "archive_volume_mixed": N_("一卷里的文件必须是同一部门、同一保管期限。请分开勾选。"),
    "archive_no_rules": N_("还没有设置全宗号和档号格式。请先保存归档设置，再编号。"),
    "archive_filed": N_("勾选的材料里有的刚刚被别人归档，或者状态变了。没有编任何号，请看最新的清单。"),
    "archive_printed": N_("这个档号已印在目录上，不能作废。请用备注说明。"),
    "archive_void": N_("这个档号已经作废。"),
    "archive_object_wrong": N_(
        "档号 %(archive_no)s 的文件与存档时不符或者找不到了，移交包没有生成。请先请系统管理员修复。"
    ),
    "archive_none": N_("没有可以导出的归档文件。"),
    "tsa_down": N_("时间戳服务没有应答，会自动再试。"),
    "tsa_refused": N_("时间戳服务的应答核对不上，没有采用。请系统管理员检查证书和地址。"),
}
