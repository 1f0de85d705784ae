"""Configuration and experiments are found in a checkout, in an editable install and in a wheel installed elsewhere."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sim import _paths

ROOT = Path(__file__).parents[1]
SMALL = ["+experiments=baseline", "scenario=two_rivals", "as_of=null", "run.replications=200", "study.figures=false"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def escalation(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m sim`` of one copy of the package, run in another folder."""
    return subprocess.run(
        [sys.executable, "-m", "sim", *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_checkout_and_an_editable_install_read_the_folders_of_the_repository() -> None:
    assert _paths.conf_dir() == ROOT / "conf"
    assert _paths.experiments_dir() == ROOT / "experiments"


def test_a_wheel_installed_elsewhere_carries_both_and_gives_the_same_forecast(unpacked: Path, tmp_path: Path) -> None:
    shipped = {p.relative_to(unpacked / "sim" / "_shipped") for p in (unpacked / "sim" / "_shipped").rglob("*.yaml")}
    here = {p.relative_to(ROOT) for part in ("conf", "experiments") for p in (ROOT / part).rglob("*.yaml")}
    assert shipped == here
    asked = escalation(unpacked, tmp_path, "--help")
    assert "scenario=venezuela_2025" in asked.stdout
    elsewhere = escalation(unpacked, tmp_path, *SMALL)
    assert elsewhere.returncode == 0, elsewhere.stderr
    beside = escalation(ROOT, tmp_path, *SMALL, "results=beside")
    table = "Where it stands"
    assert table in elsewhere.stdout
    # All but the last line, which names the folder.
    assert elsewhere.stdout.splitlines()[:-1] == beside.stdout.splitlines()[:-1]


def test_a_wheel_carries_whatever_lies_beside_the_code(unpacked: Path) -> None:
    kinds = (".j2", ".css", ".js", ".yaml", ".json")
    beside = {p.relative_to(ROOT) for p in (ROOT / "sim").rglob("*") if p.suffix in kinds}
    assert Path("sim/report/report.html.j2") in beside
    assert not [path for path in beside if not (unpacked / path).is_file()]


def test_without_the_folders_the_message_says_what_is_missing(unpacked: Path, tmp_path: Path) -> None:
    bare = tmp_path / "site"
    (bare / "sim").mkdir(parents=True)
    for file in (unpacked / "sim").rglob("*.py"):
        target = bare / file.relative_to(unpacked)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    found = escalation(bare, tmp_path, "scenario=two_rivals")
    assert found.returncode != 0
    assert "conf" in found.stderr
