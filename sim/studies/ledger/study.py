"""The ledger: forecasts registered before it was known, what happened since, and the scores over time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sim.beliefs import scoring
from sim.runs import store
from sim.studies.ledger import book as books
from sim.studies.ledger.scores import Data, scored
from sim.studies.order import Order, say_folder
from sim.studies.score.study import floor_of
from sim.studies.settings import SettingError

STUDY: Final = "ledger"
SETTINGS: Final = ("ledger", "floor")


def answer(order: Order) -> int:
    """Check the ledger's hashes, score it, print it and write its page."""
    floor = floor_of(order.study)
    book = books.read(books.folder_of(order))
    if not book.records:
        raise SettingError(
            f"{book.folder}: there is no ledger here; study=register begins one, study.ledger=FOLDER reads another"
        )
    shown(book, at=books.now(), floor=floor)
    say_folder(book.folder)
    return 0


def shown(book: books.Book, *, at: datetime, floor: float = scoring.FLOOR) -> Data:
    """Score the ledger, print it on the terminal and write ``ledger.json`` and ``ledger.md`` beside its records."""
    from sim.studies import table
    from sim.studies.ledger import page

    data = scored(book, at=at, floor=floor)
    store.write_json(book.folder / books.PAGE, data)
    store.write_whole(book.folder / "ledger.md", page.markdown(data).encode())
    page.show(data, table.console())
    return data
