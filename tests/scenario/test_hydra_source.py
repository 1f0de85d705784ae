"""Hydra composes with the strict reader: scenarios and experiments keep their words, lines and refusals."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from sim.scenario import hydra_source
from sim.scenario.problems import ScenarioError
from sim.scenario.source import Source

CONFIG = "defaults:\n  - scenario: demo\n  - _self_\nas_of: null\nwhere: ${hydra:runtime.cwd}\nflag: yes\n"
DEMO = """\
name: demo
flag: no
time: 12:30
day: 2025-11-17
step: {up: +1, set: 1}
inputs:
  a: {value: 0.5}
  b.c: {value: 2}
"""
BIG = """\
# @package _global_
# What if a were large?
defaults:
  - override /scenario: other

scenario:
  inputs:
    a:
      value: 7
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, text in {
        "conf/config.yaml": CONFIG,
        "conf/scenario/demo.yaml": DEMO,
        "conf/scenario/other.yaml": DEMO.replace("demo", "other"),
        "experiments/big.yaml": BIG,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    hydra_source.install()
    yield tmp_path
    GlobalHydra.instance().clear()


def composed(folder: Path, *overrides: str) -> tuple[dict[str, Any], Source]:
    """Plain data of the scenario, and its source."""
    search = f"hydra.searchpath=[file://{folder}]"
    with initialize_config_dir(str(folder / "conf"), version_base="1.3"):
        config = compose("config", [search, *overrides], return_hydra_config=True)
    choices = OmegaConf.to_container(config.hydra.runtime.choices)
    assert isinstance(choices, dict)
    data = OmegaConf.to_container(config.scenario, resolve=False)
    assert isinstance(data, dict)
    return data, hydra_source.source_of({str(k): v for k, v in choices.items()})  # type: ignore[return-value]


def test_words_stay_words(folder: Path) -> None:
    data, _ = composed(folder)
    assert data == {
        "name": "demo", "flag": "no", "time": "12:30", "day": "2025-11-17", "step": {"up": "+1", "set": 1},
        "inputs": {"a": {"value": 0.5}, "b.c": {"value": 2}},
    }  # fmt: skip


def test_other_files_are_read_as_ever(folder: Path) -> None:
    with initialize_config_dir(str(folder / "conf"), version_base="1.3"):
        config = compose("config", [])
    assert config.flag is True  # OmegaConf's YAML 1.1


def test_lines_are_remembered(folder: Path) -> None:
    data, source = composed(folder)
    assert source.place(data, ("inputs", "a", "value")) == (str(folder / "conf/scenario/demo.yaml"), 7)
    assert source.place(data, ("inputs", "none")) == (str(folder / "conf/scenario/demo.yaml"), 6)
    assert source.changed(data, ("inputs",)) is None


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("scenario.inputs.a.value=0.1", ("inputs", "a", "value"), 0.1),
        ("scenario.inputs.a=0.1", ("inputs", "a"), 0.1),
        ("scenario.inputs.a.value=1 per 21 d", ("inputs", "a", "value"), "1 per 21 d"),
        ("scenario.flag=yes", ("flag",), "yes"),
        ("scenario.inputs.a.meaning=why not", ("inputs", "a", "meaning"), "why not"),
        ("scenario.day=2025-09-27", ("day",), "2025-09-27"),
    ],
)
def test_overrides_come_from_the_command_line(
    folder: Path, override: str, path: tuple[str, ...], value: object
) -> None:
    data, source = composed(folder, override)
    found: Any = data
    for part in path:
        found = found[part]
    assert found == value
    assert type(found) is type(value)
    assert source.place(data, path) == ("command line", None)
    assert source.changed(data, path) == "command line"
    assert source.place(data, ("name",)) == (str(folder / "conf/scenario/demo.yaml"), 1)


def test_experiments_lie_over_the_scenario(folder: Path) -> None:
    data, source = composed(folder, "+experiments=big")
    assert data["name"] == "other"
    assert data["inputs"]["a"] == {"value": 7}
    assert source.place(data, ("inputs", "a", "value")) == (str(folder / "experiments/big.yaml"), 9)
    assert source.place(data, ("name",)) == (str(folder / "conf/scenario/other.yaml"), 1)
    assert source.changed(data, ("inputs", "a", "value")) == str(folder / "experiments/big.yaml")
    assert source.changed(data, ("inputs", "b.c")) is None


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("conf/scenario/demo.yaml", "a: 1\nb: ${oc.env:HOME}\n", "2: b: `${` is not understood"),
        ("conf/scenario/demo.yaml", "a: 1\na: 2\n", "2: a: the key stands twice"),
        ("conf/scenario/demo.yaml", "a: {_target_: os.system}\n", "1: a._target_: this key could start code"),
        ("experiments/big.yaml", "# @package _global_\na: &x 1\n", "2: a: an anchor"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(folder: Path, file: str, text: str, problem: str) -> None:
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        composed(folder, *(["+experiments=big"] if "experiments" in file else []))
    assert str(caught.value).startswith(f"{folder / file}:{problem}")
    assert isinstance(caught.value, ConfigCompositionException)  # which Hydra prints without a traceback


def test_the_module_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, sim.scenario.hydra_source; print({'hydra', 'omegaconf', 'pydantic', 'numpy'} & set(sys.modules))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "set()\n"


APP = """
import hydra
from omegaconf import OmegaConf
from sim.scenario import hydra_source

hydra_source.install()

@hydra.main(version_base="1.3", config_path={conf!r}, config_name="config")
def main(config):
    print(config.scenario.name, repr(config.scenario.flag), repr(config.scenario.inputs.a.value))

main()
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    app = folder / "app.py"
    app.write_text(APP.format(conf=str(folder / "conf")), encoding="utf-8")
    command = [sys.executable, str(app), f"hydra.run.dir={folder}/out", f"hydra.sweep.dir={folder}/out", *arguments]
    root = str(Path(__file__).parents[2])
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": root}, check=False)


def test_a_sweep_and_a_folder_of_ones_own(folder: Path) -> None:
    own = folder / "own" / "scenario" / "mine.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(DEMO.replace("demo", "mine"), encoding="utf-8")
    done = run(folder, "scenario=demo,mine", "scenario.inputs.a.value=1,2", "-m", "--config-dir", str(own.parents[1]))
    printed = [line for line in done.stdout.splitlines() if "'no'" in line]
    assert printed == ["demo 'no' 1", "demo 'no' 2", "mine 'no' 1", "mine 'no' 2"], done.stderr


def test_a_bad_file_on_the_command_line_gives_no_traceback(folder: Path) -> None:
    (folder / "conf/scenario/demo.yaml").write_text("a: 1\nb: *x\n", encoding="utf-8")
    done = run(folder)
    assert done.returncode != 0
    assert done.stderr.startswith("conf/scenario/demo.yaml:2: ")
    assert "Traceback" not in done.stderr
