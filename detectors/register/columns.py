"""The columns that offices' tables have, by the many names that offices give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from detectors.register.cells import Cell, text_of

#: What a column means, and its names; of two columns with one meaning the name that stands earlier
#: here is taken, and the other is told of.
COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "service": ("服务标识", "目录标识", "service", "serviceid", "service_id"),
    "filing": (
        "教育移动应用备案号",
        "教育app备案号",
        "教育备案号",
        "提供者备案号",
        "应用备案号",
        "备案号",
        "备案编号",
        "备案证号",
        "filing",
        "filingnumber",
        "filing_number",
    ),
    "name": (
        "教育移动应用名称",
        "移动应用名称",
        "教育app名称",
        "应用名称",
        "app名称",
        "应用程序名称",
        "软件名称",
        "产品名称",
        "平台名称",
        "系统名称",
        "应用(app)名称",
        "教育移动应用",
        "名称",
        "应用",
        "app",
        "name",
    ),
    "alias": ("别名", "曾用名", "简称", "又名", "alias", "aliases"),
    "host": (
        "服务域名",
        "域名",
        "主机名",
        "主机",
        "接口域名",
        "网站域名",
        "访问地址",
        "官方网址",
        "官网地址",
        "网址",
        "官网",
        "网站",
        "url",
        "host",
        "hosts",
        "domain",
    ),
    "operator": (
        "提供者名称",
        "提供者",
        "提供单位",
        "企业名称",
        "公司名称",
        "开发者",
        "开发单位",
        "运营者",
        "运营单位",
        "运营商",
        "主办单位",
        "单位名称",
        "operator",
    ),
    "school": (
        "使用学校",
        "选用学校",
        "使用单位",
        "选用单位",
        "使用者名称",
        "使用者",
        "学校名称",
        "学校",
        "school",
    ),
    "state": ("备案状态", "当前状态", "状态", "state"),
    "list": ("名单类型", "名单类别", "清单类型", "列入名单", "status"),
    "from": (
        "备案日期",
        "备案时间",
        "备案通过时间",
        "列入日期",
        "列入时间",
        "选用日期",
        "选用时间",
        "推荐日期",
        "入选日期",
        "退出日期",
        "退出时间",
        "下架日期",
        "下架时间",
        "生效日期",
        "起始日期",
        "开始日期",
        "有效期起",
        "有效期自",
        "登记日期",
        "公布日期",
        "发布日期",
        "日期",
        "时间",
        "from",
    ),
    "until": (
        "有效期至",
        "有效期止",
        "截止日期",
        "截至日期",
        "终止日期",
        "失效日期",
        "到期日期",
        "到期时间",
        "有效期限",
        "有效期",
        "until",
    ),
    "revoked": ("撤销日期", "撤销时间", "注销日期", "注销时间", "取消日期", "取消时间", "revoked"),
    "audience": (
        "适用对象",
        "适用人群",
        "面向对象",
        "使用对象",
        "服务对象",
        "主要用户",
        "用户群体",
        "适用学段",
        "学段",
        "audience",
    ),
    "business": ("承担业务", "业务类型", "业务类别", "主要业务", "业务", "business"),
    "uniform": ("是否统一使用", "统一使用", "是否要求统一使用", "uniform"),
    "recommended": ("是否推荐", "recommended"),
    "selected": ("是否选用", "selected"),
    "document": ("发文字号", "文号", "来源文件", "依据文件", "文件依据", "依据", "document"),
}
#: Columns without meaning here, which nobody needs to be told of.
IGNORED = frozenset(
    (
        *("序号", "编号", "no", "备注", "说明", "简介", "联系人", "联系电话"),
        *("版本", "版本号", "icp备案号", "icp备案"),
    )
)
#: A table without one of these says nothing of any app.
IDENTIFYING = ("name", "filing", "host", "service")
_MEANING = {
    word: (meaning, rank) for meaning, words in COLUMN_NAMES.items() for rank, word in enumerate(words)
}
_BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")


def heading(cell: Cell) -> str:
    """A heading without spaces, marks and what stands in brackets; `备案日期（年/月/日）` is 备案日期."""
    text = text_of(cell).lower().replace(" ", "").strip("*:：")
    return text if text in _MEANING else _BRACKETS.sub("", text)


def known_heading(text: str) -> bool:
    """Whether a heading's text means something here, or is known to mean nothing."""
    word = heading(text)
    return word in _MEANING or word in IGNORED


class Columns:
    """Where each meaning stands in a table.

    `notes`: a line for each heading that was passed over.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.at: dict[str, int] = {}
        self.notes: list[str] = []
        ranks: dict[str, int] = {}
        for index, cell in enumerate(cells):
            word = heading(cell)
            if not word or word in IGNORED:
                continue
            meaning, rank = _MEANING.get(word, ("", 0))
            if not meaning:
                self.notes.append(f"column `{text_of(cell)[:40]}` has no meaning here and was left out")
            elif meaning in self.at and ranks[meaning] <= rank:
                self.notes.append(f"column `{text_of(cell)[:40]}` is a second one for `{meaning}`; left out")
            else:
                if meaning in self.at:
                    told = text_of(cell)[:40]
                    self.notes.append(f"another column for `{meaning}` than `{told}` was left out")
                self.at[meaning], ranks[meaning] = index, rank

    @property
    def names_apps(self) -> bool:
        """Whether this can be the heading of a table: it names apps, and is no line of text."""
        return len(self.at) >= 2 and any(each in self.at for each in IDENTIFYING)

    def value(self, cells: Sequence[Cell], meaning: str) -> Cell:
        """The cell of a row with this meaning, None without one."""
        index = self.at.get(meaning)
        return cells[index] if index is not None and index < len(cells) else None
