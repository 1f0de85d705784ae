"""The study behind ``study=verify``: exact oracle cases through the engines, with a verdict for every number.

Each case is read, simulated by the lockstep and the reference engine, and solved by the exact engine. A simulated
number fails when its two-sided p-value is below the Sidak limit that makes one false alarm in the whole invocation a
matter of one in a million (all tabulated points are counted); a solved one fails beyond a relative 1e-8. Beside the
numbers three things must be equal to the last bit: histories by tables and by expressions, by the reference and by
the lockstep engine, and the sequence of events where a case lists it.

How things are counted: a query once per engine that judges it (a time course by its worst point), an identity check
once. Unsupported counts a file that is no supported model once, and a query once per engine that should have judged it
and could not; the exact engine is not expected to solve a model that is no Markov chain unless it is the only one.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sim.engines import lockstep, reference
from sim.engines.interface import RAN_AWAY, SimulationError, plan
from sim.model.compiled import compile_model
from sim.model.proofs import ModelError
from sim.studies.oracles.bounds import tables_agree
from sim.studies.oracles.cases import BadOracle, Case, Query, find, read
from sim.studies.oracles.expressions import Unsupported
from sim.studies.oracles.importing import Imported, import_case
from sim.studies.oracles.questions import Question, ask
from sim.studies.oracles.runs import (
    TRIAL,
    TRIAL_EVENTS,
    Run,
    Simulate,
    chunks,
    event_times,
    runs_for,
    steady_run,
    take,
)
from sim.studies.oracles.solved import LOSS, Solver, compare
from sim.studies.oracles.tally import FAMILY, Judged, Known, Tally, judge, threshold, z_of
from sim.studies.order import Order, listed
from sim.studies.settings import whole

SETTINGS: Final = ("paths", "replications", "reference_replications", "engines", "seed")
SEED: Final = 20_251_126
ENGINES: Final = ("lockstep", "reference", "exact")
#: Histories compared between tables and expressions: this part of all, within these limits.
TABLE_SHARE: Final = 20
TABLE_LIMITS: Final = (200, 5_000)
#: A long-run window holds about so many events (more where nothing tells how soon the start is forgotten), and so
#: many events per replication asked for are spent on it.
WINDOW_EVENTS: Final = 250
BLIND_EVENTS: Final = 2_000
STEADY_BUDGET: Final = 200
STEADY_LEAST: Final = 200
#: A question for which too few histories differ gets so many times more, once.
MORE: Final = 8
#: The reference engine spends at most about so many events on a run, but simulates at least so many histories.
REFERENCE_EVENTS: Final = 20_000_000
REFERENCE_LEAST: Final = 100
#: With so many histories a run to a fixed time is tried on a few of them first.
_TRY: Final = 20_000
_SIMULATORS: Final[dict[str, Simulate]] = {"lockstep": lockstep.simulate, "reference": reference.simulate}
_HEAD: Final = ("case", "query", "engine", "histories", "exact", "estimate", "z", "verdict")
_WIDTHS: Final = (26, 18, 10, 10, 16, 16, 9, 0)


def answer(order: Order) -> int:
    """Verify the engines with the oracle files that the study's settings name."""
    study = order.study
    limit = study.get("reference_replications")
    return run(
        [Path(path) for path in listed(study.get("paths"), "study.paths")],
        whole(study.get("replications", order.settings.replications), "study.replications"),
        listed(study.get("engines", list(ENGINES)), "study.engines"),
        seed=whole(study.get("seed", order.settings.seed), "study.seed"),
        reference_replications=None if limit is None else whole(limit, "study.reference_replications"),
    )


