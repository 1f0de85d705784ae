"""Tab in bash: what is completed after `eval "$(escalation -sc install=bash)"`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).with_name("escalation")
SCRIPT = """\
eval "$(escalation -sc install=bash)"
complete -p escalation
for COMP_LINE in "escalation study=torn" "escalation scenario=two_rivals scenario.inputs.talks_"; do
  COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_POINT=${#COMP_LINE}; COMPREPLY=()
  hydra_bash_completion
  echo "${COMPREPLY[*]}"
done
"""


@pytest.mark.skipif(shutil.which("bash") is None or not PROGRAM.is_file(), reason="no bash, or no console script")
def test_tab_completes_studies_and_keys_of_a_scenario(tmp_path: Path) -> None:
    path = os.pathsep.join([str(PROGRAM.parent), os.environ.get("PATH", "")])
    found = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    registered, study, keys = found.stdout.splitlines()
    assert registered.endswith("hydra_bash_completion escalation")
    assert study == "study=tornado"
    assert set(keys.split()) == {"scenario.inputs.talks_end.", "scenario.inputs.talks_x."}
    assert not list(tmp_path.iterdir())
