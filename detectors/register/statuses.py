"""The closed set of statuses, their values, and the words of offices for them (provisions: Statuses)."""

from __future__ import annotations

from collections.abc import Mapping

#: A status, and the values that it can have. A flag has the one value `yes`.
STATUSES: Mapping[str, tuple[str, ...]] = {
    "provider-filing": ("filed", "revoked", "pending"),
    "user-filing": ("filed", "revoked", "pending"),
    "recommended": ("yes", "no"),
    "selected": ("yes", "no"),
    "uniform": ("yes", "no"),
    "audience": ("minors", "university", "staff", "parents"),
    "business": (
        "admission",
        "exam-registration",
        "score-query",
        "teaching",
        "homework",
        "home-school",
        "management",
    ),
    "negative-list": ("yes", "no"),
    "blacklist": ("yes", "no"),
    "withdrawn": ("yes", "no"),
}
#: Statuses of which an app can have several values at once.
SEVERAL = ("audience", "business")
FILINGS = ("provider-filing", "user-filing")
#: Article 11: 招生录取、考试报名、成绩查询等重要业务.
IMPORTANT_BUSINESS = ("admission", "exam-registration", "score-query")

STATUS_WORDS: Mapping[str, tuple[str, str]] = {
    "provider-filing": ("提供者备案", "provider filing"),
    "user-filing": ("使用者备案", "user filing"),
    "recommended": ("省级推荐名单", "provincial recommendation list"),
    "selected": ("学校选用", "selected by the school"),
    "uniform": ("统一使用", "uniform-use tool"),
    "audience": ("适用对象", "audience"),
    "business": ("业务", "business"),
    "negative-list": ("负面清单", "negative list"),
    "blacklist": ("黑名单", "blacklist"),
    "withdrawn": ("退出（下架）", "withdrawn"),
}
VALUE_WORDS: Mapping[str, tuple[str, str]] = {
    "filed": ("已备案", "filed"),
    "revoked": ("已撤销", "revoked"),
    "pending": ("办理中", "pending"),
    "expired": ("已过期", "expired"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "none": ("无", "none"),
    "unknown": ("未知", "unknown"),
    "minors": ("未成年人", "minors"),
    "university": ("高校师生", "university"),
    "staff": ("教职工", "staff"),
    "parents": ("家长", "parents"),
    "admission": ("招生录取", "admission"),
    "exam-registration": ("考试报名", "exam registration"),
    "score-query": ("成绩查询", "score query"),
    "teaching": ("教学", "teaching"),
    "homework": ("作业", "homework"),
    "home-school": ("家校", "home-school contact"),
    "management": ("管理", "management"),
}

#: Words in the title of a list that say which status it gives; all of a tuple must stand in it.
#: Earlier ones win: 使用者备案 is also a 备案.
TITLE_WORDS: tuple[tuple[str, str], ...] = (
    ("黑名单", "blacklist"),
    ("负面清单", "negative-list"),
    ("推荐名单", "recommended"),
    ("推荐目录", "recommended"),
    ("使用者备案", "user-filing"),
    ("使用单位备案", "user-filing"),
    ("提供者备案", "provider-filing"),
    ("备案名单", "provider-filing"),
    ("备案信息", "provider-filing"),
    ("备案清单", "provider-filing"),
    ("统一使用", "uniform"),
    ("选用名单", "selected"),
    ("选用清单", "selected"),
    ("选用目录", "selected"),
    ("选用备案", "selected"),
    ("退出名单", "withdrawn"),
    ("退出清单", "withdrawn"),
    ("下架名单", "withdrawn"),
    ("下架清单", "withdrawn"),
)

#: Words that say it by themselves where no other list's word stands beside them.
LOOSE_TITLE_WORDS: tuple[tuple[str, str], ...] = (
    ("备案", "provider-filing"),
    ("推荐", "recommended"),
    ("选用", "selected"),
    ("退出", "withdrawn"),
    ("下架", "withdrawn"),
    ("负面", "negative-list"),
)

#: The words of a 备案状态 column.
FILING_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("已备案", "备案", "正常", "有效", "通过", "已通过", "备案通过", "在册"), "filed"),
    **dict.fromkeys(
        (
            *("已撤销", "撤销", "已注销", "注销", "已取消", "取消"),
            *("已撤回", "撤销备案", "注销备案", "失效", "已失效"),
        ),
        "revoked",
    ),
    **dict.fromkeys(("办理中", "审核中", "待审核", "备案中", "受理中", "公示中", "整改中"), "pending"),
}
FLAG_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("是", "√", "✓", "有", "统一使用", "选用", "推荐", "已选用"), "yes"),
    **dict.fromkeys(("yes", "y", "true", "1"), "yes"),
    **dict.fromkeys(("否", "×", "✗", "无", "no", "n", "false", "0", "不", "未选用"), "no"),
}
#: Words that stand in a 适用对象 cell; `学生` alone says no age and is left to a person.
AUDIENCE_WORDS: tuple[tuple[str, str], ...] = (
    ("未成年", "minors"),
    ("中小学生", "minors"),
    ("小学", "minors"),
    ("初中", "minors"),
    ("高中", "minors"),
    ("中学", "minors"),
    ("中职", "minors"),
    ("幼儿", "minors"),
    ("学前", "minors"),
    ("少儿", "minors"),
    ("儿童", "minors"),
    ("k12", "minors"),
    ("minors", "minors"),
    ("高校", "university"),
    ("大学", "university"),
    ("高等教育", "university"),
    ("本科", "university"),
    ("高职", "university"),
    ("研究生", "university"),
    ("university", "university"),
    ("教师", "staff"),
    ("教职工", "staff"),
    ("教职员工", "staff"),
    ("教工", "staff"),
    ("staff", "staff"),
    ("家长", "parents"),
    ("parents", "parents"),
)
#: 高校教师 are staff and no students, so words that name both are asked for first.
AUDIENCE_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("高校教师", ("staff",)),
    ("大学教师", ("staff",)),
    ("中小学教师", ("staff",)),
    ("小学教师", ("staff",)),
    ("中学教师", ("staff",)),
    ("高校师生", ("university", "staff")),
    ("中小学师生", ("minors", "staff")),
)
BUSINESS_WORDS: tuple[tuple[str, str], ...] = (
    ("招生", "admission"),
    ("录取", "admission"),
    ("admission", "admission"),
    ("考试报名", "exam-registration"),
    ("报考", "exam-registration"),
    ("exam-registration", "exam-registration"),
    ("成绩", "score-query"),
    ("查分", "score-query"),
    ("score-query", "score-query"),
    ("作业", "homework"),
    ("homework", "homework"),
    ("家校", "home-school"),
    ("home-school", "home-school"),
    ("教学", "teaching"),
    ("课堂", "teaching"),
    ("授课", "teaching"),
    ("网课", "teaching"),
    ("teaching", "teaching"),
    ("教务", "management"),
    ("管理", "management"),
    ("办公", "management"),
    ("management", "management"),
)
