"""How old are the lists and the model? Names and habits change."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN, Check
from wire.capture.ring import now_ns

_DAY_NS = 86_400_000_000_000
_OLD_LISTS_DAYS = 180
_OLD_MODEL_DAYS = 60


def lists(catalogue: Iterable[Path], registers: Iterable[Path]) -> Check:
    """The newest file of the catalogue, and every register's file."""
    files = [file for path in catalogue for file in _files(path)]
    missing = [path for path in registers if not path.exists()]
    if not files or missing:
        gone = ", ".join(map(str, missing)) or "catalogue.paths"
        remedy = ("改配置中的路径", "mend the paths in the configuration")
        return Check("lists", BAD, f"找不到名单：{gone}", f"lists are missing: {gone}", *remedy)
    days = _age_days(files)
    seen = {"newest_days": days, "files": len(files)}
    if days > _OLD_LISTS_DAYS:
        remedy = ("更新：campuswatch catalogue update", "update them: campuswatch catalogue update")
        zh, en = f"名单已 {days} 天未更新", f"the lists are {days} days old"
        return Check("lists", WARN, zh, en, *remedy, seen)
    return Check("lists", GOOD, f"名单更新于 {days} 天前", f"the newest list is {days} days old", seen=seen)


def model(file: Path | None) -> Check:
    """The model in use; None: none is configured or promoted."""
    if file is None:
        return Check(
            "model",
            UNKNOWN,
            "没有模型文件；服务按 anomaly.learning 自行学习",
            "no model file; the service learns by itself (anomaly.learning)",
        )
    if not file.is_file():
        remedy = ("改配置 anomaly.model_file", "mend anomaly.model_file")
        return Check("model", BAD, f"没有文件 {file}", f"there is no {file}", *remedy)
    days = _age_days([file])
    seen = {"days": days, "file": str(file)}
    if days > _OLD_MODEL_DAYS:
        remedy = ("重新训练：campuswatch model train", "train anew: campuswatch model train")
        return Check("model", WARN, f"模型已 {days} 天", f"the model is {days} days old", *remedy, seen)
    return Check("model", GOOD, f"模型 {days} 天前训练", f"the model is {days} days old", seen=seen)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [each for each in path.rglob("*") if each.is_file()]
    return [path] if path.exists() else []


def _age_days(files: Iterable[Path]) -> int:
    return max(int((now_ns() - max(file.stat().st_mtime_ns for file in files)) // _DAY_NS), 0)
