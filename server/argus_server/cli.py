"""The command line: what there is, its help, and how errors are told."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from argus_lab.errors import ArgusError, InvalidArgument, SettingError
from argus_lab.settings import Settings
from argus_server.commands.dashboard import SETTINGS as DASHBOARD_SETTINGS
from argus_server.commands.serve import SETTINGS as SERVE_SETTINGS
from argus_server.commands.up import SETTINGS as UP_SETTINGS
from argus_server.options import takes_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="argus-lab",
    help="OpenTelemetry traces of chatbots and agents in, correct DataFrames out.",
    epilog="Example: argus-lab demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def common(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error. Env: ARGUS_DEBUG.")
    ] = False,
) -> None:
    """OpenTelemetry traces of chatbots and agents in, correct DataFrames out."""
    if debug:
        os.environ["ARGUS_DEBUG"] = "1"


@app.command(epilog="Example: argus-lab serve --port 4318 --lake traces --workers 2 --keep 90d")
@takes_settings(*SERVE_SETTINGS)
def serve(
    settings: Settings,
    *,
    stop_with_stdin: Annotated[
        bool, typer.Option("--stop-with-stdin", help="Stop when standard input ends.", hidden=True)
    ] = False,
) -> int:
    """Receive OpenTelemetry traces and keep them in the lake.

    Without --port it serves on 4000 and 4318, or on the one of the two that is free. Ctrl-C stops it
    once everything acknowledged is in the lake.
    """
    from argus_server.commands import serve as command

    return command.serve(settings, stop_with_stdin=stop_with_stdin)


@app.command(epilog="Example: argus-lab dashboard --lake traces --port 5006")
@takes_settings(*DASHBOARD_SETTINGS, port="dashboard_port")
def dashboard(
    settings: Settings,
    *,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
    stop_with_stdin: Annotated[
        bool, typer.Option("--stop-with-stdin", help="Stop when standard input ends.", hidden=True)
    ] = False,
) -> int:
    """Show the pages of a lake in a browser: sessions, latency, tokens.

    They are served to this machine only, on 127.0.0.1; no receiver is needed.
    """
    from argus_server.commands import dashboard as command

    return command.dashboard(settings, is_open=not no_browser, stop_with_stdin=stop_with_stdin)


@app.command(epilog="Example: argus-lab up --lake traces --lab")
@takes_settings(*UP_SETTINGS)
def up(
    settings: Settings,
    *,
    lab: Annotated[bool, typer.Option("--lab", help="JupyterLab on the folder notebooks too.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> int:
    """Receive traces and show the pages of the lake they go to; Ctrl-C stops everything."""
    from argus_server.commands import up as command

    return command.up(settings, lab=lab, no_browser=no_browser)


@app.command("import", epilog="Example: argus-lab import traces.jsonl.gz export.pb --default-project my-bot")
@takes_settings("lake", "default_project", "rules", "max_body")
def import_(
    settings: Settings,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="OTLP (JSON, JSON lines, protobuf), or what Phoenix and MLflow export (JSON, JSON lines, "
            "Parquet); each may be gzipped."
        ),
    ],
) -> int:
    """Bring files of traces into the lake; no receiver is needed.

    JSON lines of OTLP are read as the Collector's file exporter writes them: one export request a line.
    """
    from argus_server.commands import importing as command

    return command.import_files(settings, files)


@app.command(epilog="Example: argus-lab compact --lake traces --keep 90d")
@takes_settings("lake", "keep", "target_file_size", "vacuum_after")
def compact(settings: Settings) -> int:
    """Merge small files, apply retention, and delete files that nothing needs any more."""
    from argus_server.commands import compact as command

    return command.compact(settings)


@app.command(epilog="Example: argus-lab renormalize --lake traces --project my-bot --since 30d")
@takes_settings("lake", "rules")
def renormalize(
    settings: Settings,
    *,
    project: Annotated[list[str] | None, typer.Option(help="Only this project; repeatable.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only spans that started at this time or later: 2026-03-01T00:00Z, 30d."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only spans that started before this time.")] = None,
) -> int:
    """Apply today's conventions and your own rules to the spans that a lake holds already.

    Columns that are derived from attributes are made again from what was sent, in one atomic commit. A
    receiver may be running; restart it first, so that it knows the same rules.
    """
    from argus_server.commands import renormalize as command

    return command.renormalize(settings, project or None, since, until)


@app.command(epilog="Example: argus-lab doctor --port 4318")
@takes_settings("host", "port", "lake")
def doctor(settings: Settings) -> int:
    """Check a running receiver from end to end and explain what is wrong.

    It sends test spans to the project argus-doctor and reads them back from the lake.
    """
    from argus_server.commands import doctor as command

    return command.doctor(settings)


@app.command(epilog="Example: argus-lab demo --once")
@takes_settings("host", "port", "dashboard_port")
def demo(
    settings: Settings,
    *,
    lake: Annotated[
        str | None,
        typer.Option(
            help="Lake of the demo; by default a new one in a temporary folder.", show_default=False
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print what was found and exit.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> int:
    """Start a receiver on a lake of its own, send it the sample sessions, and show what arrived."""
    from argus_server.commands import demo as command

    return command.demo(settings, lake, once=once, no_browser=no_browser)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 if it succeeded, 1 if it failed, 2 if it was used wrongly."""
    sys.exit(_status(arguments))


def _status(arguments: Sequence[str] | None) -> int:
    try:
        # Not standalone: Typer then returns the command's status and leaves errors to us.
        return app(args=arguments, prog_name="argus-lab", standalone_mode=False) or 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # `argus-lab ... | head`
        sys.stdout = None  # so that Python does not flush it at exit
        return FAILED
    except Exception as error:  # noqa: BLE001  the command line is the last place an error comes to
        return _told(error)


def _told(error: Exception) -> int:
    """One line on stderr; with --debug the traceback before it."""
    # Typer's own errors of use have no public common class; this is their public shape.
    usage = getattr(error, "format_message", None)
    if os.environ.get("ARGUS_DEBUG") and usage is None:
        traceback.print_exception(error)
    if usage is not None:
        if not usage():  # no command was given, and the help has been shown
            return WRONG_USE
        message, status = f"{usage()} (argus-lab --help shows what there is)", WRONG_USE
    elif isinstance(error, SettingError | InvalidArgument):
        message, status = str(error), WRONG_USE
    elif isinstance(error, ArgusError | OSError):
        message, status = str(error), FAILED
    else:
        message = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
        status = FAILED
    print(f"argus-lab: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201  it is the answer
    return status
