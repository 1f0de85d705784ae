"""A page of a small run, and what can be read from a page without a browser."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from sim.scenario.scenario import Scenario
from sim.studies.forecast import Result, forecast
from sim.studies.report import study as report
from sim.studies.settings import Settings
from tests.runs import small

QUICK = Settings(replications=600, inputs=20, histories=10)
#: A label that would run if it were not escaped, one from the right, and one too long for a line.
HOSTILE = "<script>document.title='run'</script><img src=x onerror=alert(1)>"
ARABIC = "ضربة أولى على الأرض 15"
LONG = "a very_long_word_without_any_blank_in_it_that_goes_on_and_on_and_on_and_on_for_a_hundred_signs_and_more"


def written(scenario: Scenario, results: Path, settings: Settings = QUICK) -> tuple[Result, str]:
    """A forecast with its page."""
    found = forecast(scenario, settings, results, command="escalation")
    return found, report.write(found, scenario, settings).read_text(encoding="utf-8")


def hostile() -> Scenario:
    """The small scenario with labels of every kind."""
    text = small.TEXT
    for old, new in {
        "title: A small crisis": f'title: "{HOSTILE}"',
        'says: "North has struck"': f'says: "{ARABIC}"',
        'says: "shots were fired"': f'says: "{LONG}"',
        "label: North,": f'label: "{HOSTILE}",',
        "meaning: how tense it is": f'meaning: "{ARABIC} {HOSTILE}"',
        "outlet: A paper": f'outlet: "{HOSTILE}"',
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return small.scenario(text)


class Page(HTMLParser):
    """Every element with its attributes, in order, and the text outside of style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data

    def of(self, tag: str) -> Iterator[dict[str, str]]:
        """Attributes of every element of a kind."""
        return (attributes for name, attributes in self.elements if name == tag)
