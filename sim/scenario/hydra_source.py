"""Hydra reads scenarios and experiments with the strict reader.

Hydra finds a configuration through a source, one class for each kind of address (``file://``, ``pkg://``). Here is one
for files that hands everything below ``scenario/`` and ``experiments/`` to :mod:`sim.scenario.reading` and the rest to
OmegaConf, as Hydra's own does. Composition, overrides, sweeps and ``--config-dir`` stay Hydra's. The line of every
key is remembered for the messages of later checks.

Hydra is imported when :func:`install` is called, so that importing this module costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.scenario.problems import ScenarioError
from sim.scenario.reading import Reading, read_file
from sim.scenario.source import Layer, Source

if TYPE_CHECKING:
    from hydra.plugins.config_source import ConfigSource

#: Config groups whose files are read strictly.
STRICT: Final = ("scenario", "experiments")
_HEADER: Final = 512  # characters that Hydra searches for lines such as `# @package _global_`

#: What was read: config path without ending, such as ``scenario/two_rivals`` -> the file.
_read: dict[str, Reading] = {}


def install() -> None:
    """Make Hydra use the strict reader from now on; calling it again changes nothing."""
    from hydra._internal.sources_registry import SourcesRegistry
    from hydra.core.plugins import Plugins

    Plugins.instance()  # registers Hydra's own sources first, if that has not been done
    # SourcesRegistry.register keeps the first class of a scheme, and `--config-dir` always means `file://`:
    # replacing the entry is the only way to serve a user's own folder too.
    SourcesRegistry.instance().types["file"] = _source_class()


def source_of(choices: Mapping[str, Any]) -> Source:
    """Source behind a composed ``cfg.scenario``, from Hydra's choices (``hydra.runtime.choices``: group -> name).

    The scenario's file comes first, then the experiments' parts below their key ``scenario``. Empty when the scenario
    was not read through Hydra.
    """
    layers = []
    base = _read.get(f"scenario/{choices.get('scenario')}")
    if base is None:
        return Source()
    layers.append(Layer(base.file, base.data, base.lines))
    for name in _names(choices.get("experiments")):
        reading = _read.get(f"experiments/{name}")
        part = reading.data.get("scenario") if reading else None
        if reading and isinstance(part, Mapping):
            lines = {path[1:]: line for path, line in reading.lines.items() if path[:1] == ("scenario",)}
            layers.append(Layer(reading.file, part, lines))
    return Source(tuple(layers))


def _names(chosen: Any) -> Iterator[str]:
    if isinstance(chosen, str):
        yield chosen
    elif isinstance(chosen, list | tuple):
        yield from (str(name) for name in chosen)


@cache
def _source_class() -> type[ConfigSource]:
    from hydra.core.object_type import ObjectType
    from hydra.errors import ConfigCompositionException
    from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
    from omegaconf import OmegaConf

    class FileError(ScenarioError, ConfigCompositionException):
        """A ScenarioError that Hydra prints without a traceback."""

    class StrictFileSource(ConfigSource):
        """Files on disk, scenarios and experiments among them read strictly."""

        def __init__(self, provider: str, path: str) -> None:
            super().__init__(provider, path if "://" in path else f"file://{path}")

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
                    raise FileError(error.problems) from None
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
            return self.on_disk(config_path).is_dir()

        def is_config(self, config_path: str) -> bool:
            return self.on_disk(self._normalize_file_name(config_path)).is_file()

        def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
            files: list[str] = []
            for file in sorted(os.listdir(self.on_disk(config_path))):
                self._list_add_result(files, os.path.join(config_path, file), file, results_filter)
            return sorted(set(files))

    return StrictFileSource


def _shown(path: Path) -> str:
    """A path as messages name it: relative where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
