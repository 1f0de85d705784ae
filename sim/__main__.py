"""The command line: Hydra composes a configuration, one study runs.

Exit codes: 0 done · 1 a check failed · 2 bad input · 3 could not finish, or a job of a sweep failed · 130 or 143
stopped by a signal.
Help and version are answered here, before anything heavy is imported.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sim import _paths

if TYPE_CHECKING:
    from sim.scenario.source import Source

DONE: Final = 0
CHECK_FAILED: Final = 1
BAD_INPUT: Final = 2
NOT_FINISHED: Final = 3
#: Hydra's switch for errors as Python tells them.
FULL_ERROR: Final = "HYDRA_FULL_ERROR"

HELP: Final = """\
escalation: what reports of a crisis imply under openly stated assumptions.

Reads a scenario (what the reports claim, on what basis), plays it forward thousands of times, and shows how
likely each outcome is, how soon it comes, and how far the uncertain inputs move the answer.

  escalation [KEY=VALUE ...] [+experiments=NAME] [--config-dir DIR] [-m]

Studies
{studies}
Scenarios
{scenarios}
Experiments: named studies with their settings; the first line of each file is its question
{experiments}
Often changed
  as_of=2025-09-27              forecast from what was known on that date; until=90: its end, in days or a date
  run.replications=100000       more simulated histories; those already there are kept; run.seed=7: other luck
  run.past=restart              forget what had and had not happened since the crisis began
  run.again=true                compute a complete run again, compare; run.method=splitting: chances far below 1 %
  results=DIR                   where run folders go (./results)
  engine=reference              how histories are computed; executor=serial: where
  -m KEY=1,2,3                  a sweep: several runs, with one index, table and figure
  --config-dir DIR              own scenarios in DIR/scenario/, own studies in DIR/study/
  --cfg job                     print the configuration and stop; --hydra-help for the rest
  -sc install=bash              what makes Tab complete these: eval "$(escalation -sc install=bash)"

The last line printed is the run folder (of a sweep: the folder of its index).
Exit codes: 0 done, 1 a check failed, 2 bad input, 3 not finished or a job failed, 130 or 143 stopped by a signal.
"""

#: Studies that share a line.
TOGETHER: Final = (
    (("tornado", "sensitivity", "discover", "threshold"), "What drives the answer, and which inputs turn it?"),
    (("list", "show", "report", "plot", "diff"), "Stored runs: all, one again, its page, its figures, how two differ."),
    (("new", "check", "describe"), "A scenario of one's own: a template, its problems, what it says."),
    (("score", "register", "resolve", "ledger"), "How good were forecasts? Those written down before one knew, too."),
    (("benchmark", "cost", "verify", "random_models"), "How fast are the engines, what do runs cost; are they exact?"),
)


class Stopped(BaseException):
    """The process was asked to end (SIGTERM)."""


class Unheard(BaseException):
    """Nobody reads standard output any more. No Exception, for Hydra would report one."""


def main() -> NoReturn:
    """Run the command line and exit."""
    _prepare_streams()
    try:
        code = _answer(sys.argv[1:])
        sys.stdout.flush()
    except (BrokenPipeError, Unheard):
        # The reader has seen enough. Nothing more can be said, also not while Python shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    except KeyboardInterrupt:
        code = _stopped(130)
    except Stopped:
        code = _stopped(143)
    sys.exit(code)


def _prepare_streams() -> None:
    """Streams that can be written to whatever the shell gave us: closed, or unable to show a dash."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _answer(arguments: list[str]) -> int:
    if any(argument in ("--help", "-h") for argument in arguments):
        print(help_page(), end="")
        return DONE
    if "--version" in arguments:
        import sim

        print(f"escalation {sim.__version__}")
        return DONE
    signal.signal(signal.SIGTERM, _terminate)
    return _hydra()


def help_page() -> str:
    """Our own page, from the files of the configuration."""
    try:
        conf = _paths.conf_dir()
        groups = {
            "studies": ("study", conf / "study"),
            "scenarios": ("scenario", conf / "scenario"),
            "experiments": ("+experiments", _paths.experiments_dir()),
        }
    except FileNotFoundError as error:
        return f"{HELP.format(studies='', scenarios='', experiments='')}\n{error}\n"
    shown = {}
    for part, (prefix, folder) in groups.items():
        says = {path.stem: _first_comment(path) for path in sorted(folder.glob("*.yaml"))}
        if part == "experiments":
            shown[part] = _wrapped(f"{prefix}={', '.join(says)}")
            continue
        for names, what in TOGETHER if part == "studies" else ():
            if says.keys() >= set(names):
                says = {name: text for name, text in says.items() if name not in names} | {", ".join(names): what}
        shown[part] = "".join(_line(f"{prefix}={name}", text) for name, text in says.items())
    return HELP.format(**shown)


def _line(name: str, text: str) -> str:
    return f"  {name:<29} {text}\n" if len(name) < 30 else f"  {name}  {text}\n"


def _wrapped(text: str) -> str:
    import textwrap

    return textwrap.fill(text, 110, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False) + "\n"


