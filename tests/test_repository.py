"""What holds for the repository as a whole: who imports whom, what no file may name, one test command."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim import _paths

REPO = Path(__file__).resolve().parent.parent

# From top to bottom. A module imports from strictly lower rows or from its own part; parts in one row are
# siblings and do not know each other. Helpers (sim/_name.py) stand in the lowest row.
LAYERS = (
    {"__main__"},
    {"__init__"},
    {"studies"},
    {"report", "figures"},
    {"beliefs"},
    {"runs"},
    {"scenario", "engines"},
    {"model", "statistics", "_helper"},
)
RANK = {part: rank for rank, row in enumerate(LAYERS) for part in row}
MAX_LINES = 655  # SimPy's longest file
MAY_USE_MATPLOTLIB = {"report", "figures"}
LIGHT = {"__main__", "__init__"}  # what starts the program: only the standard library and helpers


def part_of(dotted: str) -> str:
    """The part of sim/ that a dotted name such as ``sim.runs.store`` belongs to."""
    names = dotted.split(".")
    name = names[1] if len(names) > 1 else "__init__"
    return "_helper" if re.match(r"_(?!_)", name) else name


def imports(tree: ast.Module, package: list[str], *, on_load: bool) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported; with `on_load`, only what runs when the module is loaded."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            names = [*base, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*names, alias.name])) for alias in node.names)
        elif on_load and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        elif on_load and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend(node.orelse)
        else:
            todo.extend(ast.iter_child_nodes(node))


def import_faults(root: Path) -> list[str]:
    """Every import under ROOT/sim that breaks the order of the parts, as ``file:line: why``."""
    faults = []
    for path in sorted((root / "sim").rglob("*.py")):
        where = path.relative_to(root)
        package = list(where.parent.parts)
        own = part_of(".".join([*package, path.stem]))
        if own not in RANK:
            faults.append(f"{where}:1: no such part in the order: {own}")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(where))
        for line, name in imports(tree, package, on_load=False):
            top = name.split(".")[0]
            if top == "matplotlib" and own not in MAY_USE_MATPLOTLIB:
                faults.append(f"{where}:{line}: {own} imports matplotlib")
            if top != "sim":
                continue
            other = part_of(name)
            # "from sim import run" names something of sim/__init__.py, not a part.
            other = other if other in RANK else "__init__"
            same = other == own and other != "_helper"
            if not same and RANK[other] <= RANK[own]:
                faults.append(f"{where}:{line}: {own} imports {other}")
        for line, name in imports(tree, package, on_load=True):
            top = name.split(".")[0]
            if name.startswith("scipy.stats"):
                faults.append(f"{where}:{line}: scipy.stats on load")
            light = top in sys.stdlib_module_names or (own in LIGHT and part_of(name) == "_helper")
            if own in LIGHT | {"_helper"} and not light:
                faults.append(f"{where}:{line}: {own} loads {top}")
    return faults


# Draws are named and counted (sim/model); a generator shared by the whole process would break replay. A
# generator made with a seed, such as np.random.default_rng(7), is not shared.
GLOBAL_GENERATOR = re.compile(
    r"^\s*(?:import|from)\s+random\b"
    r"|\bfrom\s+numpy\.random\s+import\b|\bfrom\s+numpy\s+import\s+.*\brandom\b"
    r"|\b(?:np|numpy)\.random\.(?!default_rng\(\s*[^)\s]|(?:Bit)?Generator\b|SeedSequence\b|PCG64\b|Philox\b)"
)


def global_generators(root: Path) -> list[str]:
    """Every line under ROOT/sim that uses a process-wide random generator; benchmarks' peers are exempt."""
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sorted((root / "sim").rglob("*.py"))
        if not path.relative_to(root / "sim").as_posix().startswith("studies/benchmark")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if GLOBAL_GENERATOR.search(line)
    ]


# Put together from pieces, so that this file does not name them either.
MACHINE_PATH = re.compile(rf"(?<![\w.~])/(?:{'|'.join(('work', 'root', 'tmp'))})/")
REGISTRY_HOST = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org")


def foreign_names(root: Path, files: list[str]) -> list[str]:
    """Every line that names a folder of one machine or, outside the lock file, a package registry."""
    faults = []
    for name in files:
        try:
            lines = (root / name).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # a picture
            continue
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line) or (name != "uv.lock" and REGISTRY_HOST.search(line)):
                faults.append(f"{name}:{number}: {line.strip()[:100]}")
    return faults