def run(  # noqa: PLR0917 - in the order of the study's settings
    paths: Sequence[Path],
    replications: int,
    engines: Sequence[str],
    seed: int = SEED,
    reference_replications: int | None = None,
    out: Callable[[str], None] = print,
    *,
    compare_tables: bool = True,
) -> int:
    """Verify the engines against oracle files; returns the exit code (1 if anything failed, else 0).

    ``paths`` are files or folders (searched for ``*.json`` below them). ``reference_replications`` (default: as
    ``replications``) limits the slower reference engine. Lines go to ``out``; the last one is
    ``N passed, M failed, K unsupported``. ``compare_tables=False`` leaves out the comparison of tables and expressions.

    Raises BadOracle (a ValueError) for a path that is not there or when no file at all can be read, ValueError for
    an unknown engine or a number of replications below 2.
    """
    if not engines or not set(engines) <= set(ENGINES):
        raise ValueError(f"study.engines = {list(engines)}: choose among {', '.join(ENGINES)}")
    counts = {"lockstep": replications, "reference": min(replications, reference_replications or replications)}
    if min(counts.values()) < 2:
        raise ValueError(f"study.replications = {min(counts.values())}: at least 2 are needed")
    study = _Study(list(dict.fromkeys(engines)), counts, seed, out, compare_tables)
    work = [study.prepared(path) for path in find(paths)]
    if len(study.unreadable) == len(work):
        raise study.unreadable[0]
    study.begin([questions for _, questions in work])
    for imported, questions in work:
        if imported is not None:
            _CaseRun(study, imported, questions).everything()
    out("")
    if study.worst:
        shown = ", ".join(f"{engine} {z:.2f}" for engine, z in study.worst.items())
        out(f"largest |z| of a simulated number: {shown}")
    out(f"{study.passed} passed, {study.failed} failed, {study.unsupported} unsupported")
    return 1 if study.failed else 0


