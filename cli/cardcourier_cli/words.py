"""What is said to people, in Chinese and English. Data is never translated."""

import os

_ZH = {
    "no_url": "缺少地址：请设置 CARDCOURIER_URL，或用 --profile 选择配置",
    "no_key": "缺少密钥：请设置 CARDCOURIER_KEY，或用 --profile 选择配置",
    "open_profile": "{path} 可被他人读取，请执行 chmod 600 {path}",
    "bad_profile": "{path} 无法读取：{why}",
    "unreachable": "无法连接 {url}：{why}",
    "ask_bootstrap": "初始化密钥（部署时生成）",
    "ask_secret": "店铺的签名密钥",
    "saved": "密钥已存入 {path}（仅自己可读）",
    "key_now": "此密钥只显示这一次，请立即保存",
    "secret_now": "此签名密钥只显示这一次，请立即填入店铺",
    "key_ends": "密钥将于 {at} 到期，请及时更换",
    "uploading": "上传",
    "reading": "检查文件",
    "writing": "入库",
    "job": "导入任务 {job}",
    "preview": "{file} → {sku}：{rows} 行，可入库 {accepted}，未收 {left}，合计成本 {cost}",
    "samples": "样例（已打码）",
    "left_out": "未收的行（前 20）",
    "blocked": "不能入库：{why}",
    "confirm": "确认入库 {accepted} 张卡密，成本 {cost}？",
    "declined": "已取消，未入库",
    "dry": "仅预览，未入库",
    "committed": "已入库 {accepted} 张，未收 {left} 行",
    "reject_url": "未收的行（5 分钟内有效）：{url}",
    "job_failed": "任务失败：{why}",
    "resume": "可稍后继续：cardcourier import --resume {job}",
    "would": "将发送 {method} {path} {body}",
    "several": "有多个订单符合，请用 --shop 指明：{orders}",
    "not_found": "没有找到 {text}",
    "bad_unit": "单位写作 行#序号，例如 1#0001",
    "bad_part": "{text} 应写作 SKU 或 SKU:数量",
    "wrote": "已写入 {path}",
    "waiting": "生成报表",
    "report_wait": "报表 {job} 尚未完成（{state}）",
    "not_paid_yet": "没有",
    "clean": "检查完毕：{checked}，没有发现问题",
    "broken": "发现 {count} 个问题",
    "interrupted": "已中断",
    "no_tables": "缺少表名：请用 --stack 指定栈，或设置 MAIN_TABLE、VAULT_TABLE、JOURNAL_TABLE",
    "bad_rotation": "可轮换 link，或用 --tenant 指明商户的 pepper；--end-old 只用于 link",
    "confirm_retire": "版本 {version} 的卡号与联系人标识将不再被查找：旧卡可再次入库。确认停用？",
    "confirm_end_links": "此前发出的所有链接和取货码都将失效，买家须重新索取。确认？",
    "declined_keys": "已取消",
    "name_twice": "请把队列名再写一遍，以确认删除",
    "gate_open": "全站销售已开放",
    "gate_from": "全站销售关闭，最迟 {at} 起处处生效",
    "restore_unclean": "仍有未处理完的内容：请再次运行检查，销售保持关闭",
    "restore_clean": "检查干净。确认上列订单后，用 --open {name} 开放销售",
    "restore_other": "{name} 不是主表的名字；销售保持关闭",
    "nothing": "（空）",
    "confirm_release": "{sku} 现在开售？",
}
_EN = {
    "no_url": "no address: set CARDCOURIER_URL, or choose a profile with --profile",
    "no_key": "no key: set CARDCOURIER_KEY, or choose a profile with --profile",
    "open_profile": "others can read {path}: run chmod 600 {path}",
    "bad_profile": "{path} cannot be read: {why}",
    "unreachable": "{url} cannot be reached: {why}",
    "ask_bootstrap": "Bootstrap secret (made by the deployment)",
    "ask_secret": "The shop's signing secret",
    "saved": "The key is kept in {path}, readable for you alone",
    "key_now": "This key is shown only now: keep it",
    "secret_now": "This signing secret is shown only now: put it into your shop",
    "key_ends": "Your key ends at {at}: make a new one in time",
    "uploading": "Uploading",
    "reading": "Reading",
    "writing": "Writing",
    "job": "Import {job}",
    "preview": "{file} → {sku}: {rows} rows, {accepted} to import, {left} left out, cost {cost}",
    "samples": "Samples, masked",
    "left_out": "Rows left out, the first 20",
    "blocked": "Cannot be imported: {why}",
    "confirm": "Import {accepted} cards that cost {cost}?",
    "declined": "Nothing was imported",
    "dry": "Only looked through, nothing was imported",
    "committed": "{accepted} cards imported, {left} rows left out",
    "reject_url": "Rows left out, for 5 minutes: {url}",
    "job_failed": "The job failed: {why}",
    "resume": "Go on later: cardcourier import --resume {job}",
    "would": "would send {method} {path} {body}",
    "several": "Several orders fit, choose one with --shop: {orders}",
    "not_found": "Nothing fits {text}",
    "bad_unit": "A unit is written line#number, such as 1#0001",
    "bad_part": "{text} should be SKU or SKU:quantity",
    "wrote": "Wrote {path}",
    "waiting": "Making the report",
    "report_wait": "Report {job} is not done yet ({state})",
    "not_paid_yet": "none",
    "clean": "Checked {checked}: nothing is wrong",
    "broken": "{count} things are wrong",
    "interrupted": "Interrupted",
    "no_tables": "no tables: name the stack with --stack, or set MAIN_TABLE, VAULT_TABLE and JOURNAL_TABLE",
    "bad_rotation": "Rotate link, or the pepper of one --tenant; --end-old is for link alone",
    "confirm_retire": "Cards and contacts named by version {version} will not be found any more: an old card "
    "could be imported once more. Retire it?",
    "confirm_end_links": "Every link and pick-up code sent so far will end; buyers ask for new ones. Go on?",
    "declined_keys": "Nothing was changed",
    "name_twice": "Write the queue's name twice: its messages are deleted for good",
    "gate_open": "Sales are open",
    "gate_from": "Sales are closed, everywhere from {at} at the latest",
    "restore_unclean": "Something is left to do: run the check again. Sales stay closed",
    "restore_clean": "Clean. Look at the orders above, then open sales with --open {name}",
    "restore_other": "{name} is not the name of the main table. Sales stay closed",
    "nothing": "(nothing)",
    "confirm_release": "Open {sku} for sale now?",
}


class Words:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.chinese = language.lower().startswith("zh")
        self._texts = _ZH if self.chinese else _EN

    def __call__(self, key: str, **values: object) -> str:
        return self._texts[key].format(**values)


def language_of(asked: str | None) -> str:
    """What was asked for, else what the terminal speaks."""
    names = (asked, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")))
    return next((name for name in names if name), "en")
