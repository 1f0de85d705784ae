"""What the command line says when Hydra cannot make sense of it: the place, the words, why, and what to write.

Hydra's own messages name classes and search paths, and advise `+key` for a misspelt key. Here the arguments are looked
at before Hydra sees them, and what Hydra still refuses is put in our words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.scenario.problems import COMMAND_LINE, ScenarioError, nearest, shown

if TYPE_CHECKING:
    from sim.scenario.source import Source

#: Lines of a message that are worth reading.
MOST_LINES: Final = 12
GROUPS: Final = ("scenario", "study", "experiments")
#: Flags of Hydra's with what follows them; None where nothing does, and no choices where any word may follow.
FLAGS: Final[dict[str, tuple[str, ...] | None]] = {
    "--config-dir": (), "-cd": (), "--multirun": None, "-m": None, "--run": None, "-r": None,
    "--cfg": ("job", "hydra", "all"), "-c": ("job", "hydra", "all"), "--resolve": None, "--package": (), "-p": (),
    "--hydra-help": None, "--info": None, "-i": None, "--shell-completion": None, "-sc": None,
}  # fmt: skip
#: Flags that would put other files in place of ours, or that read a pickle.
REFUSED: Final = ("--config-path", "-cp", "--config-name", "-cn", "--experimental-rerun")


class ArgumentError(ValueError):
    """Arguments that cannot be meant; the message names them and says what to write."""


def check(arguments: Sequence[str]) -> None:
    """Refuse unknown flags, a --config-dir that is none, and a key given twice. Raises ArgumentError."""
    long = next((argument for argument in arguments if re.search(r"\d{400}", argument)), None)
    if long is not None:  # Python refuses to read the longest
        raise _said(f"{long[:40]}…", "a number of so many digits is not exact; write a smaller one")
    rest: list[str] = []
    todo = iter(arguments)
    for argument in todo:
        if not argument.startswith("-") or argument == "-":
            rest.append(argument)
            continue
        flag, equals, value = argument.partition("=")
        if flag in REFUSED or flag not in FLAGS:
            raise _said(argument, _no_flag(flag))
        wanted = FLAGS[flag]
        if wanted is None:
            continue
        value = value if equals else next(todo, "")
        if not value or (wanted and value not in wanted):
            what = " or ".join(wanted) if wanted else "a folder" if flag in ("--config-dir", "-cd") else "a word"
            raise _said(flag, f"{what} must follow" + (f", not {shown(value)}" if value else ""))
        if flag in ("--config-dir", "-cd"):
            _check_folder(f"{flag} {value}", Path(value))
    _check_twice(rest)


def words(error: BaseException) -> str:
    """A refusal of Hydra's in our words, at most so many lines."""
    from hydra.errors import MissingConfigException, OverrideParseException

    if isinstance(error, ScenarioError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing(error.missing_cfg_file, list(error.options or ()), str(error))
    if isinstance(error, OverrideParseException):
        return _unparsed(error.override, error.message)
    text = str(error).strip()
    for pattern, why in _REFUSALS:
        match = re.search(pattern, text, flags=re.DOTALL)
        if match:
            return f"{COMMAND_LINE}: {why.format(*match.groups())}"
    return shortened(error)


def placed(error: BaseException, source: Source) -> str:
    """The message of an error, with the place of the setting that it begins with, where one is known."""
    from sim.studies.settings import SettingError

    if not isinstance(error, SettingError):
        return words(error) if type(error).__module__.startswith("omegaconf") else str(error)
    key = re.match(r"[a-z_][\w.]*(?=:)", str(error))
    place = source.setting(key[0]) if key else ""
    return f"{place}: {error}" if place else str(error)


_REFUSALS: Final = (
    (r"Ambiguous value for argument '([^=]*)=(.*?)'\n",
     "{0}={1}: a comma makes several values: write a number without it, a list as [a,b], a text in quotes, "
     "and add -m to run each value"),
    (r"Sweep parameters '(.*?)' requires", "{0}: several values; add -m to run each of them"),
    (r"Could not override 'experiments'", "experiments: an experiment is added: write +experiments=NAME"),
    (r"Could not override '(.*?)'\. No match in the defaults list",
     "{0}: this group is not in use; write scenario=NAME or study=NAME"),
    (r"Could not override '(.*?)'\.\s+Did you mean to override (.*?)\?", "{0}: there is no such group; write {1}=NAME"),
    (r"Could not append to config\. An item is already at '(.*?)'",
     "{0}: is there already; write it without the + before it"),
    (r"Could not delete from config\. '(.*?)' does not exist", "~{0}: there is no such key to take away"),
    (r"Could not delete '(.*?)'", "~{0}: cannot be taken away; a run needs it"),
    (r"Multiple values for (\S+?)\.", "{0}: chosen twice; once is enough"),
    (r"Config group override must be a string or a list\. Got (\S+)",
     "a scenario, study or experiment is chosen by its name, as in scenario=NAME; this is a {0}"),
    (r"force-add of config groups is not supported: '(.*?)'", "{0}: write one + only"),
    (r"looks like a config group override, but config group '(.*?)' does not exist",
     "{0}: there is no such group; choose with scenario=NAME, study=NAME or +experiments=NAME"),
)  # fmt: skip


def shortened(error: BaseException) -> str:
    """A message of Hydra's, with its cause, cut to what is worth reading."""
    lines = str(error).strip().splitlines()
    if error.__cause__ is not None and str(error.__cause__) not in str(error):
        lines += str(error.__cause__).strip().splitlines()
    kept = []
    for line in lines:
        if line.startswith(("Config search path", "Search path")):
            break
        unwanted = ("full_key:", "object_type=", "See https:", "To append to your")
        if line.strip() and not line.strip().startswith(unwanted):
            kept.append(line.rstrip())
    return "\n".join(kept[:MOST_LINES]) or type(error).__name__


# --------------------------------------------------------------------------------------------------------- arguments
def _said(argument: str, why: str) -> ArgumentError:
    return ArgumentError(f"{COMMAND_LINE}: {argument if argument.isprintable() else repr(argument)}: {why}")


def _no_flag(flag: str) -> str:
    if flag in REFUSED:
        return "is not offered here; own files lie in DIR/scenario, DIR/study, DIR/experiments with --config-dir DIR"
    near = nearest(flag, FLAGS) if flag.startswith("--") else None
    name = flag.strip("-").replace("-", "_")
    hint = f" (did you mean {near!r}?)" if near else f"; a setting is written KEY=VALUE, such as {_setting(name)}"
    return f"there is no such flag{hint}"


def _setting(name: str) -> str:
    from dataclasses import fields

    from sim.studies.settings import Settings

    known = {field.name: f"run.{field.name}={field.default}" for field in fields(Settings)}
    known |= {"as_of": "as_of=2025-11-17", "until": "until=90", "results": "results=DIR", "scenario": "scenario=NAME"}
    known |= {"study": "study=NAME", "experiments": "+experiments=NAME"}
    near = nearest(name, known)
    return known[near] if near else "run.replications=20000"


def _check_folder(argument: str, folder: Path) -> None:
    if not folder.exists():
        raise _said(argument, "there is no such folder")
    if not folder.is_dir():
        raise _said(argument, "is a file; name the folder that holds scenario/, study/ or experiments/")
    if any((folder / group).is_dir() for group in GROUPS):
        return
    if folder.resolve().name in GROUPS:
        raise _said(argument, f"name the folder above it: the one that holds {folder.resolve().name}/")
    raise _said(argument, "holds no folder scenario/, study/ or experiments/; own files lie in those")


def _check_twice(overrides: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for override in overrides:
        key, equals, _ = override.lstrip("+~").partition("=")
        if equals and key in seen:
            raise _said(override, f"{key} is given twice (first as {seen[key]}); keep one")
        seen[key] = override


# ------------------------------------------------------------------------------------------------------- refusals
def _missing(file: str, options: list[str], said: str) -> str:
    """A scenario, study or experiment that is not there."""
    from sim.scenario import hydra_source

    group, _, name = file.removesuffix(".yaml").partition("/")
    if not name:
        return shortened(ValueError(said))
    key = f"+{group}" if group == "experiments" else group
    place = hydra_source.chosen_in(group, name) or COMMAND_LINE
    near = nearest(name.rpartition("/")[2], options)
    file = shown(f"{key}={name}")[1:-1]
    lines = [f"{place}: {file}: there is no such {group.removesuffix('s')}"]
    if near:
        lines[0] += f" (did you mean {near!r}?)"
    if options:
        lines += list(_wrapped("there are ", options))
    if group == "scenario" and ("/" in name or not near):
        lines.append("one's own scenario lies at DIR/scenario/NAME.yaml: write --config-dir DIR scenario=NAME")
    return "\n".join(lines[:MOST_LINES])


def _unparsed(override: str, why: str) -> str:
    """An override that cannot be read."""
    text = override if override.isprintable() else repr(override)
    key, equals, value = override.partition("=")
    if not equals and key in ("help", "version"):
        remedy = f"write escalation --{key}"
    elif not equals:
        remedy = "write it as KEY=VALUE, such as run.seed=7"
    elif re.search(r"[^\w.@/+~$-]", key.strip()):
        remedy = "a key holds letters, digits, _ and dots; write other signs in it as _ (times.talks_is_open)"
    elif value.count("'") % 2 or value.count('"') % 2:
        remedy = "a quotation mark is not closed"
    elif any(value.count(a) != value.count(b) for a, b in ("[]", "{}", "()")):
        remedy = "a bracket is not closed"
    else:
        first = value.replace("'", "\\'")
        remedy = f"put the value in quotes inside the shell's own: \"{key}='{first}'\""
    reason = why.splitlines()[-1] if equals and why.splitlines() else ""
    reason = f" ({reason})" if reason and "rror parsing" not in reason and "See " not in reason else ""
    return f"{COMMAND_LINE}: {text}: cannot be read; {remedy}{reason}"


def _wrapped(before: str, names: Sequence[str]) -> Iterator[str]:
    """Names in lines that fit a terminal."""
    import textwrap

    yield from textwrap.wrap(before + ", ".join(names), 110, subsequent_indent=" " * len(before))[:4]
