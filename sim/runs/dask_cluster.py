"""Dask for the parts of a run (optional extra ``cluster``): a scheduler by its address, or a cluster started here.

Dask sends Python objects as pickles, so workers trust their scheduler and it trusts whoever can reach it: the cluster
started here listens on the loopback address alone.
"""

from __future__ import annotations

import atexit
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sim.model.compiled import RULES_VERSION
from sim.runs.executors import Where, processors
from sim.runs.store import RunError

#: Seconds until a scheduler that does not answer is given up.
ANSWERS: Final = 5.0
#: Seconds until a scheduler has its first worker, and for which it may be without any later on.
WORKERLESS: Final = 20.0
#: Bytes of the first thing that a scheduler says, at most.
_LONGEST: Final = 1 << 20
_HELP: Final = "start one with `dask scheduler`, or leave executor.address away for a cluster on this machine"

#: Clients by what they were asked for; a study spreads its work several times, and a cluster takes seconds to start.
_CLIENTS: Final[dict[tuple[str | None, int | None], Any]] = {}


def client_of(where: Where) -> Any:
    """The client of a scheduler that answers and has workers, made at the first call.

    Raises RunError where there is none, ValueError without the extra.
    """
    key = where.address, where.workers
    found = _CLIENTS.get(key)
    if found is not None and found.status == "running":
        return found
    _CLIENTS.pop(key, None)
    try:
        import distributed
    except ModuleNotFoundError:
        raise ValueError(
            "executor=dask needs Dask: install the extra `cluster` (pip install 'escalation-simulator[cluster]'), or "
            "use executor=processes"
        ) from None
    if where.address:
        _knock(where.address)
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":  # workers that come and go are our business; errors are ours to tell
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    client = _remote(distributed, where.address) if where.address else _local(distributed, where.workers)
    if not _CLIENTS:
        atexit.register(close)
    _CLIENTS[key] = client
    return client


def close() -> None:
    """Close the clients, and the clusters that were started here."""
    while _CLIENTS:
        (address, _), client = _CLIENTS.popitem()
        cluster = None if address else client.cluster
        with suppress(Exception):  # it may have gone before
            client.close(timeout=2)
        if cluster is not None:
            with suppress(Exception):
                cluster.close(timeout=5)


def size(client: Any) -> int:
    """Pieces that its workers do side by side, at least 1. Raises RunError where it has no worker."""
    try:
        client.wait_for_workers(1, timeout=WORKERLESS)
        return max(int(sum(client.ncores().values())), 1)
    except TimeoutError:
        raise RunError(
            f"{_place(client)}: the scheduler had no worker for {WORKERLESS:.0f} seconds; start some with "
            f"`dask worker ADDRESS --nworkers 2 --nthreads 1`"
        ) from None
    except OSError as error:
        raise RunError(f"{_place(client)}: the scheduler is gone ({error}); {_HELP}") from None


def _local(distributed: Any, workers: int | None) -> Any:
    cluster = distributed.LocalCluster(
        n_workers=workers or processors(), threads_per_worker=1, dashboard_address=None, host="127.0.0.1",
        silence_logs=logging.CRITICAL + 1,
    )  # fmt: skip
    return distributed.Client(cluster, set_as_default=False)


def _remote(distributed: Any, address: str) -> Any:
    try:
        client = distributed.Client(address, timeout=ANSWERS, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(f"executor.address: no Dask scheduler answers at {address} ({_why(error)}); {_HELP}") from None
    size(client)
    try:
        releases = client.run(release)
    except Exception as error:  # whatever the workers raise: most often that they know no such module
        client.close(timeout=2)
        raise RunError(
            f"{address}: the workers cannot use this program ({_why(error)}); install the same release in their "
            "environment"
        ) from None
    others = sorted({str(found) for found in releases.values() if found != release()})
    if others:
        client.close(timeout=2)
        raise RunError(
            f"{address}: workers run another release ({', '.join(others)}; here {release()}); install the same one"
        )
    return client


def _knock(address: str) -> None:
    """Raise RunError unless what listens at an address begins as a Dask scheduler does.

    Dask itself tries a closed port again for its whole time, and waits for ever for another kind of server.
    """
    parts = urlsplit(address)
    if parts.scheme != "tcp":
        return
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=ANSWERS) as line:
            line.settimeout(ANSWERS)
            first = line.recv(8)  # a scheduler speaks first, and begins with the length of what it says
    except TimeoutError:
        raise RunError(f"executor.address: what listens at {address} is no Dask scheduler; {_HELP}") from None
    except OSError as error:
        raise RunError(f"executor.address: no Dask scheduler answers at {address} ({_why(error)}); {_HELP}") from None
    if len(first) < 8 or int.from_bytes(first, "little") > _LONGEST:
        raise RunError(f"executor.address: what listens at {address} is no Dask scheduler; {_HELP}")


def release() -> tuple[str, int]:
    """Version of the program and of its rules, where this is called."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("escalation-simulator"), RULES_VERSION
    except PackageNotFoundError:
        return "not installed", RULES_VERSION


@dataclass(frozen=True)
class Dask:
    """The workers of a cluster. Dask itself does a piece again that was lost with its worker, several times."""

    where: Where
    tries: int = 1

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """How Dask tells that a piece was lost with one worker after another."""
        from distributed import KilledWorker

        return (KilledWorker,)

    @contextmanager
    def doing(self, pieces: int) -> Iterator[Any]:
        """Raises RunError where the scheduler is lost, or has no worker any more."""
        from distributed.client import FutureCancelledError
        from joblib import Parallel, parallel_config
        from joblib.parallel import get_active_backend

        client = client_of(self.where)
        gone: list[str] = []
        with _watching(client, gone):
            try:
                with parallel_config(backend="dask", client=client):
                    backend, _ = get_active_backend()
                # With one worker, joblib would do the work here.
                backend.effective_n_jobs = lambda n_jobs=-1: max(2, size(client))
                yield Parallel(n_jobs=-1, backend=backend, return_as="generator_unordered", batch_size=1)
            except (FutureCancelledError, OSError, RuntimeError) as error:
                if isinstance(error, RunError) or (client.status == "running" and not gone):
                    raise
                why = gone[0] if gone else "the connection to the scheduler was lost"
                raise RunError(
                    f"{_place(client)}: {why}; what was done is kept: the same command goes on from there"
                ) from None


@contextmanager
def _watching(client: Any, gone: list[str]) -> Iterator[None]:
    """Close the client once it has been without any worker for too long: joblib would wait for ever."""
    over = threading.Event()

    def watch() -> None:
        without = 0.0
        while not over.wait(1.0) and client.status == "running":
            try:
                there = client.ncores()
            except Exception:  # the connection goes; joblib hears of that by itself
                return
            without = 0.0 if there else without + 1.0
            if without >= WORKERLESS:
                gone.append(f"the scheduler had no worker for {WORKERLESS:.0f} seconds (they were killed, or stopped)")
                client.close(timeout=2)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()


def _place(client: Any) -> str:
    scheduler = getattr(client, "scheduler", None)
    return str(getattr(scheduler, "address", "") or "Dask")


def _why(error: BaseException) -> str:
    said = (str(error) or type(error).__name__).strip().splitlines()
    return said[0][:160]
