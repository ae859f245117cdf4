"""The verbs and their options. Each imports what it needs when it is called."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from monitor import __version__
from monitor.errors import USAGE, CommandEnd, user_errors
from monitor.verbs.catalogue_verbs import catalogue, explain
from monitor.verbs.model_verbs import model
from monitor.verbs.options import ConfigFile
from monitor.verbs.register_verbs import register
from monitor.verbs.self_verbs import doctor, status
from monitor.verbs.self_verbs import top as watch_live


class Format(StrEnum):
    """How the summary is shown."""

    table = "table"
    json = "json"


class Addresses(StrEnum):
    """What becomes of internal addresses in results."""

    keep = "keep"
    pseudonym = "pseudonym"


#: Longer than the daemon itself waits for its processes.
_RELOAD_SECONDS = 90.0

application = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)
configuration = typer.Typer(no_args_is_help=True, help="配置 · the configuration")
application.add_typer(configuration, name="config")
application.add_typer(register, name="register")
application.add_typer(model, name="model")
application.add_typer(catalogue, name="catalogue")
application.command(help="一个名称属于什么、为什么 · what a host name is, and which entry says so")(explain)
application.command(help="自检与改法 · what stands in the way of seeing everything, and the remedy")(doctor)
application.command(help="守护进程的状况 · how the running daemon is, and why")(status)
application.command(name="top", help="实时查看 · the running daemon, live")(watch_live)

#: What the command-line parser raises. Which module that class lives in differs between versions
#: of typer; it is the one ancestor of BadParameter that can show itself.
_USAGE_ERRORS: Any = tuple(kind for kind in typer.BadParameter.__mro__ if hasattr(kind, "show"))


def dispatch(arguments: list[str]) -> int:
    """Run the verb that the arguments name; its exit code. Raises CommandEnd, KeyboardInterrupt."""
    try:
        code = get_command(application).main(arguments, "campuswatch", standalone_mode=False)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except _USAGE_ERRORS as error:
        error.show()
        raise CommandEnd(USAGE) from error
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"campuswatch {__version__}")
        raise typer.Exit


@application.callback(help="校园网络应用监测 · what apps do on a campus network")
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="版本 · the version")
    ] = False,
) -> None:
    """Options of the command itself."""


@application.command(help="读抓包，得出流、名称、类别、异常 · captures to flows, names, classes, scores")
def replay(
    captures: Annotated[
        list[str],
        typer.Argument(metavar="CAPTURE...", help="pcap or pcapng, plain, gzip or zstd; - is standard input"),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="结果目录 · folder of results")
    ] = None,
    config: ConfigFile = None,
    form: Annotated[Format, typer.Option("--format", help="摘要格式 · form of the summary")] = Format.table,
    addresses: Annotated[
        Addresses, typer.Option("--addresses", help="校内地址 · internal addresses in results")
    ] = Addresses.keep,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="图表页面 · a page to look at")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", metavar="N", min=1, max=64, help="读包进程数，结果不变 · processes; same results"
        ),
    ] = 1,
) -> int:
    """Replay captures."""
    with user_errors():
        _check_key(config, addresses)
        from monitor.replay.replay import replay as work

        pseudonymise = addresses is Addresses.pseudonym
        return work(captures, out, config, form is Format.json, pseudonymise, report, workers)


@application.command(help="监测接口，或播放抓包 · watch interfaces, or play a capture, with /metrics")
def run(
    interfaces: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", metavar="IFACE", help="镜像口 · a tap's interface; repeatable"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="抓包进程数 · capture processes")
    ] = None,
    capture: Annotated[
        str | None,
        typer.Option("--replay", metavar="CAPTURE", help="抓包 · the shipped campus day without one"),
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", metavar="N|max", help="几倍速 · times as fast as it was recorded")
    ] = "1",
    config: ConfigFile = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="播完后保留指标端口 · keep /metrics up after the end, until Ctrl-C")
    ] = False,
) -> int:
    """Run as if live."""
    with user_errors():
        if _watches(interfaces, capture, config):
            from monitor.daemon.watch import watch

            return watch(interfaces or [], workers, config)
        from monitor.replay.live import parsed_speed, play

        return play(capture, parsed_speed(speed), config, stay)


@application.command(help="与已知事件对照，评估检测 · measure what is found against a truth file")
def evaluate(
    captures: Annotated[list[str], typer.Argument(metavar="CAPTURE...", help="as for replay")],
    truth: Annotated[Path, typer.Option("--truth", metavar="T.json", help="已知事件 · what happened")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="结果目录 · folder of results")] = Path(
        "evaluation"
    ),
    config: ConfigFile = None,
    live: Annotated[
        bool, typer.Option("--live", help="如实时一样学习 · learn on the schedule, as a running sensor does")
    ] = False,
) -> int:
    """Evaluate the detectors."""
    with user_errors():
        from monitor.evaluate.harness import evaluate as work

        return work(captures, truth, out, config, live)


@application.command(help="让守护进程重读配置 · have the daemon take its new configuration")
def reload(config: ConfigFile = None) -> int:
    """Ask the running daemon to reload."""
    with user_errors():
        from monitor.config.config import State
        from monitor.config.config_file import ConfigError, load
        from monitor.daemon.control import ask
        from monitor.places import CONTROL, runtime_directory

        try:
            state = load(config).state
        except ConfigError:
            state = State()  # the daemon says what is wrong, and counts it
            if not (runtime_directory(state) / CONTROL).exists():
                raise
        answer = ask(runtime_directory(state) / CONTROL, "reload", _RELOAD_SECONDS)
        if not answer["ok"]:
            raise CommandEnd(USAGE, f"沿用原配置 the old configuration stays: {answer['problem']}")
        typer.echo("新配置已生效 the new configuration is in effect")
        return 0


@application.command(
    help="编译并缓存内核，安装后运行一次 · compile and cache the kernels, once after installation"
)
def warm() -> int:
    """Fill the kernel cache."""
    with user_errors():
        from monitor.kernels.warm import warm as work

        return work()


@application.command(help="按场景生成带真值的校园抓包 · an invented campus, with its truth")
def simulate(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO.yaml")],
    out: Annotated[Path, typer.Option("--out", metavar="X.pcap", help="抓包 · the capture")],
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="X.json", help="真值 · incidents and embeddings")
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Write an invented campus."""
    with user_errors():
        from monitor.simulate.simulate import simulate as work

        return work(scenario, out, truth, config)


