"""The closed set of categories, and the kinds that divide three of them (CONTRACTS: Names and categories)."""

from __future__ import annotations

#: A category's code is its position here.
CATEGORIES = (
    "education",
    "advertising",
    "tracking",
    "functional",
    "game",
    "platform",
    "general",  # a name that no entry knows, or that an entry takes out of the others
    "unknown",  # no name
)
#: Each in Chinese, for people.
CATEGORY_WORDS = dict(
    zip(CATEGORIES, ("教育", "广告", "跟踪", "功能", "游戏", "平台", "一般", "未知"), strict=True)
)
EDUCATION, ADVERTISING, TRACKING, FUNCTIONAL, GAME, PLATFORM, GENERAL, UNKNOWN = range(8)

#: Categories that an entry may have, and those that a list from elsewhere may be bound to.
ENTRY_CATEGORIES = CATEGORIES[:UNKNOWN]
LIST_CATEGORIES = CATEGORIES[:GENERAL]

#: Kinds within a category; an entry of a category that is listed here must name one.
KINDS = {
    "education": (
        "national-platform",
        "exam",
        "lms",
        "mooc",
        "classroom-tool",
        "resources",
        "video-class",
        "language",
        "coding",
        "adult-vocational",
        "k12-homework",
        "early-learning",
        "school-home",
        "campus-service",
    ),
    "tracking": ("analytics", "attribution", "crash", "fingerprint"),
    "functional": ("push", "captcha", "one-key-login", "location"),
}
#: Kinds that an entry of these categories may name.
OPTIONAL_KINDS = {"general": ("mining-pool",)}
