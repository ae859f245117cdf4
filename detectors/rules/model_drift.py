"""Article 15: a mechanism that is normalised must know when its idea of normal is out of date.

Measured: the population stability index of each feature between the windows that the model was made
of and those of the last 24 hours (detectors/forest/drift.py); told once a day while one is above 0.25.
Not seen: why. A holiday and a new building look alike.
"""

from __future__ import annotations

from collections.abc import Mapping

from detectors.findings import Finding, Origin, Subject
from detectors.findings_text import FEATURE_WORDS, LIMITS
from detectors.forest.drift import LARGE

RULE = "model-drift"
ARTICLE = ("15",)
_DAY_NS = 86_400_000_000_000
_NAMED = 3
#: Whether the sensor learns by itself, or goes by a model of a file.
_UNTIL = {
    True: ("按计划重新学习之前", "it learns anew, which it does on its schedule"),
    False: ("启用另一模型之前", "another model is promoted: this one does not learn"),
}


def model_drift(index: Mapping[str, float], now_ns: int, origin: Origin, learns: bool = True) -> Finding:
    """The finding that drifted features are; `index` has one at least.

    learns: the sensor makes its models by itself.
    """
    subject = Subject("sensor", origin.sensor)
    most = sorted(index.items(), key=lambda each: (-each[1], each[0]))
    words = [(*FEATURE_WORDS[name], value) for name, value in most[:_NAMED]]
    zh = "、".join(f"{zh}（{value:.2f}）" for zh, _, value in words)
    en = ", ".join(f"{en} ({value:.2f})" for _, en, value in words)
    return Finding(
        id=origin.finding_id(RULE, subject, now_ns - _DAY_NS),
        campus=origin.campus,
        sensor=origin.sensor,
        rule=RULE,
        article=ARTICLE,
        subject=subject,
        start_ns=now_ns - _DAY_NS,
        end_ns=now_ns,
        p_value=None,
        confidence=round(1.0 - 0.5 * LARGE / most[0][1], 3),
        patterns=(),
        evidence={"stability_index": dict(most), "threshold": LARGE},
        limits=LIMITS[RULE],
        text={
            "zh": f"近 24 小时主机行为与模型所学不同：{zh}；{_UNTIL[learns][0]}，异常分数不可全信。",
            "en": f"In the last 24 h hosts behaved unlike what the model learned from: {en}; "
            f"scores are less sure until {_UNTIL[learns][1]}.",
        },
    )