def repository_files() -> list[str]:
    """Files that git tracks or would track."""
    git = shutil.which("git")
    if git is None or not (REPO / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "-C", str(REPO), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted(name for name in set(listed) if name and (REPO / name).is_file())


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_imports_point_downwards() -> None:
    assert import_faults(REPO) == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("sim/model/rates.py", "from sim.scenario import load", "1: model imports scenario"),
        ("sim/model/rates.py", "import sim.statistics", "1: model imports statistics"),
        ("sim/model/rates.py", "from sim import _paths", "1: model imports _helper"),
        ("sim/engines/lockstep.py", "def f():\n    from sim import scenario", "2: engines imports scenario"),
        ("sim/engines/lockstep.py", "from ..runs.plan import Plan", "1: engines imports runs"),
        ("sim/runs/__init__.py", "from sim import run", "1: runs imports __init__"),
        ("sim/runs.py", "from . import beliefs", "1: runs imports beliefs"),
        ("sim/oracle/x.py", "", "1: no such part in the order: oracle"),
        ("sim/runs/plots.py", "def f():\n    import matplotlib.pyplot", "2: runs imports matplotlib"),
        ("sim/model/fit.py", "from scipy import stats", "1: scipy.stats on load"),
        ("sim/__main__.py", "import numpy", "1: __main__ loads numpy"),
        ("sim/__init__.py", "try:\n    from sim.runs import run\nfinally: ...", "2: __init__ loads sim"),
        ("sim/_paths.py", "import yaml", "1: _helper loads yaml"),
    ],
)
def test_a_wrong_import_is_reported(tmp_path: Path, path: str, text: str, fault: str) -> None:
    assert import_faults(write(tmp_path, {path: text})) == [f"{path}:{fault}"]


def test_right_imports_are_not_reported(tmp_path: Path) -> None:
    lazy = "from sim import _paths\nif TYPE_CHECKING:\n    from sim.runs import Result\n"
    files = {
        "sim/__main__.py": lazy + "def main():\n    from sim.studies import forecast",
        "sim/__init__.py": lazy + "def run():\n    from sim.runs import run",
        "sim/figures/ladder.py": "import matplotlib\nfrom sim.model import State\nfrom .style import ink",
        "sim/engines/exact.py": "import scipy.sparse\ndef f():\n    from scipy import stats",
        "sim/model/state.py": "import numpy\nfrom .bounds import Bound\nfrom sim.model import draws",
    }
    assert import_faults(write(tmp_path, files)) == []


def test_no_global_generator() -> None:
    assert global_generators(REPO) == []


def test_a_global_generator_is_reported(tmp_path: Path) -> None:
    bad = [
        "import random",
        "from numpy import pi, random",
        "x = np.random.normal()",
        "np.random.default_rng()",
    ]
    good = ["g = np.random.default_rng(7)", "def f(g: np.random.Generator): ...", "random_input = 1"]
    write(tmp_path, {"sim/a.py": "\n".join(bad + good), "sim/studies/benchmark/peer.py": "import random"})
    assert global_generators(tmp_path) == [f"sim/a.py:{number}: {line}" for number, line in enumerate(bad, 1)]


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert foreign_names(REPO, repository_files()) == []


def test_a_machine_path_and_a_registry_are_reported(tmp_path: Path) -> None:
    host = "https://" + "pypi" + ".org/simple"
    write(tmp_path, {"a.md": f"see {host}\nin /{'tmp'}/x\nhttps://x.example/{'work'}/y", "uv.lock": host})
    faults = foreign_names(tmp_path, ["a.md", "uv.lock"])
    assert [fault.split(": ")[0] for fault in faults] == ["a.md:1", "a.md:2"]


def test_files_stay_short() -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in (REPO / "sim").rglob("*.py")}
    assert {str(path): length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_ci_runs_the_readme_command() -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2, "one command for the forecast, one for the tests"
    [tests] = [command for command in commands if "pytest" in command]
    assert f"run '{tests}'\n" in (REPO / ".ci" / "run").read_text(encoding="utf-8")


def test_one_version_everywhere() -> None:
    version = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (REPO / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("home", ["", "sim/_shipped/"])
def test_configuration_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    write(tmp_path, {f"{home}conf/config.yaml": "", f"{home}experiments/x.yaml": ""})
    monkeypatch.setattr(_paths, "_PACKAGE", tmp_path / "sim")
    assert _paths.conf_dir() == tmp_path / home / "conf"
    assert _paths.experiments_dir() == tmp_path / home / "experiments"


def test_a_missing_configuration_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paths, "_PACKAGE", tmp_path / "sim")
    with pytest.raises(FileNotFoundError, match=r"neither .*conf.config\.yaml nor .*_shipped.*reinstall"):
        _paths.conf_dir()