@configuration.command(help="检查配置及其所指的文件 · check a configuration and what it names")
def check(path: Annotated[Path | None, typer.Argument(metavar="FILE")] = None) -> None:
    """Check a configuration file."""
    with user_errors():
        from monitor.config.check import check as work

        work(path)


@configuration.command(help="显示生效的配置 · show the configuration in effect, as YAML")
def show(
    path: Annotated[Path | None, typer.Argument(metavar="FILE")] = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="每项的出处 · and where each value comes from: file:line")
    ] = False,
) -> None:
    """Show the effective configuration."""
    with user_errors():
        from monitor.config import config_file

        config, tree = config_file.load_with_places(path)
        text = config_file.show_with_places(config, tree) if effective else config_file.show(config)
        typer.echo(text, nl=False)


def _watches(interfaces: list[str] | None, capture: str | None, config: Path | None) -> bool:
    """Whether `run` is asked for interfaces, by option or, without --replay, by the configuration."""
    if interfaces and capture is not None:
        raise CommandEnd(USAGE, "-i and --replay exclude each other")
    if interfaces or capture is not None:
        return bool(interfaces)
    if "NOTIFY_SOCKET" in os.environ:
        return True  # a service never plays the demonstration: without an interface it says so
    from monitor.config.config_file import load

    return bool(load(config).capture.interfaces)


def _check_key(config: Path | None, addresses: Addresses) -> None:
    """Pseudonyms without a key could be undone by trying all addresses."""
    from monitor.config.config_file import load

    if addresses is Addresses.pseudonym and load(config).privacy.key_file is None:
        raise CommandEnd(USAGE, "--addresses pseudonym needs privacy.key_file in the configuration")
