"""How every scenario is simulated, in paragraphs that reporting standards share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from sim.runs.executors import Executor
from sim.scenario.scenario import Scenario
from sim.statistics.shown import date_words, plural


class Settings(Protocol):
    """What is read of the settings of a run, see :class:`sim.studies.settings.Settings`."""

    @property
    def replications(self) -> int:
        """Histories, where no precision is asked."""

    @property
    def seed(self) -> int:
        """Seed of all draws."""

    @property
    def inputs(self) -> int:
        """Draws of the inputs for the range over them."""

    @property
    def histories(self) -> int:
        """Histories for each of those draws."""

    @property
    def precision(self) -> float | None:
        """Half-width asked of every interval."""

    @property
    def least(self) -> int:
        """Histories at the first look."""

    @property
    def most(self) -> int:
        """Histories at the last look."""

    @property
    def chunk(self) -> int:
        """Histories in one part."""

    @property
    def engine(self) -> str:
        """Name of the engine."""

    @property
    def executor(self) -> Executor:
        """Where parts are done."""


STEP: Final = (
    "Time is continuous and the model goes from event to event. Each action has an amount of work w and a speed v ≥ 0, "
    "which is zero while the action is not possible; its actor has one anchor time a. It is due at d = a + w / v, "
    "never where v = 0; an action with a date is due on that date.",
    "1. The action with the smallest due time happens next; the history stops where that lies beyond its end. 2. One "
    "of its branches is chosen, with chances in proportion to their weights. 3. Its effects are applied together: all "
    "read the state before the action. 4. Conditions that are watched are looked at. 5. The actor that acted, and "
    "every actor that reads a number that changed, is timed anew: w is reduced by v × (t − a), a becomes t, v is "
    "worked out again, and the action that happened gets fresh work. Nobody else is touched.",
)
TIES: Final = (
    "Events at the very same time are ordered by class (dates, then what happens at once, then all other actions, then "
    "observation), within a class by priority and then in the order of the scenario. More than 1,000 events at one "
    "instant end a history as one that ran away; it is counted and told."
)
WORK: Final = (
    "The work of a rate is standard exponential, so that its speed is the chance per day; that of a delay is drawn "
    "from its law. While a delay is not possible its work is drawn anew (memory enabling), kept as far as it was done "
    "(age), or begun again with the same length (identical). A rate keeps its work."
)
DRAWS: Final = (
    "Every random number is a function of (seed, name, number of the history, k, purpose): the name of the action, "
    "input or amount that draws, and k counts how often that name has drawn in this history. Generator: "
    "Philox4x32-10 (Salmon et al., SC11), its key from seed and name by BLAKE2b. Numbers become draws by quantile "
    "functions only. So each action has random numbers of its own, variants share them (common random numbers), and "
    "any history can be replayed alone."
)
THINNED: Final = (
    "A rate that reads a tension, which decays between events, or the time itself is thinned: candidates come at a "
    "bound of the rate and are accepted in proportion to what it is at that moment."
)
WATCHED: Final = (
    "Milestones record the first time at which their condition holds; outcomes are asked in order at any day, and the "
    "first that holds decides; watching draws no random number and changes nothing."
)


def start(scenario: Scenario) -> list[str]:
    """How a history begins."""
    hidden = "Hidden starts and inputs are drawn once per history, amounts afresh at each use."
    lines = [
        f"A history begins at the end of {date_words(scenario.as_of.isoformat())}, with each number of the state at "
        f"the value that is in force on that date (table). {hidden} There is no warm-up: the start is the situation "
        "itself, and nothing is in a steady state."
    ]
    if scenario.crisis_start is not None:
        since = date_words(scenario.crisis_start.isoformat())
        lines.append(
            f"Unless a run says otherwise (run.past), inputs and hidden starts are kept only if a past drawn with them "
            f"from {since} on comes to the outcome with which the run begins; those marked as knowing the past are "
            "left out of that."
        )
    return lines


def length(scenario: Scenario) -> list[str]:
    """How long a history lasts."""
    ends = scenario.data.get("ends") or ()
    early = f", or earlier, when one of these holds: {', '.join(map(str, ends))}" if ends else ""
    days = ", ".join(str(day) for day in scenario.horizons)
    return [f"A history ends {scenario.until:g} days after its start{early}. It is read off after {days} days."]


def estimates(scenario: Scenario, settings: Settings, summary: Mapping[str, Any] | None) -> list[str]:
    """How many histories there are, and how their error is told."""
    if summary is not None:
        ran = f"{summary['ran_away']:,} ran away" if summary["ran_away"] else "none ran away"
        count = plural(summary["replications"], "independent history")
        made = f"{count} were simulated with seed {summary['seed']}; {ran}."
    elif settings.precision is not None:
        made = (
            f"As many independent histories are simulated, from {settings.least:,} to {settings.most:,}, as it takes "
            f"to know every chance shown to {settings.precision:g} either way."
        )
    else:
        made = f"{plural(settings.replications, 'independent history')} are simulated with seed {settings.seed}."
    drawn = any(not quantity.constant for quantity in scenario.inputs) or len(hidden(scenario)) > 0
    spread = (
        f"The range over the inputs (10–90 %) comes from {settings.inputs:,} draws of the inputs with "
        f"{settings.histories:,} histories each, the noise of so few histories taken out."
        if drawn
        else "No input is uncertain, so there is no range over the inputs."
    )
    interval = (
        "is Wilson's, (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96."
        if settings.precision is None
        else "holds however often one looks (a confidence sequence by a beta-binomial mixture)."
    )
    share = "A chance p is the share of the histories in which the event happened, over all of them; its 95 % interval"
    return [made, f"{share} {interval}", spread]


def hidden(scenario: Scenario) -> list[str]:
    """Names of the starts that are drawn."""
    return [v.name for v in scenario.spec.variables if not isinstance(v.start, int)]


def versions() -> list[tuple[str, str]]:
    """Python and the packages that decide the numbers, with the versions at hand."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = [("python", platform.python_version())]
    for package in ("escalation-simulator", "numpy", "simpy", "hydra-core", "pyarrow"):
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return found
