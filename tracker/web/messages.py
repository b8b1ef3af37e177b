"""Codes of errors as sentences in the reader's language, and their families as HTTP statuses."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from tracker import errors
from tracker.web.admin_sentences import ADMIN_SENTENCES
from tracker.web.archive_sentences import ARCHIVE_SENTENCES
from tracker.web.filters import day_full
from tracker.web.locale import gettext


def N_(message: str) -> str:  # noqa: N802 - the usual name of the mark for the extraction
    """Marks a sentence for translation later."""
    return message


SENTENCES: dict[str, str] = {
    # custody and backups
    "object_not_intact": N_(
        "文件“%(file_name)s”与存档时不符或者找不到了，现在不能采纳。请等系统管理员修复，或者退回请人重交。"
    ),
    "copy_missing": N_("备份里没有这份文件。请换一份备份，或者请上传人重新提供。"),
    "copy_damaged": N_("备份里的这份文件也坏了，没有使用。请换一份备份。"),
    "object_removed": N_("这份文件已按程序清除，不能放回。"),
    "hold_released": N_("这次冻结已经解除。"),
    "year_unknown": N_("没有%(year)s年度的任务。"),
    "task_unknown": N_("这一年度没有任务%(task)s。"),
    "backup_missing": N_("没有找到备份（%(path)s）。"),
    "backup_damaged": N_("备份损坏，核对不上：%(name)s。"),
    "backup_format": N_("备份的格式（%(found)s）不是本版本能读的。"),
    "backup_folder": N_("备份目录 %(path)s 用不了：%(reason)s。"),
    "backup_busy": N_("另一个备份正在写这个目录。"),
    "backup_newer": N_("备份来自更新的版本，请先升级本系统再恢复。"),
    "backup_key_missing": N_("这个备份是加密的，请给出密钥文件或口令。"),
    "backup_key_wrong": N_("密钥或口令不对。"),
    "not_a_backup": N_("%(path)s 里有别的文件，请换一个空目录。"),
    "passphrase_short": N_("口令至少要%(least)s个字符。"),
    "key_file_unreadable": N_("密钥文件 %(path)s 读不了。"),
    "key_file_short": N_("密钥文件 %(path)s 太短，至少要%(least)s个字节。"),
    "keep_invalid": N_("保留规则应为三个数：天数,月数,年数，如 30,12,10。"),
    "database_not_empty": N_("数据库里已有单位或账户。只能恢复到空的数据库。"),
    "store_not_empty": N_("材料库里已有文件。只能恢复到空的材料库，或者用 --force（不会删除、覆盖已有的文件）。"),
    "drill_failed": N_("恢复演练没有通过。"),
    # mock inspections
    "drill_seed": N_("种子要填，最多 %(limit)s 个字，不能含竖线“|”。"),
    "drill_count": N_("抽取数量请填 1 到 %(limit)s。"),
    "drill_kind": N_("没有这种抽取方式。"),
    "drill_day": N_("只能按今天或过去的某一天检查。"),
    "drill_nothing": N_("%(year)s年度到这一天还没有可以抽的内容。"),
    "drill_step": N_("这一项的计时状态已经变了。请刷新页面再看。"),
    "drill_over": N_("这次检查已经结束，结果不再改动。"),
    # files
    "file_empty": N_("这是一个空文件，没有可以佐证的内容。请重新选择文件。"),
    "file_name_empty": N_("文件没有名字。请给文件命名后再上传。"),
    "file_type_unsupported": N_(
        "不接受“%(extension)s”类型的文件。可以上传 PDF、Word、Excel、PPT、WPS、OFD、图片、视频和压缩包。"
    ),
    "file_type_missing": N_("文件名末尾没有扩展名（如 .pdf、.docx），看不出文件类型。请改名后再上传。"),
    "file_type_mismatch": N_("文件内容与扩展名“%(extension)s”不符。请用原来的软件另存后再上传。"),
    "file_damaged": N_("文件已损坏，打不开。请确认能正常打开后再上传。"),
    "file_too_large": N_("文件太大，每个文件不能超过 %(limit)s。"),
    "pdf_encrypted": N_("这份 PDF 设了密码，审核人打不开。请去掉密码后再上传。"),
    "office_encrypted": N_("这份文档设了密码，审核人打不开。请去掉密码后再上传。"),
    "office_macros": N_("不接受带宏的文档。请另存为不含宏的 .docx、.xlsx 或 .pptx 后再上传。"),
    "archive_empty": N_("压缩包里没有文件。"),
    "archive_many": N_("压缩包里的文件太多，最多 %(limit)s 个。请分成几个压缩包上传。"),
    "archive_large": N_("压缩包解开后太大，不能超过 %(limit)s GB。请分成几个压缩包上传。"),
    "archive_bomb": N_("压缩包里的“%(entry)s”解开后大得不正常，不能接收。"),
    "archive_path": N_("压缩包里的“%(entry)s”文件名不安全（含上级目录、盘符或隐藏字符）。请重新打包后上传。"),
    "archive_link": N_("压缩包里的“%(entry)s”是快捷链接，不是文件。请放入文件本身后重新打包。"),
    "archive_encrypted": N_("压缩包设了密码，审核人打不开。请去掉密码后再上传。"),
    "archive_program": N_("压缩包里的“%(entry)s”是程序或脚本，不能作为佐证材料。请去掉后重新打包。"),
    "archive_macros": N_("压缩包里的“%(entry)s”是带宏的文档。请另存为不含宏的文档后重新打包。"),
    "archive_nested": N_("压缩包里的“%(entry)s”又是压缩包，里面的内容没法检查。请解开后重新打包。"),
    "archive_damaged": N_("压缩包里的“%(entry)s”已损坏，解不开。请重新打包后上传。"),
    "archive_volume": N_("这是分卷压缩包中的一卷，单独打不开。请打成一个完整的压缩包后上传。"),
    "upload_incomplete": N_("上传没有完成，连接中断了。没有保存任何内容，请重试。"),
    "upload_closed": N_("这个文件已经传完或者已经取消，请刷新页面看最新的情况。"),
    "upload_fingerprint": N_("浏览器没有说清楚要传的是哪个文件，请刷新页面后重新选择。"),
    "part_number": N_("文件的这一段不存在，请重新选择文件上传。"),
    "part_damaged": N_("文件的一段在传输中变了样，没有收下，请重试。"),
    "uploads_busy": N_("服务器正在接收很多文件，过几秒钟再传。没有保存任何内容。"),
    "upload_gone": N_("这次上传已经失效，请重新选择文件上传。"),
    "sort_paths": N_("一次最多整理 %(limit)s 个文件，请分几次放。"),
    "object_locked": N_("存储系统还锁定着这个文件，到锁定期满才能清除。"),
    "no_object_lock": N_("存储系统不支持锁定文件。"),
    # dates of evidence
    "doc_date_required": N_("请填写形成日期，就是材料上写的日期。"),
    "doc_date_future": N_("形成日期不能晚于今天。"),
    "doc_date_ancient": N_("形成日期太早，请核对年份。"),
    "doc_date_outside": N_("形成日期应在 %(start)s 至 %(end)s 之间，才属于本期。"),
    "covered_required": N_("请填写材料所属的期间。"),
    "covered_reversed": N_("所属期间的结束日期早于开始日期。"),
    "covered_mismatch": N_("所属期间要包括 %(start)s 至 %(end)s，才能对应本期。"),
    "date_invalid": N_("日期不对，请按年月日填写。"),
    "valid_to_past": N_("有效期已经过了，这份材料不能再作为有效佐证。"),
    "supplement_reason_required": N_("这份材料形成已超过 %(days)s 天，请说明补录的原因。"),
    # events
    "event_task": N_("请选择属于哪项任务。"),
    "event_bulk": N_("这项任务的事项留在业务系统里，不逐件登记。"),
    "event_reference": N_("请填写文号或编号，最多 %(limit)s 个字。"),
    "event_title": N_("请填写简短名称，最多 %(limit)s 个字。"),
    "event_trigger": N_("请填写发生日。"),
    "event_future": N_("发生日不能晚于今天。"),
    "event_year": N_("发生日要在 %(year)s 年；别的年度请换到那一年登记。"),
    "event_known": N_("编号“%(reference)s”已经登记过了。"),
    "event_cancelled": N_("这件事项已经撤销。"),
    "event_complete": N_("这件事项已经办结，不能撤销。"),
    "ladder_invalid": N_("提醒步骤不对，请看标出的一行。"),
    # what is mailed
    "day_out_of_range": N_("请选择明天起%(days)s天以内的日期。"),
    "mail_kind_fixed": N_("这类通知不能关闭。"),
    # channels next to mail
    "channel_kind_unknown": N_("没有这种渠道，请重新选择。"),
    "channel_name_invalid": N_("请写一个名称，不超过 %(longest)s 个字符。"),
    "channel_address_required": N_("请粘贴机器人的地址。"),
    "channel_address_invalid": N_("这不是这种机器人的地址，应以 %(shape)s 开头。请从机器人的页面整个复制。"),
    "channel_secret_invalid": N_("加签密钥不对。没有选“加签”的话，这里留空。"),
    "channel_too_many": N_("最多 %(most)s 个渠道，请先删除不用的。"),
    "webhook_address_invalid": N_("地址不对，应以 http:// 或 https:// 开头，其中不能写用户名和密码。"),
    # submitting and deciding
    "submit_nothing": N_("没有选中要提交的材料。"),
    "submit_invalid": N_("有几份材料还不能提交，原因写在每份材料旁边。这次没有提交任何一份。"),
    "same_as_returned": N_("这份文件与被退回的那一版完全相同。请按退回意见修改后再上传。"),
    "same_as_voided": N_("这份文件与已作废的那一版完全相同，不能再交。请上传正确的文件。"),
    "same_bytes_again": N_(
        "与已交的“%(file_name)s”（形成日期 %(doc_date)s）逐字节相同，同一项里不能再算一份。请换成另一份材料。"
    ),
    "same_bytes_dated": N_(
        "与已交的“%(file_name)s”（形成日期 %(doc_date)s）逐字节相同，形成日期、所属期间和有效期都要与那一份一致。"
        "本期另有材料的，请换成本期的。"
    ),
    "same_bytes_standing": N_(
        "与已交的“%(file_name)s”（形成日期 %(doc_date)s）逐字节相同，再交一次不能刷新有效期。"
        "仍然有效的，请用“声明继续有效”；已经更新的，请上传新的文件。"
    ),
    "head_submits": N_("本单位规定由科室负责人核对后提交。材料已是草稿，请负责人提交。"),
    "rule_invalid": N_("请填写 %(low)s 至 %(high)s 之间的整数。"),
    "already_submitted": N_("这份材料已经提交过了。"),
    "already_decided": N_("%(by)s 已经处理过了，请看最新的情况。"),
    "state_changed": N_("这份材料的状态刚刚变了，请看最新的情况。"),
    "version_open": N_("上一版“%(file_name)s”还没有审核完，暂时不能上传新版本。"),
    "version_not_returned": N_("只有被退回的材料才需要补正。"),
    "continuation_open": N_("已经有一份继续有效的声明在等待审核。"),
    "continuation_needs_accepted": N_("只有已采纳的材料才能声明继续有效。"),
    "continuation_not_standing": N_("这类材料每期都要新形成，不能声明继续有效。请上传本期的材料。"),
    "second_continuation": N_("这份材料已经声明过一次继续有效，这次请上传更新后的材料。"),
    "own_upload": N_("不能审核自己上传的材料，请由其他审核人处理。"),
    "comment_required": N_("请写明意见，让上传的人知道怎么改。"),
    "reason_required": N_("请写明原因。"),
    "reason_code_required": N_("请至少选一个退回原因。"),
    "reason_code_unknown": N_("退回原因的代码不对，请重新选择。"),
    "verdict_unknown": N_("审核结论不对，请重新选择。"),
    "flag_unknown": N_("失效标记不对，请重新选择。"),
    "flag_absent": N_("这份材料没有需要确认的标记，请看最新的情况。"),
    "flag_stays": N_("这份材料的依据已失效，不能确认，须由责任部门更新材料。"),
    # descriptions, pieces, corrections, links
    "doc_no_long": N_("文号太长，最多 %(limit)s 个字。"),
    "issuer_long": N_("责任者太长，最多 %(limit)s 个字。"),
    "pages_invalid": N_("页数请填 1 到 %(limit)s 的整数，不清楚就空着。"),
    "piece_required": N_("请选择这份文件是成套材料里的哪一件，一份里有几件就都选上。"),
    "piece_unknown": N_("这项材料没有这一件，请刷新页面再选。"),
    "same_as_accepted": N_("内容与已采纳的“%(file_name)s”逐字节相同。只是日期填错了的，请用“更正日期”。"),
    "bytes_forbidden": N_("这份文件的内容已依规清除，不得再上传。"),
    "correct_needs_accepted": N_("只有已采纳的文件才能更正日期。"),
    "nothing_corrected": N_("日期和原来一样，没有可更正的。"),
    "contact_unsuitable": N_("经办人要是主办部门在用的账号，请重新选择。"),
    "link_nowhere": N_("请至少选择一处还要用到这份材料的地方。"),
    "link_unsuitable": N_("这份材料不能用在所选的地方，请刷新页面再选。"),
    "link_state": N_("只有草稿、待审核和已采纳的文件才能用到别处。"),
    # removal of bytes that must not be here
    "removal_open": N_("这份文件已经提出清除，或者已经清除。"),
    "removal_settled": N_("这项清除已经有了结果，请刷新页面。"),
    "removal_confirmed": N_("同一岗位已经有人确认，还需另一岗位确认。"),
    "removal_same_person": N_("清除要由不同的人分别确认。"),
    # inspection packages
    "package_future": N_("截至日期不能晚于今天。"),
    "package_before_year": N_("截至日期不能早于 %(year)s 年。"),
    "package_year_empty": N_("%(year)s 年度没有任务。"),
    "package_task_unknown": N_("这一年度没有任务“%(task)s”。"),
    "package_nothing_chosen": N_("请选择哪些任务。"),
    "package_not_ready": N_("这个检查包还没有做好。"),
    "package_not_waiting": N_("这个检查包已经做好或已经停下，不能取消。"),
    "package_busy": N_("这个检查包正在处理，请稍候再试。"),
    "package_object_gone": N_("包里的“%(path)s”内容已清除或损坏，不能再下载。请重新制作，缺少的会声明为缺项。"),
    "package_object_wrong": N_("包里的“%(path)s”与登记的摘要不符，已报告管理员。"),
    "package_objects_wrong": N_("太多文件与登记的摘要不符，没有做成。请先处理保管中的问题。"),
    "package_plan_damaged": N_("检查包的清单在存储里损坏或丢失，请重新制作。"),
    "package_attempts": N_("试了几次都没有做成，请联系系统管理员。"),
    # requests
    "text_long": N_("写得太长，不能超过 %(limit)s 个字。"),
    "date_required": N_("请选择日期。"),
    "request_pending": N_("已经有一件同样的申请在等待处理。"),
    "request_too_late": N_("期限是 %(due)s，要在那之前申请，现在已经晚了。"),
    "own_request": N_("不能批准自己申请或确认的事项，请由其他有权的人处理。"),
    "not_signed": N_("零报告要先由科室负责人确认。"),
    "period_complete": N_("这一期已经完成，不用再申请。"),
    "period_waived": N_("这一期已经免报。"),
    "extension_document": N_("法定期限不能在这里延长；依法批准延长的，请填写文书号。"),
    "extension_not_later": N_("新的期限要晚于现在的期限 %(due)s。"),
    "extension_too_long": N_("最多延 %(days)s 天。"),
    "extension_beyond_close": N_("新的期限不能超过 %(close)s，那天本年度关账。"),
    "extension_day_off": N_("这一天是休息日，请选一个工作日。"),
    "extension_none_left": N_("这一期的期限已经接近年度关账日，不能再延。"),
    "extension_overtaken": N_("现在的期限已经是 %(due)s，不早于申请的日期，不用再延。"),
    "zero_report_not_allowed": N_("这一项不适用零报告。"),
    "zero_report_material": N_("这一项已有采纳的材料，不能再报零。"),
    "zero_report_given": N_("这一项已经是零报告。"),
    "zero_report_early": N_("这一期 %(start)s 才开始，现在还不能报零。"),
    "owner_same": N_("责任部门没有变化，请另选一个部门。"),
    "owner_unfit": N_("这个部门不能负责任务，请另选一个。"),
    "absence_past": N_("开始日期不能早于今天。"),
    "absence_reversed": N_("结束日期早于开始日期。"),
    "absence_long": N_("一次最多 %(days)s 天。"),
    "absence_overlaps": N_("这段时间已经有人代理。"),
    "absence_over": N_("这段代理已经结束。"),
    "delegate_unfit": N_("请选择同一部门的同事代理；领导由另一位领导代理。"),
    "delegate_absent": N_("%(name)s 这段时间自己也不在，请另选一位。"),
    # notices and signing on
    "notice_open": N_("这一期已经有一张没有销号的督办单，一事一单，不重复拟办。"),
    "notice_nothing_open": N_("这一期没有需要督办的：已完成、免报，或者还没有开始。"),
    "notice_step": N_("这张督办单的状态已经变了，这一步现在不能办，请看最新的情况。"),
    "notice_unsettled": N_("这一期还没有办结，不能销号。材料齐全并采纳以后，或者批准免报以后，才能销号。"),
    "notice_text": N_("这一栏不能空着，请写明。"),
    "notice_workdays": N_("请填写 1 至 %(limit)s 个工作日。"),
    "notice_colour": N_("请选择督办等级。"),
    "notice_material": N_("只能选择这一期已提交的材料。"),
    "own_feedback": N_("不能核查自己写的反馈，请由其他核查人处理。"),
    "sign_workdays": N_("请填写 1 至 %(limit)s 个工作日。"),
    "sign_nothing": N_("请先选择要签收的任务。"),
    "already_signed": N_("%(by)s 已经签收过了。"),
    # ladders and pressing
    "rehearsal_empty": N_("%(year)s 年没有可以预演的任务，请先导入任务目录。"),
    "rehearsal_ladder": N_("还没有保存的提醒设置有问题，不能预演。%(why)s"),
    "already_pressed": N_("今天已经由%(name)s催办过，同一天不重复催办。"),
    "nothing_to_press": N_("这一期没有需要催办的：已完成、免报、在等审核，或者还没有开始。"),
    "press_none": N_("请先勾选要催办的事项。"),
    "press_many": N_("一次最多催办 %(limit)s 期。"),
    # indicators
    "as_of_required": N_("请填写截止日期。"),
    "as_of_future": N_("截止日期不能晚于今天。"),
    "evidence_required": N_("请选择证明这个数值的材料。"),
    "evidence_not_accepted": N_("证明数值的材料要先被采纳。"),
    "qualifier_unknown": N_("请选择数值是准确数还是“余”。"),
    "value_invalid": N_("请填写一个数字。"),
    "value_required": N_("请填写一个数字。"),
    "target_forbidden": N_("指标“%(name)s”不能设目标值。"),
    "target_incomplete": N_("指标“%(name)s”的目标值和比较方式要一起填写。"),
    # calendar
    "calendar_invalid": N_("节假日表的格式不对，没有导入任何内容。"),
    # accounts
    "login_wrong": N_("邮箱或密码不对。"),
    "login_locked": N_("失败次数太多，这个账号已锁定，请在 %(minutes)s 分钟后再试，或请系统管理员解锁。"),
    "login_address_blocked": N_("从这台电脑登录失败的次数太多，请在 %(minutes)s 分钟后再试。"),
    "login_expired": N_("这个账号的有效期已过，请联系系统管理员。"),
    "password_wrong": N_("当前密码不对。"),
    "password_short": N_("密码至少要有 10 个字符。"),
    "password_long": N_("密码不能超过 200 个字符。"),
    "password_simple": N_("密码要包含大写字母、小写字母、数字、符号这四类中的至少三类。"),
    "password_has_name": N_("密码里不能包含您的姓名或邮箱名。"),
    "password_same": N_("新密码不能与当前密码相同。"),
    "password_used": N_("不能使用最近 %(count)s 次用过的密码。"),
    "password_differs": N_("两次输入的新密码不一致。"),
    "email_invalid": N_("邮箱地址不对，请检查。"),
    "email_taken": N_("这个邮箱已经有账号了。"),
    # in general
    "export_unknown": N_("没有这种导出格式。"),
    "void_not_confirmed": N_("作废不能恢复，请勾选确认后再提交。"),
    "written_twice": N_("同一项内容刚刚由另一次操作保存了，请看最新的情况。"),
    "setup_invalid": N_("有几项还要改一改，原因写在各项旁边。什么都还没有保存。"),
    "locale_unknown": N_("没有这种语言。"),
    "not_first": N_("这里已经有账号了，请直接登录。"),
    "not_allowed": N_("您的岗位没有这项权限。"),
    "not_found": N_("没有找到这项内容，可能已被移动，或者不属于您的范围。"),
    "blob_missing": N_("文件的内容在存储里找不到，已报告管理员。"),
    "bytes_changed": N_("存储里的文件与保存时不一致，为避免误用没有打开，已报告管理员和法制办。"),
    "bytes_removed": N_("这份文件的内容已按规定移除，只保留登记信息和文件指纹。"),
    "preview_not_ready": N_("预览还没有生成，请稍候，或者下载原文件查看。"),
    "store_ails": N_("文件存储出了故障（可能是磁盘满了），没有保存任何内容。请告诉系统管理员；修好以后再点一次就行。"),
    "store_down": N_("文件存储暂时连不上，没有保存任何内容。请过几分钟再试。"),
    "redis_down": N_("后台任务服务暂时连不上，内容已保存，稍后会自动处理。"),
    "mail_down": N_("邮件服务器暂时连不上，邮件会在恢复后补发。"),
    "database_down": N_("数据库暂时连不上，没有保存任何内容。请过几分钟再试。"),
}

SENTENCES |= ADMIN_SENTENCES | ARCHIVE_SENTENCES

FAMILIES: dict[type[errors.TrackerError], str] = {
    errors.InvalidInput: N_("填写的内容有问题，没有保存。"),
    errors.Forbidden: N_("您的岗位没有这项权限。"),
    errors.NotFound: N_("没有找到这项内容，可能已被移动，或者不属于您的范围。"),
    errors.Conflict: N_("别人刚刚改过这项内容，请看最新的情况后再操作。"),
    errors.Unavailable: N_("服务暂时连不上，没有保存任何内容。请过几分钟再试。"),
}
STATUS: dict[type[errors.TrackerError], int] = {
    errors.InvalidInput: 422,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Busy: 429,
    errors.Unavailable: 503,
}


class _Words(dict[str, Any]):
    """Placeholders of a sentence; one that the error did not bring stays empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _readable(data: Mapping[str, object]) -> _Words:
    return _Words({key: day_full(value) if isinstance(value, date) else value for key, value in data.items()})


def explain(error: errors.TrackerError) -> str:
    """The error's sentence in the language of the request."""
    sentence = SENTENCES.get(error.code) or FAMILIES.get(_family(error), FAMILIES[errors.InvalidInput])
    return gettext(sentence) % _readable(error.data)


def status_of(error: errors.TrackerError) -> int:
    """The HTTP status of the error's family."""
    return STATUS.get(_family(error), 400)


def _family(error: errors.TrackerError) -> type[errors.TrackerError]:
    """The error's class, or the one above it that has a status."""
    return next((kind for kind in type(error).__mro__ if kind in STATUS), errors.TrackerError)
