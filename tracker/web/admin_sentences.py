"""Sentences for the codes of the administrator's pages; `messages` joins them to its own."""


def N_(message: str) -> str:  # noqa: N802 - the usual name of the mark for the extraction
    """Marks a sentence for translation later."""
    return message


ADMIN_SENTENCES: dict[str, str] = {
    # people and departments
    "field_required": N_("这一项必须填写。"),
    "field_too_long": N_("内容太长，不能超过 %(longest)s 个字符。"),
    "role_unknown": N_("没有“%(value)s”这个岗位，请重新选择。"),
    "department_missing": N_("没有这个部门，或者它已停用。"),
    "department_required": N_("这个岗位要属于一个部门，请选择部门。"),
    "valid_until_required": N_("检查员账号必须写明有效期。"),
    "valid_until_past": N_("有效期不能早于今天。"),
    "date_invalid": N_("日期不对，请写成 2026-12-31 这样。"),
    "last_sysadmin": N_("这是最后一个可用的系统管理员，不能停用、改岗或设有效期。请先新增一个系统管理员。"),
    "department_inactive": N_("这个人所在的部门已停用，请先给他换部门。"),
    "department_code_invalid": N_("部门代码用 2 至 30 个小写字母、数字或下划线，以字母开头。"),
    "department_code_taken": N_("部门代码“%(value)s”已经有了。"),
    "department_kind_unknown": N_("没有这种部门类型。"),
    "department_owns_tasks": N_("这个部门还负责 %(count)s 项任务，不能停用。请先在目录里换责任部门。"),
    "department_has_people": N_("这个部门还有 %(count)s 个可用的账号，不能停用。请先给他们换部门或停用账号。"),
    # catalogue files as a whole
    "catalogue_type": N_("“%(file_name)s”不是目录文件。请选择 .yaml 或 .xlsx 文件。"),
    "catalogue_damaged": N_("文件打不开，可能已损坏，或者不是用本系统的模板做的。没有导入任何内容。"),
    "catalogue_too_big_inside": N_("文件解开以后太大，没有导入任何内容。请用空白模板重新填写。"),
    "catalogue_too_many": N_("行数太多（最多 %(most)s），没有导入任何内容。"),
    "catalogue_syntax": N_("YAML 第 %(line)s 行第 %(column)s 列写法不对，没有导入任何内容。"),
    "catalogue_key_twice": N_("YAML 第 %(line)s 行的“%(key)s”写了两次，没有导入任何内容。"),
    "catalogue_alias": N_("YAML 第 %(line)s 行用了引用（*），目录文件不接受引用。"),
    "catalogue_shape": N_("文件里没有任务（tasks），没有导入任何内容。"),
    "catalogue_invalid": N_("文件里有 %(count)s 处问题，没有导入任何内容。改好后再导入。"),
    "catalogue_plan_changed": N_("检查之后目录又被别人改过。请看最新的检查结果，再确认一次。"),
    "catalogue_upload_gone": N_("检查过的文件已不在了，请重新选择文件。"),
    "catalogue_no_tasks": N_("没有任何任务。"),
    "year_invalid": N_("年度要在 %(low)s 至 %(high)s 之间。"),
    "year_empty": N_("%(year)s 年还没有任务目录。"),
    "file_missing": N_("请选择文件。"),
    # single cells
    "sheet_missing": N_("缺少这张表，或者表是空的。"),
    "column_missing": N_("缺少这一列。"),
    "field_unknown": N_("不认识这一项，请检查拼写。"),
    "value_missing": N_("必须填写。"),
    "value_not_text": N_("应当是文字。"),
    "value_too_long": N_("太长，不能超过 %(longest)s 个字符。"),
    "value_control": N_("含有看不见的控制字符。"),
    "value_not_code": N_("“%(value)s”不是编号：只用字母、数字、点、横线。"),
    "value_not_number": N_("“%(value)s”不是数字。"),
    "value_not_whole": N_("“%(value)s”不是整数。"),
    "value_out_of_range": N_("应当在 %(low)s 至 %(high)s 之间。"),
    "value_not_bool": N_("“%(value)s”应当是“是”或“否”。"),
    "value_unknown": N_("不认识“%(value)s”。可以写：%(allowed)s。"),
    "value_not_day": N_("“%(value)s”不是日期，应写成 03-31。"),
    "value_not_list": N_("应当是一个列表。"),
    "value_not_mapping": N_("应当是一组“名称: 值”。"),
    "value_too_many": N_("太多，最多 %(most)s 项。"),
    "value_twice": N_("同一项写了两次。"),
    "code_twice": N_("编号“%(value)s”重复，第 %(first)s 行已经用过。"),
    "part_unknown": N_("没有编号为“%(value)s”的部分。"),
    "task_unknown": N_("没有编号为“%(value)s”的任务。"),
    "task_without_slots": N_("任务“%(value)s”没有任何佐证要求。"),
    "department_unknown": N_("没有代码为“%(value)s”的部门，请先在“部门”里新增。"),
    "owner_collective": N_("“%(value)s”是一组部门的统称，不能作责任部门。"),
    "event_needs_term": N_("按事项的任务要写明期限数和期限单位。"),
    "target_forbidden": N_("罚款、罚没金额不得设目标值（行政处罚法第七十四条）。"),
    "target_incomplete": N_("目标值和比较方式要么都填，要么都不填。"),
    # calendar
    "calendar_json": N_("不是 JSON 文件，或者已损坏。没有导入任何内容。"),
    "calendar_exists": N_("%(year)s 年已经有节假日表。"),
    "calendar_missing": N_("%(year)s 年还没有节假日表，请先导入或建立。"),
    "day_kind_unknown": N_("请选择这一天是放假、调休上班，还是照常。"),
    # mail
    "mail_not_configured": N_("没有设置邮件服务器（TRACKER_SMTP_URL）。"),
    "mail_refused": N_("邮件服务器拒收：%(answer)s"),
    # first run
    "setup_done": N_("安装已经完成，请登录。"),
    "setup_code_wrong": N_("安装码不对。安装码由 tracker init 显示在终端或安装日志里。"),
    "setup_throttled": N_("输错的次数太多，请在 %(minutes)s 分钟后再试。"),
    "setup_no_departments": N_("请至少选一个部门。"),
    "setup_departments_needed": N_("目录要用到这些部门，请一并勾选：%(codes)s。"),
}
