"""Every scenario that ships builds on every date on which one of its reports appeared, and says what it rests on."""

import pickle
from pathlib import Path

import pytest

from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.scenario.scenario import free_judgements
from sim.scenario.schema import File
from sim.scenario.source import Source

FILES = sorted((Path(__file__).parents[2] / "conf" / "scenario").glob("*.yaml"))
MOST_JUDGEMENTS = 20


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_it_builds_on_every_date(file: Path) -> None:
    reading = read_file(file)
    default = build(reading.data, source=Source.of(reading))
    assert default.name == file.stem
    for date in sorted({report.date for report in default.reports.values()} | {default.as_of}):
        found = build(reading.data, as_of=date, source=Source.of(reading))
        assert found.as_of == date
        assert len(free_judgements(found)) <= MOST_JUDGEMENTS
        assert pickle.loads(pickle.dumps(found)).spec == found.spec  # as workers get it


def test_editors_get_a_schema_of_all_keys() -> None:
    described = File.model_json_schema()
    assert {"format", "as_of", "state", "actions", "not_modelled"} <= set(described["properties"])
    assert described["additionalProperties"] is False
    action = described["$defs"]["Action"]["properties"]
    assert {"while", "rate", "after", "either", "then", "from"} <= set(action)
