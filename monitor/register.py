"""`campuswatch register`: lists in, and what standing they give an app."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import typer

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.schema import Service
from detectors.register.cells import day_of
from detectors.register.files import read_lists
from detectors.register.lists import RegisterList
from detectors.register.loading import load_register
from detectors.register.manifest import binding_key, read_manifest, told_from
from detectors.register.names import names_within, plain_name
from detectors.register.standing import Register, State, changes
from detectors.register.statuses import STATUS_WORDS, VALUE_WORDS
from detectors.register.store import Store
from monitor.config import config_file
from monitor.config.config import Config
from monitor.errors import USAGE, WHOLE, CommandEnd, tell
from monitor.places import state_directory

_UNMATCHED_SHOWN = 200


def take(file: Path, told: dict[str, Any], store: Path | None, config_path: Path | None) -> int:
    """Import a list, or all that a manifest names; the exit code. Raises what a user can mend."""
    config = config_file.load(config_path)
    catalogue = Catalogue.of(config.catalogue.settings(state_directory(config.state)))
    folder = Store(_folder(config, store))
    lists, bindings = _read(file, told)
    before = folder.lists()  # a store that can't be read is told of before anything is written
    for key, service in bindings.items():
        _known(service, catalogue)
        if folder.bindings().get(key) != service:
            folder.bind(key, service)
    for each in lists:
        path, new = folder.add(each)
        again = f"已导入过 already imported: {each.source} = {path.name}"
        typer.echo(_imported(each, path) if new else again)
        for note in each.notes:
            tell(f"请核对 please check: {note}")
    register = Register([*before, *lists], catalogue, folder.bindings(), config.registers.schools)
    imported = {each.source for each in lists}
    _tell_unmatched(register, imported)
    if config.registers.store != folder.folder:
        tell(f"要据此判断，请在配置中写明 to judge by it, configure `registers.store: {folder.folder}`")
    return WHOLE


def bind(words: str, service: str, store: Path | None, config_path: Path | None) -> int:
    """Keep the decision that a name, filing number or host in lists is a service."""
    config = config_file.load(config_path)
    _known(service, Catalogue.of(config.catalogue.settings(state_directory(config.state))))
    path = Store(_folder(config, store)).bind(binding_key(words), service)
    typer.echo(f"已记下 kept: {words} = {service} ({path.name})")
    return WHOLE


def show(app: str, on: str | None, store: Path | None, config_path: Path | None) -> int:
    """The standing of an app on a day, and all that lists say of it."""
    catalogue, register = _register(store, config_path)
    service = _service(app, catalogue)
    day = _day(on, "--on") or _last_day(register)
    typer.echo(f"{service.id} {service.name_zh} / {service.name_en}")
    if day is None:
        typer.echo("没有任何名单 no list is known: 一切未知 everything is unknown")
        return WHOLE
    typer.echo(f"{day} 的状况 standing on that day:")
    for status, state in register.standing(service.id, day).items():
        zh, en = STATUS_WORDS[status]
        typer.echo(f"  {zh} {en}: {_words(state)}")
    held = register.held(service.id)
    if held:
        typer.echo("历来 history:")
    for each in held:
        zh, en = STATUS_WORDS[each.fact.status]
        value = " ".join(VALUE_WORDS[each.fact.value])
        until = each.fact.last or "—"
        sample = "；样例 sample" if each.of.told.sample else ""
        source = f"{each.of.source} {each.document}{sample}"
        typer.echo(f"  {each.fact.first or '—'} … {until} {zh} {en}: {value} ({source})")
    return WHOLE


def diff(first: str | None, last: str | None, store: Path | None, config_path: Path | None) -> int:
    """What changed between two days; without days, with the latest list."""
    _, register = _register(store, config_path)
    after = _day(last, "--to") or _last_day(register)
    if after is None:
        typer.echo("没有任何名单 no list is known")
        return WHOLE
    before = _day(first, "--from") or after - timedelta(days=1)
    found = changes(register, before, after, register.services)
    typer.echo(f"{before} → {after}: {len(found)} 处变化 changes")
    for service, status, then, now in found:
        zh, en = STATUS_WORDS[status]
        typer.echo(f"  {service}: {zh} {en}: {_values(then)} → {_words(now)}")
    return WHOLE


def _read(file: Path, told: dict[str, Any]) -> tuple[list[RegisterList], dict[str, str]]:
    errors: list[str] = []
    given = told_from({key: value for key, value in told.items() if value is not None}, "options", errors)
    if errors:
        raise CommandEnd(USAGE, "\n".join(errors))
    if file.suffix.lower() not in (".yaml", ".yml"):
        return read_lists(file, given), {}
    if any(value is not None for value in told.values()):
        raise CommandEnd(USAGE, f"{file}: a manifest says itself what its lists are; leave the options out")
    return read_manifest(file)


def _register(store: Path | None, config_path: Path | None) -> tuple[Catalogue, Register]:
    config = config_file.load(config_path)
    catalogue = Catalogue.of(config.catalogue.settings(state_directory(config.state)))
    folder = _folder(config, store)
    paths = [*([folder] if folder.is_dir() else []), *config.registers.files]
    return catalogue, load_register(paths, catalogue, config.registers.schools)


def _folder(config: Config, store: Path | None) -> Path:
    """The folder of imports: the option, the configuration, the state directory."""
    if store is not None:
        return store
    if config.registers.store is not None:
        return config.registers.store
    return state_directory(config.state) / "register"


def _imported(each: RegisterList, path: Path) -> str:
    status = each.told.status
    zh, en = STATUS_WORDS[status] if status else ("多种", "several")
    whole = "完整 complete" if each.told.complete else "非完整 not complete"
    sample = "，样例 sample" if each.told.sample else ""
    told = f"{zh} {en}, {len(each.entries)} 条 entries, {whole}{sample} ({path.name})"
    return f"已导入 imported: {each.source}: {told}"


def _tell_unmatched(register: Register, sources: set[str]) -> None:
    left = [each for each in register.unmatched if each.source in sources]
    if not left:
        return
    typer.echo(f"{len(left)} 条对不上目录，请人工核对 entries match no service; a person decides:")
    for each in left[:_UNMATCHED_SHOWN]:
        typer.echo(f"  {each}")
    if len(left) > _UNMATCHED_SHOWN:
        typer.echo(f"  … {len(left) - _UNMATCHED_SHOWN}")
    typer.echo("  用 with: campuswatch register bind 名称|备案号|域名 服务标识")


def _known(service: str, catalogue: Catalogue) -> None:
    if service not in catalogue.ids:
        raise CommandEnd(USAGE, f"the catalogue has no service `{service}`")


def _service(app: str, catalogue: Catalogue) -> Service:
    """The service with this id, name or host. Raises CommandEnd."""
    wanted = plain_name(app)
    by_id = [each for each in catalogue.services if each.id == app.lower()]
    by_name = [
        each
        for each in catalogue.services
        if wanted in (*names_within(each.name_zh), *names_within(each.name_en))
    ]
    match = catalogue.match(app.lower())
    by_host = [catalogue.services[match.service]] if match else []
    for found in (by_id, by_name, by_host):
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each.id for each in found)
            raise CommandEnd(USAGE, f"`{app}` can be {ids}; say which")
    raise CommandEnd(USAGE, f"the catalogue knows no app `{app}`; give a service id, a name or a host")


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return day_of(text)
    except ValueError as error:
        raise CommandEnd(USAGE, f"{option}: {error}") from None


def _last_day(register: Register) -> date | None:
    """The latest day that a list names, so that nothing depends on a clock."""
    days = [each.told.first for each in register.lists]
    days += [fact.first for each in register.lists for entry in each.entries for fact in entry.facts]
    return max((day for day in days if day is not None), default=None)


def _values(state: State) -> str:
    return "、".join(VALUE_WORDS[value][0] + " " + VALUE_WORDS[value][1] for value in state.values)


def _words(state: State) -> str:
    if not state.known:
        return _values(state)
    since = f"自 since {state.since}" if state.since else ""
    return f"{_values(state)} ({' '.join(filter(None, (since, state.source, state.document)))})"