@dataclass
class _Study:
    """What holds for the whole invocation: engines, sizes, the limit, and the score."""

    engines: list[str]
    counts: dict[str, int]
    seed: int
    out: Callable[[str], None]
    compare_tables: bool
    limit: float = 0.0
    passed: int = 0
    failed: int = 0
    unsupported: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    early: list[tuple[str, str, str, str]] = field(default_factory=list)
    unreadable: list[BadOracle] = field(default_factory=list)

    @property
    def simulators(self) -> list[str]:
        return [engine for engine in self.engines if engine in _SIMULATORS]

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
                questions.append(ask(imported, query))
                if query.exact_only and "exact" not in self.engines:
                    questions.pop()
                    raise Unsupported("for the exact engine only")  # noqa: TRY301 - one way to be unsupported
            except Unsupported as error:
                self.early.append((case.id, query.id, "", str(error)))
        return imported, questions

    def begin(self, questions: Sequence[Sequence[Question]]) -> None:
        """Fix the limit and print the head."""
        tested = [q.numbers for each in questions for q in each if not q.query.exact_only]
        numbers = max(1, sum(tested) * len(self.simulators))
        self.limit = threshold(numbers)
        sizes = ", ".join(f"{e} ({self.counts[e]:,} histories)" if e in self.counts else e for e in self.engines)
        self.out(f"engines: {sizes}; seed {self.seed}")
        self.out(
            f"{numbers:,} simulated numbers: one fails beyond |z| = {z_of(self.limit):.2f} (p = {self.limit:.1e}), "
            f"so that {FAMILY:g} is the chance of a false alarm in all"
        )
        self.out("")
        self.line(*_HEAD)
        for case, query, engine, reason in self.early:
            self.cannot(case, query, engine, reason)

    def line(self, *cells: str) -> None:
        self.out(" ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip())

    def cannot(self, case: str, query: str, engine: str, reason: str) -> None:
        self.unsupported += 1
        self.line(case, query or "-", engine or "-", "", "", "", "", f"unsupported: {reason}")

    def same(self, case: str, what: str, engine: str, histories: int, *, good: bool, note: str) -> None:
        """The result of an identity check."""
        self.score(good=good)
        self.line(case, what, engine, f"{histories:,}", "", "", "", ("passed" if good else "FAILED") + f" {note}")

    def score(self, *, good: bool) -> None:
        self.passed += good
        self.failed += not good

    def judged(self, case: str, query: Query, engine: str, found: Sequence[Judged], note: str = "") -> None:
        """The verdict on a query: that of its worst number."""
        reasons = [j for j in found if j.reason]
        if reasons:
            self.cannot(case, query.id, engine, f"{reasons[0].expected.label} {reasons[0].reason}".strip())
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
        self.line(case, query.id, engine, histories, f"{value:.10g}", f"{estimate:.10g}", z, text)


@dataclass
class _CaseRun:
    """One case through all engines."""

    study: _Study
    imported: Imported
    questions: list[Question]

    def __post_init__(self) -> None:
        self.name = self.imported.case.id
        timed = [q.time for q in self.questions if q.form in ("at", "integral", "count")]
        self.solver = Solver(self.imported, max(timed, default=0.0))
        self.certain = _deterministic(self.imported)
        # A seed of its own per case: cases with actions of the same name would share their luck.
        digest = hashlib.blake2b(f"{self.study.seed}|{self.name}".encode(), digest_size=8).digest()
        self.seed = int.from_bytes(digest, "little") >> 1

    def everything(self) -> None:
        if "exact" in self.study.engines:
            self.solve()
        chancy = [q for q in self.questions if not q.query.exact_only]
        runs = self.runs([q for q in chancy if not q.form.startswith("steady")]) if self.study.simulators else []
        for engine in self.study.simulators:
            for each in runs:
                self.guarded(engine, each.questions, lambda engine=engine, each=each: self.simulate(engine, each))  # type: ignore[misc]
            steady = [q for q in chancy if q.form.startswith("steady")]
            if steady:
                self.guarded(engine, steady, lambda engine=engine, steady=steady: self.steady(engine, steady))  # type: ignore[misc]
            self.event_log(engine)
        if runs and self.study.compare_tables:
            self.tables(runs)

    def guarded(self, engine: str, questions: Sequence[Question], action: Callable[[], None]) -> None:
        """Run something; a history without a meaning fails the questions it was run for."""
        try:
            action()
        except SimulationError as error:
            for question in questions:
                self.study.score(good=False)
                self.study.line(self.name, question.query.id, engine, "", "", "", "", f"FAILED {error}")

    # ------------------------------------------------------------------------------------------------------ exact
    def solve(self) -> None:
        self.state_count()
        unfit: dict[str, None] = {}
        for question in self.questions:
            solved = self.solver.solve(question)
            if solved.reason:
                alone = not self.study.simulators or question.query.exact_only
                if alone or not solved.unfit:
                    self.study.cannot(self.name, question.query.id, "exact", solved.reason)
                else:
                    unfit[solved.reason] = None
                continue
            found = [
                compare(expected, moments)
                for part, moments in zip(question.parts, solved.parts, strict=True)
                for expected in part.expected
            ]
            self.study.judged(self.name, question.query, "exact", found)
        for reason in unfit:
            self.study.line(self.name, "-", "exact", *[""] * 4, f"no Markov chain: {reason}")

    def state_count(self) -> None:
        """The numbers of states and arcs, where the file knows them."""
        data = self.imported.case.data
        wanted = data.get("reachable_states"), data.get("reachable_arcs_merged")
        if not isinstance(wanted[0], int):
            return
        try:
            chain = self.solver.chain(math.inf)
        except (ValueError, SimulationError):
            return
        moving = chain.source != chain.target
        arcs = len({*zip(chain.source[moving].tolist(), chain.target[moving].tolist(), strict=True)})
        good = chain.size == wanted[0] and (not isinstance(wanted[1], int) or arcs == wanted[1])
        note = f"{chain.size:,} states, {arcs:,} arcs; the file says {wanted[0]:,} and {wanted[1]}"
        self.study.score(good=good)
        self.study.line(self.name, "states", "exact", "", "", "", "", ("passed " if good else "FAILED ") + note)

    # -------------------------------------------------------------------------------------------------- simulation
    def runs(self, questions: Sequence[Question]) -> list[Run]:
        """Runs for the questions, but for those that a trial shows to have no end in sight."""
        left = list(questions)
        while left:
            runs, endless = runs_for(self.imported, left), dict[str, str]()
            for each in runs:
                endless |= self.trial(each)
            if not endless:
                return runs
            for question in [q for q in left if q.query.id in endless]:
                self.study.cannot(self.name, question.query.id, "-", endless[question.query.id])
                left.remove(question)
        return []

    def trial(self, each: Run) -> dict[str, str]:
        """Questions of a run that some histories of a small trial do not answer, with the reason."""
        timed = math.isfinite(each.until)
        if timed and self.study.counts[self.study.simulators[0]] < _TRY:
            return {}
        count, events = (TRIAL // 8, each.max_events) if timed else (TRIAL, TRIAL_EVENTS)
        try:
            rows = lockstep.simulate(each.model, each.plan(self.seed, count, max_events=events))
        except SimulationError:
            return {}  # reported when the run itself comes to it
        tallies: dict[str, list[Tally]] = {}
        take(each, rows, 0, {q.query.id: count for q in each.questions}, tallies)
        ran_away = int((rows.status == RAN_AWAY).sum())
        missing = dict.fromkeys((q.query.id for q in each.questions), ran_away)
        if not timed:
            missing = {key: max(tally.missing for tally in found) for key, found in tallies.items()}
        return {
            key: f"{number} of {count} trial histories are undecided after {int(rows.events.max()):,} events"
            for key, number in missing.items()
            if number
        }

    def simulate(self, engine: str, each: Run) -> None:
        """One run by one engine: verdicts on its questions, and equality with the lockstep engine."""
        study = self.study
        most = self.affordable(each) if engine == "reference" else sys.maxsize
        wanted = {q.query.id: max(2, min(most, round(study.counts[engine] * q.query.scale))) for q in each.questions}
        twin = lockstep.simulate if engine == "reference" and "lockstep" in study.engines else None
        tallies: dict[str, list[Tally]] = {}
        same, count = True, max(wanted.values())
        for part in chunks(each, self.seed, 0, count):
            rows = _SIMULATORS[engine](each.model, part)
            same = same and (twin is None or twin(each.model, part).fingerprint() == rows.fingerprint())
            take(each, rows, int(part.histories[0]), wanted, tallies)
        verdicts = {q.query.id: self.verdicts(q, tallies[q.query.id]) for q in each.questions}
        for question in each.questions:
            key = question.query.id
            if any(j.few for j in verdicts[key]):
                more = {**dict.fromkeys(wanted, 0), key: MORE * wanted[key]}
                for part in chunks(each, self.seed, wanted[key], more[key]):
                    take(each, _SIMULATORS[engine](each.model, part), int(part.histories[0]), more, tallies)
                verdicts[key] = self.verdicts(question, tallies[key])
        for question in each.questions:
            study.judged(self.name, question.query, engine, verdicts[question.query.id])
        if twin is not None:
            study.same(self.name, "= lockstep", engine, count, good=same, note=f"run {each.name}: same histories")

    def affordable(self, each: Run) -> int:
        """Histories of a run that the reference engine can simulate in some minutes."""
        with contextlib.suppress(SimulationError):
            events = lockstep.simulate(each.model, each.plan(self.seed, TRIAL // 8)).events.mean()
            return max(REFERENCE_LEAST, round(REFERENCE_EVENTS / max(1.0, float(events))))
        return REFERENCE_LEAST

    def verdicts(self, question: Question, tallies: Sequence[Tally]) -> list[Judged]:
        result = []
        for i, (part, tally) in enumerate(zip(question.parts, tallies, strict=True)):
            for expected in part.expected:
                known = self.known(question, i, needed=False)
                found = judge(expected, tally, known)
                if found.reason and known is None and not tally.missing:
                    found = judge(expected, tally, self.known(question, i, needed=True))
                result.append(found)
        return result

    def known(self, question: Question, part: int, *, needed: bool) -> Known | None:
        """Exact variance and fourth moment of a part, if solved already, or if ``needed`` and solvable."""
        if self.certain:
            return Known(0.0, 0.0)
        if not needed and question.query.id not in self.solver.known:
            return None
        solved = self.solver.solve(question)
        if solved.reason or solved.parts[part].lost > LOSS or not math.isfinite(solved.parts[part].variance):
            return None
        return Known(solved.parts[part].variance, solved.parts[part].fourth)

    # --------------------------------------------------------------------------------------------------- long run
    def steady(self, engine: str, questions: Sequence[Question]) -> None:
        """Long-run means over a window and over its double, which is the one judged."""
        study = self.study
        length, events = self.window()
        each = steady_run(self.imported, questions, length)
        budget = STEADY_BUDGET * study.counts[engine] / max(1.0, 4.0 * events)
        count = min(study.counts[engine], max(STEADY_LEAST, round(budget)))
        tallies: dict[str, list[Tally]] = {}
        done = 0
        for end in (count, MORE * count):
            for part in chunks(each, self.seed, done, end):
                rows = _SIMULATORS[engine](each.model, part)
                take(each, rows, int(part.histories[0]), {q.query.id: end for q in questions}, tallies)
            done = end
            judged = {
                q.query.id: [judge(q.parts[0].expected[0], t, None) for t in tallies[q.query.id]] for q in questions
            }
            if not any(late.few for _, late in judged.values()):
                break
        for question in questions:
            early, late = judged[question.query.id]
            note = f"over [{2 * length:g}, {4 * length:g}]; over [{length:g}, {2 * length:g}]: {early.estimate:.8g}"
            study.judged(self.name, question.query, engine, [late], note)

    def window(self) -> tuple[float, float]:
        """Length of the first window, and the mean number of events in such a time.

        Long enough for many events, and where the chain is known, for the start to be forgotten.
        """
        model = compile_model(self.imported.spec(), tables=False, strict=False)
        try:
            self.solver.chain(math.inf)
            solved, wanted = True, WINDOW_EVENTS
        except (ValueError, SimulationError):
            solved, wanted = False, BLIND_EVENTS
        length, events = 1.0, 0.0
        for _ in range(40):
            events = float(lockstep.simulate(model, plan(self.seed, length, 16)).events.mean())
            if events >= wanted:
                break
            length *= 2.0
        enough = self.solver.warm_up(length) if solved else length
        return enough, events * enough / length

    # ------------------------------------------------------------------------------------------------- identities
    def event_log(self, engine: str) -> None:
        """The exact sequence of events, up to the last one listed."""
        listed = self.imported.case.data.get("event_log")
        if not isinstance(listed, list) or not listed:
            return
        try:
            wanted = [(float(time), str(name)) for time, name in listed]
            found = event_times(self.imported, _SIMULATORS[engine], self.seed, wanted[-1][0])
        except (TypeError, ValueError):
            self.study.cannot(self.name, "event_log", engine, "no list of [time, transition]")
            return
        except SimulationError as error:
            self.study.same(self.name, "event_log", engine, 1, good=False, note=str(error))
            return
        shown = self.imported.transitions
        listed_names = {name for _, name in wanted}
        found = [(t, shown.get(n, n)) for t, n in found if n in shown or n in listed_names]
        good = len(found) == len(wanted) and all(
            a[1] == b[1] and math.isclose(a[0], b[0], rel_tol=1e-12) for a, b in zip(found, wanted, strict=True)
        )
        self.study.same(self.name, "event_log", engine, 1, good=good, note=f"{len(wanted)} events in order")

    def tables(self, runs: Sequence[Run]) -> None:
        """The same histories by tables and by expressions."""
        study = self.study
        simulate = _SIMULATORS[study.simulators[0]]
        least, most = TABLE_LIMITS
        size = study.counts[study.simulators[0]]
        count = min(most, size, max(least, size // TABLE_SHARE))
        good, tables = True, 0
        try:
            for each in runs:
                same, number = tables_agree(each, simulate, self.seed, count)
                good, tables = good and same, tables + number
        except SimulationError as error:
            study.same(self.name, "tables", study.simulators[0], count, good=False, note=str(error))
            return
        note = f"tables = expressions: {tables} tables in {len(runs)} run{'s' if len(runs) > 1 else ''}, same histories"
        study.same(self.name, "tables", study.simulators[0], count, good=good, note=note)


def _deterministic(imported: Imported) -> bool:
    """Whether nothing in a model is left to chance."""
    rows = compile_model(imported.spec(), tables=False, strict=False).rows
    fixed = (row.kind != "rate" and (row.law is None or row.law.family == "fixed") for row in rows)
    return all(fixed) and all(len(row.branches) == 1 for row in rows)
