"""Lets Hydra find the named experiments, which lie beside ``conf/`` and not inside it.

Hydra takes every folder on its search path for a group. The folder that holds ``experiments/`` may hold anything (in
a checkout: ``results``, ``sim``, ``tests``), and a group called results would hide the setting of that name. So the
folder is put on the path under an address of its own that shows the experiments and nothing else.
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

    from sim.scenario import hydra_source

    hydra_source.install()
    strict: Any = SourcesRegistry.instance().resolve("file")

    class ExperimentsSource(strict):  # type: ignore[misc]
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

    SourcesRegistry.instance().types["experiments"] = ExperimentsSource
    Plugins.instance().register(ExperimentsPath)