def _first_comment(path: os.PathLike[str]) -> str:
    """The first line of a file that is a comment in words, cut short."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            text = line.lstrip("# ").strip()
            if line.startswith("#") and text and not text.startswith("@"):
                return text if len(text) <= 88 else f"{text[:87].rstrip()}…"
            if not line.startswith("#"):
                break
    return ""


def _hydra() -> int:
    """Let Hydra compose and call the job; several times with -m."""
    asked_for = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"  # so that errors reach us instead of being printed and turned into 1
    try:
        return _composed(wanted=asked_for == "1")
    finally:
        if asked_for is None:
            del os.environ[FULL_ERROR]
        else:
            os.environ[FULL_ERROR] = asked_for


def _composed(*, wanted: bool) -> int:
    """What Hydra composes, done; ``wanted``: errors as Python tells them."""
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from sim.scenario import hydra_source
    from sim.studies import experiments, hydra_messages
    from sim.studies.sweep import study as sweep
    from sim.studies.sweep import sweeper

    try:
        conf, folder = _paths.conf_dir(), _paths.experiments_dir()
    except FileNotFoundError as error:
        return _fail(str(error), NOT_FINISHED)

    experiments.install(folder)
    asked = shlex.join(["escalation", *sys.argv[1:]])
    codes: list[int] = []
    jobs: list[sweep.Job] = []

    def job(configuration: Any) -> None:
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode
        from omegaconf import OmegaConf

        found = HydraConfig.get()
        source = hydra_source.source_of(found.runtime.choices)
        if found.mode is RunMode.RUN:
            codes.append(_job(configuration, asked, source, raising=wanted))
            return
        # The jobs of a sweep are done once all of them could be composed. Each is named by its own overrides, so that
        # it can be run alone.
        overrides = list(found.overrides.task)
        command = shlex.join(["escalation", *_options(sys.argv[1:]), *overrides])
        plain: Any = OmegaConf.to_container(configuration, resolve=True, throw_on_missing=True)
        jobs.append(sweep.Job(plain, sweeper.typed(overrides), command, source, sweeper.launcher_of(found.launcher)))

    application = hydra.main(version_base="1.3", config_path=str(conf), config_name="config")(job)
    try:
        hydra_messages.check(sys.argv[1:])
        application()
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        if wanted:
            raise
        return _fail(hydra_messages.words(error), BAD_INPUT)
    if len(jobs) == 1 and not _sweeps(sys.argv[1:]):
        # An experiment that is a sweep, with one value given on the command line: a plain run.
        return _job(jobs[0].configuration, asked, jobs[0].source, raising=wanted)
    if jobs:
        return _guarded(lambda: NOT_FINISHED if sweep.run(jobs, asked) else DONE, jobs[0].source, raising=wanted)
    return codes[0] if codes else DONE


def _options(arguments: list[str]) -> list[str]:
    """The options among the arguments, with their values, but for the one that asks for a sweep."""
    from sim.studies.hydra_messages import FLAGS

    options: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("-") and not _sweeps([argument]):
            options.append(argument)
            if FLAGS.get(argument) is not None:
                options.append(next(rest, ""))
    return options


def _sweeps(arguments: list[str]) -> bool:
    return any(argument in ("-m", "--multirun") for argument in arguments)


def _job(configuration: Any, command: str, source: Source, *, raising: bool) -> int:
    """One study."""

    def study() -> int:
        from omegaconf import OmegaConf

        from sim.studies import command as studies

        plain: Any = configuration
        if OmegaConf.is_config(configuration):
            plain = OmegaConf.to_container(configuration, resolve=True, throw_on_missing=True)
        return studies.run(plain, command, source)

    return _guarded(study, source, raising=raising)


def _guarded(work: Callable[[], int], source: Source, *, raising: bool) -> int:
    """Do the work; its errors become messages and codes."""
    import traceback

    from omegaconf.errors import OmegaConfBaseException

    from sim.studies import hydra_messages
    from sim.studies.settings import CheckError

    told: BaseException
    try:
        return work()
    except BrokenPipeError:
        raise Unheard from None
    except (ValueError, OmegaConfBaseException) as error:
        code, text, told = BAD_INPUT, hydra_messages.placed(error, source), error
    except (RuntimeError, OSError, MemoryError) as error:
        code, text, told = NOT_FINISHED, str(error) or type(error).__name__, error
    except CheckError as error:
        code, text, told = CHECK_FAILED, str(error), error
    except Exception as error:
        if not (isinstance(error, ModuleNotFoundError) and error.name is None):
            # A fault of the program: whoever mends it needs to know where, and 1 would mean a check.
            traceback.print_exc()
            return NOT_FINISHED
        # An optional extra; who looked for it says what to install.
        code, text, told = BAD_INPUT, str(error), error
    if raising:
        traceback.print_exception(told)
    return _fail(text, code)


def _fail(text: str, code: int) -> int:
    print(f"escalation: {text}", file=sys.stderr)
    return code


def _stopped(code: int) -> int:
    # A second signal must not spoil the ending.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _fail("stopped; what was done is kept, and the same command goes on from there", code)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped


if __name__ == "__main__":
    main()
