"""What holds for a whole verification - engines, sizes, seeds, the limit -, its table and its score."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sim.engines import compiled, lockstep, reference
from sim.model.compiled import compile_model
from sim.model.proofs import ModelError
from sim.studies.oracles import rare
from sim.studies.oracles.cases import BadOracle, Case, Query, read
from sim.studies.oracles.expressions import Unsupported
from sim.studies.oracles.importing import Imported, import_case
from sim.studies.oracles.questions import Question, ask
from sim.studies.oracles.runs import Simulate
from sim.studies.oracles.tally import FAMILY, Judged, threshold, z_of
from sim.studies.oracles.verdict import Collected

SIMULATORS: Final[dict[str, Simulate]] = {
    "lockstep": lockstep.simulate,
    "reference": reference.simulate,
    "compiled": compiled.simulate,
}
_HEAD: Final = ("case", "query", "engine", "histories", "exact", "estimate", "z", "verdict")
_WIDTHS: Final = (26, 18, 10, 10, 16, 16, 9, 0)


@dataclass
class Scores:
    """Engines, histories by engine, seeds, where lines go; and the score.

    ``lines`` keeps every row of the table with unrounded numbers; ``collected`` the z's that stand for the cases;
    ``split`` the questions too rare for plain histories, which splitting answers.
    """

    engines: list[str]
    counts: dict[str, int]
    seeds: Sequence[int]
    out: Callable[[str], None]
    limit: float = 0.0
    passed: int = 0
    failed: int = 0
    unsupported: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    early: list[tuple[str, str, str, str]] = field(default_factory=list)
    unreadable: list[BadOracle] = field(default_factory=list)
    collected: Collected = field(default_factory=Collected)
    lines: list[dict[str, Any]] = field(default_factory=list)
    split: list[Question] = field(default_factory=list)

    @property
    def simulators(self) -> list[str]:
        """Engines that simulate."""
        return [engine for engine in self.engines if engine in SIMULATORS]

    def prepared(self, path: Path) -> tuple[Imported | None, list[Question]]:
        """A file's model and questions; what cannot be had is noted for the report."""
        case: Case | None = None
        try:
            case = read(path)
            imported = import_case(case)
            compile_model(imported.spec(), tables=False, strict=False)
        except BadOracle as error:
            self.unreadable.append(error)
            self.early.append((path.stem, "", "", str(error)))
            return None, []
        except (Unsupported, ModelError) as error:
            self.early.append((case.id if case else path.stem, "", "", str(error)))
            return None, []
        questions = []
        for query in case.queries:
            try:
                question = ask(imported, query)
            except Unsupported as error:
                self.early.append((case.id, query.id, "", str(error)))
                continue
            split = "lockstep" in self.engines and rare.wanted(imported, question, self.counts["lockstep"])
            if query.exact_only and not split and "exact" not in self.engines:
                self.early.append((case.id, query.id, "", "for the exact engine only"))
                continue
            questions.append(question)
            if split:
                self.split.append(question)
        return imported, questions

    def begin(self, questions: Sequence[Sequence[Question]]) -> None:
        """Fix the limit and print the head."""
        tested = [q.numbers for each in questions for q in each if not q.query.exact_only]
        numbers = max(1, (sum(tested) * len(self.simulators) + len(self.split)) * len(self.seeds))
        self.limit = threshold(numbers)
        sizes = ", ".join(f"{e} ({self.counts[e]:,} histories)" if e in self.counts else e for e in self.engines)
        seeds = f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"seeds {', '.join(map(str, self.seeds))}"
        self.out(f"engines: {sizes}; {seeds}")
        self.out(
            f"{numbers:,} simulated numbers: one fails beyond |z| = {z_of(self.limit):.2f} (p = {self.limit:.1e}), "
            f"so that {FAMILY:g} is the chance of a false alarm in all"
        )
        self.out("")
        self._print(*_HEAD)
        for case, query, engine, reason in self.early:
            self.cannot(case, query, engine, reason)

    def _print(self, *cells: str) -> None:
        self.out(" ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip())

    def say(self, case: str, query: str, engine: str, text: str, histories: int | None = None) -> None:
        """A row without numbers."""
        self.lines.append({"case": case, "query": query, "engine": engine, "verdict": text, "histories": histories})
        self._print(case, query, engine, "" if histories is None else f"{histories:,}", "", "", "", text)

    def cannot(self, case: str, query: str, engine: str, reason: str) -> None:
        """What could not be judged."""
        self.unsupported += 1
        self.say(case, query or "-", engine or "-", f"unsupported: {reason}")

    def same(self, case: str, what: str, engine: str, histories: int, *, good: bool, note: str) -> None:
        """The result of an identity check."""
        self.score(good=good)
        verdict = ("passed" if good else "FAILED") + f" {note}"
        self.say(case, what, engine, verdict, histories)

    def score(self, *, good: bool) -> None:
        """Count a verdict."""
        self.passed += good
        self.failed += not good

    def judged(self, case: str, query: Query, engine: str, found: Sequence[Judged], note: str = "") -> None:
        """The verdict on a query: that of its worst number."""
        reasons = [j for j in found if j.reason]
        if reasons:
            self.cannot(case, query.id, engine, f"{reasons[0].expected.label} {reasons[0].reason} {note}".strip())
            return
        worst = min(found, key=lambda j: (j.p, -abs(j.z)))
        exact = engine == "exact"
        good = worst.p >= (0.5 if worst.sure else self.limit)
        chancy = [abs(j.z) for j in found if not j.sure]
        if chancy and not exact:
            self.worst[engine] = max(self.worst.get(engine, 0.0), *chancy)
        value, estimate = worst.expected.value, worst.estimate
        off = abs(estimate - value) / abs(value) if value else abs(estimate)
        z = f"{off:.0e}" if exact else ("equal" if good else "unequal") if worst.sure else f"{worst.z:+.2f}"
        self.score(good=good)
        point = f" worst of {len(found)}: {worst.expected.label}" if len(found) > 1 else ""
        text = ("passed" if good else "FAILED") + point + (f" {note}" if note else "")
        histories = "" if exact else f"{worst.count:,}"
        numbers = {"histories": worst.count, "exact": value, "estimate": estimate, "p": worst.p}
        if not worst.sure and math.isfinite(worst.z):
            numbers["z"] = worst.z
        self.lines.append({"case": case, "query": query.id, "engine": engine, "verdict": text, **numbers})
        self._print(case, query.id, engine, histories, f"{value:.10g}", f"{estimate:.10g}", z, text)

    def together(self) -> dict[str, object]:
        """Judge the z's of each engine as a whole, print that, and give it for JSON."""
        result: dict[str, object] = {}
        for engine in self.simulators:
            whole = self.collected.whole(engine)
            result[engine] = whole.data()
            if whole.together is not None:
                self.score(good=whole.verdict == "passed")
            if whole.together is not None or len(self.seeds) > 1:
                self.out(whole.told(engine))
        return result
