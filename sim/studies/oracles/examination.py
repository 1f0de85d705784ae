"""One oracle case through all engines, with one seed: solved, simulated, and compared bit by bit."""

from __future__ import annotations

import contextlib
import hashlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sim.engines import lockstep
from sim.engines.interface import RAN_AWAY, Plan, SimulationError
from sim.studies.oracles import longrun, rare
from sim.studies.oracles.bounds import tables_agree
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.questions import Question
from sim.studies.oracles.runs import TRIAL, TRIAL_EVENTS, Run, chunks, event_times, runs_for, take
from sim.studies.oracles.scores import SIMULATORS, Scores
from sim.studies.oracles.solved import LOSS, Solver, compare
from sim.studies.oracles.tally import Judged, Known, Tally, judge
from sim.studies.oracles.verdict import chosen

#: Histories compared between tables and expressions: this part of all, within these limits.
TABLE_SHARE: Final = 20
TABLE_LIMITS: Final = (200, 5_000)
#: A question for which too few histories differ gets so many times more, once.
MORE: Final = 8
#: The reference engine spends at most about so many events on a run, but simulates at least so many histories.
REFERENCE_EVENTS: Final = 20_000_000
REFERENCE_LEAST: Final = 100
#: Questions that no time limits.
_ENDLESS: Final = ("reach", "until", "final", "steady", "steady rate")
#: With so many histories a run to a fixed time is tried on a few of them first.
_TRY: Final = 20_000


