"""Hydra reads scenarios and experiments with the strict reader.

Hydra finds a configuration through a source, one class for each kind of address (``file://``, ``pkg://``). Here is one
for files that hands everything below ``scenario/``, ``study/`` and ``experiments/`` to :mod:`sim.scenario.reading` and
the rest to OmegaConf, as Hydra's own does. Composition, sweeps and ``--config-dir`` stay Hydra's. The line of every
key is remembered for the messages of later checks.

A folder of one's own (``--config-dir``) shows its groups and nothing else, whatever lies beside them, and where it has
a file of a shipped name, that file is the one that is read.

Hydra is imported when :func:`install` is called, so that importing this module costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.scenario import hydra_overrides
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import Reading, read_file
from sim.scenario.source import Layer, Source

if TYPE_CHECKING:
    from hydra.plugins.config_source import ConfigSource

#: Config groups whose files are read strictly.
STRICT: Final = ("scenario", "study", "engine", "executor", "experiments")
_OWN: Final = "command-line"  # what Hydra calls the provider of --config-dir
_HEADER: Final = 512  # characters that Hydra searches for lines such as `# @package _global_`

#: What was read: config path without ending, such as ``scenario/two_rivals`` -> the file.
_read: dict[str, Reading] = {}
#: Folders of ``--config-dir`` in the latest search path, and the groups of the main folder.
_own: list[Path] = []
_groups: set[str] = set()


def install() -> None:
    """Make Hydra use the strict reader from now on; calling it again changes nothing."""
    from hydra._internal.sources_registry import SourcesRegistry
    from hydra.core.plugins import Plugins

    Plugins.instance()  # registers Hydra's own sources first, if that has not been done
    # SourcesRegistry.register keeps the first class of a scheme, and `--config-dir` always means `file://`:
    # replacing the entry is the only way to serve a user's own folder too.
    SourcesRegistry.instance().types["file"] = _source_class()
    hydra_overrides.install()


def source_of(choices: Mapping[str, Any]) -> Source:
    """Source behind a composed ``cfg.scenario``, from Hydra's choices (``hydra.runtime.choices``: group -> name).

    The scenario's file comes first, then the experiments' parts below their key ``scenario``. Empty when the scenario
    was not read through Hydra. The files of study and experiments tell where settings come from.
    """
    settings = []
    for reading in _chosen("study", choices):
        whole = "@package _global_" in reading.text[:_HEADER]
        lines = reading.lines if whole else {("study", *path): line for path, line in reading.lines.items()}
        settings.append(Layer(reading.file, reading.data if whole else {"study": reading.data}, lines))
    layers = [Layer(base.file, base.data, base.lines) for base in _chosen("scenario", choices)]
    for reading in _chosen("experiments", choices):
        settings.append(Layer(reading.file, reading.data, reading.lines))
        part = reading.data.get("scenario")
        if isinstance(part, Mapping) and layers:
            lines = {path[1:]: line for path, line in reading.lines.items() if path[:1] == ("scenario",)}
            layers.append(Layer(reading.file, part, lines))
    return Source(tuple(layers), settings=tuple(settings), overridden=hydra_overrides.overridden())


def chosen_in(group: str, name: str) -> str:
    """Place of the experiment that chooses a file of a group in its defaults: file and line, or nothing."""
    for key, reading in _read.items():
        for i, entry in enumerate(reading.data.get("defaults") or ()) if key.startswith("experiments/") else ():
            if isinstance(entry, Mapping) and entry.get(f"override /{group}") == name:
                line = reading.lines.get(("defaults", i))
                return f"{reading.file}:{line}"
    return ""


def _chosen(group: str, choices: Mapping[str, Any]) -> Iterator[Reading]:
    """The files chosen from a group, as they were read."""
    chosen = choices.get(group)
    for name in chosen if isinstance(chosen, list | tuple) else (chosen,):
        reading = _read.get(f"{group}/{str(name).removesuffix('.yaml')}")
        if reading is not None:
            yield reading


@cache
def _source_class() -> type[ConfigSource]:
    from hydra.core.object_type import ObjectType
    from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
    from omegaconf import OmegaConf

    class StrictFileSource(ConfigSource):
        """Files on disk, scenarios, studies and experiments among them read strictly."""

        def __init__(self, provider: str, path: str) -> None:
            super().__init__(provider, path if "://" in path else f"file://{path}")
            # Hydra makes the sources in the order of its search path, the main folder before one's own.
            if provider == "main":
                _own.clear()
                _groups.clear()
                _groups.update(STRICT, (folder.name for folder in self.on_disk("").glob("*/")))
            elif provider == _OWN:
                _own.append(self.on_disk(""))

        @staticmethod
        def scheme() -> str:
            return "file"

        def on_disk(self, config_path: str) -> Path:
            return Path(os.path.realpath(os.path.join(self.path, config_path)))

        def load_config(self, config_path: str) -> ConfigResult:
            name = self._normalize_file_name(config_path)
            full = self.on_disk(name)
            if not full.exists():
                raise ConfigLoadError(f"Config not found : {full}")
            if name.partition("/")[0] in STRICT:
                try:
                    reading = read_file(_shown(full))
                except ScenarioError as error:
                    raise hydra_overrides.refusal()(error.problems) from None
                _read[name.removesuffix(".yaml")] = reading
                text, config = reading.text, OmegaConf.create(reading.data)
            else:
                text = full.read_text(encoding="utf-8")
                config = OmegaConf.load(full)  # type: ignore[assignment]
            return ConfigResult(
                provider=self.provider,
                path=self.full_path(),
                config=config,
                header=self._get_header_dict(text[:_HEADER]),
            )

        def available(self) -> bool:
            return self.is_group("")

        def is_group(self, config_path: str) -> bool:
            return self.shows(config_path) and self.on_disk(config_path).is_dir()

        def is_config(self, config_path: str) -> bool:
            name = self._normalize_file_name(config_path)
            if not self.shows(config_path) or (self.provider == _OWN and "/" not in name):
                return False
            if self.provider != _OWN and "/" in name and any((own / name).exists() for own in _own):
                return False
            # Whatever else of the name is there (a folder, a pipe) is refused by the reader, with the reason.
            return self.on_disk(name).exists()

        def shows(self, config_path: str) -> bool:
            parts = config_path.strip("/").split("/")
            return ".." not in parts and (self.provider != _OWN or parts[0] in ("", *_groups))

        def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
            files: list[str] = []
            for file in sorted(os.listdir(self.on_disk(config_path))):
                path = os.path.join(config_path, file)
                if self.shows(path):
                    self._list_add_result(files, path, file, results_filter)
            return sorted(set(files))

    return StrictFileSource


def _shown(path: Path) -> str:
    """A path as messages name it: relative where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
