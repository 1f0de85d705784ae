"""Lets Hydra find the named experiments, which lie beside ``conf/`` and not inside it.

Hydra takes every folder on its search path for a group. The folder that holds ``experiments/`` may hold anything (in
a checkout: ``results``, ``sim``, ``tests``), and a group called results would hide the setting of that name. So the
folder is put on the path under an address of its own that shows the experiments and nothing else.

An experiment may be a sweep: ``sweep: {run.seed: [1, 2, 3]}`` says over what, see :mod:`sim.studies.sweep.sweeper`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

GROUP: Final = "experiments"


def install(folder: Path) -> None:
    """Add the experiments in ``folder`` (called ``experiments``) to what Hydra composes from, read strictly."""
    from hydra._internal.sources_registry import SourcesRegistry
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin
    from omegaconf import OmegaConf

    from sim.scenario import hydra_source
    from sim.studies.sweep import sweeper

    hydra_source.install()
    sweeper.install()
    strict: Any = SourcesRegistry.instance().resolve("file")

    class SweepingSource(strict):  # type: ignore[misc]
        """The strict source; experiments, one's own too, may hold a sweep."""

        def load_config(self, config_path: str) -> Any:
            result = super().load_config(config_path)
            if config_path.partition("/")[0] == GROUP and "sweep" in result.config:
                file = str(self.on_disk(self._normalize_file_name(config_path)))
                plain: Any = OmegaConf.to_container(result.config)
                result.config = OmegaConf.create(sweeper.translated(plain, file))
            return result

    class ExperimentsSource(SweepingSource):
        """The strict source, seen through a hole of one group."""

        def __init__(self, provider: str, path: str) -> None:
            super().__init__(provider, f"file://{path.removeprefix('experiments://')}")

        @staticmethod
        def scheme() -> str:
            return "file"

        def is_group(self, config_path: str) -> bool:
            return self._shows(config_path) and bool(super().is_group(config_path))

        def is_config(self, config_path: str) -> bool:
            return self._shows(config_path) and bool(super().is_config(config_path))

        def list(self, config_path: str, results_filter: Any) -> list[str]:
            found: list[str] = super().list(config_path, results_filter)
            return [name for name in found if config_path or name == GROUP]

        @staticmethod
        def _shows(config_path: str) -> bool:
            return config_path.strip("/").split("/")[0] in ("", GROUP)

    class ExperimentsPath(SearchPathPlugin):
        """Puts the address on the search path."""

        def manipulate_search_path(self, search_path: Any) -> None:
            search_path.append("escalation", f"experiments://{folder.parent}")

    SourcesRegistry.instance().types["file"] = SweepingSource
    SourcesRegistry.instance().types["experiments"] = ExperimentsSource
    Plugins.instance().register(ExperimentsPath)