@dataclass
class Examination:
    """One case through all engines with one of the study's seeds.

    What needs no seed (the solution, an event log, tables against expressions) is done with the ``first`` one only.
    """

    study: Scores
    imported: Imported
    questions: list[Question]
    solver: Solver
    chosen_seed: int
    compare_tables: bool = True
    prints: dict[tuple[Run, int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = self.imported.case.id
        self.first = self.chosen_seed == self.study.seeds[0]
        self.note = "" if len(self.study.seeds) == 1 else f"seed {self.chosen_seed}"
        self.certain = longrun.deterministic(self.imported)
        # A seed of its own per case: cases with actions of the same name would share their luck.
        digest = hashlib.blake2b(f"{self.chosen_seed}|{self.name}".encode(), digest_size=8).digest()
        self.seed = int.from_bytes(digest, "little") >> 1

    def everything(self) -> None:
        """Solve, simulate and compare."""
        if "exact" in self.study.engines and self.first:
            self.solve()
        chancy = [q for q in self.questions if not q.query.exact_only]
        runs = self.runs([q for q in chancy if not q.form.startswith("steady")]) if self.study.simulators else []
        for question in self.questions:
            if any(question is one for one in self.study.split):
                self.guarded("splitting", [question], partial(self.split, question))
        for engine in self.study.simulators:
            for each in runs:
                self.guarded(engine, each.questions, partial(self.simulate, engine, each))
            steady = [q for q in chancy if q.form.startswith("steady")]
            if steady:
                self.guarded(engine, steady, partial(self.steady, engine, steady))
            if self.first:
                self.event_log(engine)
        if runs and self.compare_tables and self.first:
            self.tables(runs)

    def guarded(self, engine: str, questions: Sequence[Question], action: Callable[[], None]) -> None:
        """Run something; a history without a meaning fails the questions it was run for."""
        try:
            action()
        except SimulationError as error:
            for question in questions:
                if self.imported.limited and question.form in _ENDLESS:
                    # A bound in the time need not hold for longer than the file's times.
                    self.study.cannot(self.name, question.query.id, engine, str(error))
                    continue
                self.study.score(good=False)
                self.study.say(self.name, question.query.id, engine, f"FAILED {error}")

    # ------------------------------------------------------------------------------------------------------ exact
    def solve(self) -> None:
        """Answers of the exact engine."""
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
            self.study.say(self.name, "-", "exact", f"no Markov chain: {reason}")

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
        self.study.say(self.name, "states", "exact", ("passed " if good else "FAILED ") + note)

    # -------------------------------------------------------------------------------------------------- simulation
    def runs(self, questions: Sequence[Question]) -> list[Run]:
        """Runs for the questions, but for those that a trial shows to have no end in sight.

        A chance to reach something ever is asked up to a sure time instead, where that is known to be as good.
        """
        left = list(questions)
        while left:
            runs, endless = runs_for(self.imported, left), dict[str, str]()
            for each in runs:
                endless |= self.trial(each)
            if not endless:
                return runs
            for question in [q for q in left if q.query.id in endless]:
                timed = self.solver.timed(question) if question.form == "reach" else None
                place = left.index(question)
                left[place : place + 1] = [timed] if timed else []
                if timed is None:
                    why = endless[question.query.id]
                    if question.form == "reach":
                        why += ": maybe they can no longer get to the target, which simulation cannot tell"
                    self.study.cannot(self.name, question.query.id, "-", why)
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
        compared = engine != "lockstep" and "lockstep" in study.engines
        tallies: dict[str, list[Tally]] = {}
        same, count = True, max(wanted.values())
        for part in chunks(each, self.seed, 0, count):
            rows = SIMULATORS[engine](each.model, part)
            if engine == "lockstep" and len(study.simulators) > 1:
                self.prints[self.key(each, part)] = rows.fingerprint()
            same = same and (not compared or self.by_lockstep(each, part) == rows.fingerprint())
            take(each, rows, int(part.histories[0]), wanted, tallies)
        verdicts = {q.query.id: self.verdicts(q, tallies[q.query.id]) for q in each.questions}
        self.stands(engine, verdicts)
        for question in each.questions:
            key = question.query.id
            if any(j.few for j in verdicts[key]):
                more = {**dict.fromkeys(wanted, 0), key: MORE * wanted[key]}
                for part in chunks(each, self.seed, wanted[key], more[key]):
                    take(each, SIMULATORS[engine](each.model, part), int(part.histories[0]), more, tallies)
                verdicts[key] = self.verdicts(question, tallies[key])
        for question in each.questions:
            study.judged(self.name, question.query, engine, verdicts[question.query.id], self.note)
        if compared:
            note = f"run {each.name}: same histories {self.note}".strip()
            study.same(self.name, "= lockstep", engine, count, good=same, note=note)

    def split(self, question: Question) -> None:
        """A chance too small for plain histories."""
        self.study.judged(
            self.name, question.query, "splitting", [rare.judged(self.imported, question, self.seed)], self.note
        )

    @staticmethod
    def key(each: Run, part: Plan) -> tuple[Run, int, int]:
        """What tells one part of a run from another."""
        return each, int(part.histories[0]), part.size

    def by_lockstep(self, each: Run, part: Plan) -> str:
        """Fingerprint of a part simulated by the lockstep engine; often it has been."""
        known = self.prints.get(self.key(each, part))
        return known or lockstep.simulate(each.model, part).fingerprint()

    def stands(self, engine: str, verdicts: Mapping[str, Sequence[Judged]]) -> None:
        """Keep the z that stands for the case, if it is among these."""
        number = chosen(self.questions, self.study.counts[engine])
        if number is not None and number[0] in verdicts:
            found = verdicts[number[0]][number[1]]
            self.study.collected.add(engine, self.chosen_seed, self.name, found)

    def steady(self, engine: str, questions: Sequence[Question]) -> None:
        """Long-run means."""
        simulate = SIMULATORS[engine]
        if self.certain:
            judged = longrun.cycled(self.imported, simulate, self.seed, questions)
        else:
            size = self.study.counts[engine]
            judged = longrun.judged(self.imported, self.solver, self.seed, simulate, size, questions)
            self.stands(engine, {key: found for key, (found, _, more) in judged.items() if not more})
        for question in questions:
            found, note, _ = judged[question.query.id]
            self.study.judged(self.name, question.query, engine, found, f"{note} {self.note}".strip())

    def affordable(self, each: Run) -> int:
        """Histories of a run that the reference engine can simulate in some minutes."""
        with contextlib.suppress(SimulationError):
            events = lockstep.simulate(each.model, each.plan(self.seed, TRIAL // 8)).events.mean()
            return max(REFERENCE_LEAST, round(REFERENCE_EVENTS / max(1.0, float(events))))
        return REFERENCE_LEAST

    def verdicts(self, question: Question, tallies: Sequence[Tally]) -> list[Judged]:
        """Verdicts on all numbers of a question, in the order of its parts."""
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

    # ------------------------------------------------------------------------------------------------- identities
    def event_log(self, engine: str) -> None:
        """The exact sequence of events, up to the last one listed."""
        listed = self.imported.case.data.get("event_log")
        if not isinstance(listed, list) or not listed:
            return
        try:
            wanted = [(float(time), str(name)) for time, name in listed]
            found = event_times(self.imported, SIMULATORS[engine], self.seed, wanted[-1][0])
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
        simulate = SIMULATORS[study.simulators[0]]
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
