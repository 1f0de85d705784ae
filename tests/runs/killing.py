"""Starts a forecast in a child of its own and kills it after a while, as often as it is told on standard input.

A line is a folder for results, the settings as JSON, and the seconds after which the child is killed (0: never); what
comes back is a line with how the child ended. Everything is imported once, so that a child is at work at once.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from sim.runs.plan import Part, simulate_part
from sim.studies.forecast import forecast
from sim.studies.settings import Settings
from tests.runs import small


def main() -> None:
    import pyarrow.parquet  # noqa: F401 - so that no child has to
    import scipy.special  # noqa: F401

    simulate_part(small.task(), Part(0, 0, 10))
    print("ready", flush=True)
    for line in sys.stdin:
        folder, settings, after = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                forecast(small.scenario(), Settings(**settings), Path(folder))
            except BaseException:  # whatever it is, the child must not go on with its parent's loop
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if after:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
