"""The order of a whole run: what takes long begins first, and what needs the compiled kernel waits until it is made.

Making the kernel takes a processor for a minute or two, once on a machine. A run on several processes makes it beside
the tests, so that they do not make it once each.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Goes through the README, command by command.
LONGEST = "test_readme.py"
#: Tests of the engines that simulate with the compiled one.
KERNEL = (
    "test_benchmark.py", "test_benchmark_kernel.py", "test_between.py", "test_compiled.py", "test_duplicates.py",
    "test_metamorphic.py", "test_mutants.py", "test_parity.py", "test_random_models.py", "test_residuals.py",
    "test_step.py",
)  # fmt: skip
MAKE = (
    "from sim.engines import compiled; from sim.engines.interface import plan; "
    "from sim.model.compiled import compile_model; from tests.models import rivals; "
    "compiled.simulate(compile_model(rivals()), plan(1, 10.0, 1))"
)
_MAKING = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: 0 if item.path.name == LONGEST else 2 if item.path.name in KERNEL else 1)


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", None):
        config.stash[_MAKING] = subprocess.Popen(
            [sys.executable, "-c", MAKE], cwd=config.rootpath, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    making = session.config.stash.get(_MAKING, None)
    if making is not None:
        making.kill()
        making.wait()
