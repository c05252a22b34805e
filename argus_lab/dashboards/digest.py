"""What pages ask of a lake, answered from tables that one process keeps for all its visitors.

The tables are a digest of one version of the lake (:mod:`argus_lab.dashboards.reckoning`): a row a session,
and spans with few columns. They are made when the first page is opened, in a thread of their own, the last
days first; they follow the lake while anybody looks.

Every method may be called from any thread; each reads one state of the tables.
"""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from argus_lab.dashboards import from_lake
from argus_lab.dashboards.asked import COLUMNS, ORDERS, Asked, asked, beside, share_of, sorted_by, values_of
from argus_lab.dashboards.following import Follower, State
from argus_lab.dashboards.keeping import Kept
from argus_lab.dashboards.once import Once
from argus_lab.dashboards.ranks import ANSWERS, ROWS_OF_ONE, WORTH, Latency, Orders
from argus_lab.dashboards.sums import Sums
from argus_lab.frames import pandas_of
from argus_lab.lake.snapshot import Reader
from argus_lab.measures import latency as of_latency
from argus_lab.measures import tokens as of_tokens
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from argus_lab.dashboards.choices import Choices
    from argus_lab.dashboards.searching import Search
    from argus_lab.dashboards.store import Store
    from argus_lab.lake import read

__all__ = ["ORDERS", "Digest", "Page"]

MEMORY = 1024 * 1024 * 1024
SESSIONS = 500
"""Rows of sessions that were shown last, one of which is opened next."""
SPARKS = 60
"""Model calls of a session that its picture in the table shows: the first."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the sessions that are meant, and how many there are of them."""

    rows: list[dict[str, Any]]
    total: int
    offset: int


class Digest:
    """The tables of one lake and what can be asked of them."""

    def __init__(self, address: str, memory: int = MEMORY, kept: Path | None = None) -> None:
        self.address = address
        self._orders, self._sums = Orders(), Sums()
        self._follower = Follower(address, memory, self._prepare, Kept(kept, address), self.order)
        self._reader = Reader(address, SPANS)
        self._options: dict[str, list[tuple[str, int]]] = {}
        self._rows: Once[dict[str, Any] | None] = Once(SESSIONS)
        self._answers: Once[pd.DataFrame] = Once(ANSWERS, lambda found: len(found) <= ROWS_OF_ONE)

    @property
    def state(self) -> State:
        """Which version the answers are of, and whether they are of all of it."""
        return self._follower.state

    @property
    def generation(self) -> int:
        """Numbers of sessions mean the same as long as this does not change."""
        return self._follower.store.number if self._follower.store else 0

    @property
    def now(self) -> tuple[int, State]:
        """What is found stays so as long as this is the same. To be asked before it is found."""
        return self.generation, self.state

    def watch(self, watcher: Callable[[State], None]) -> Callable[[], None]:
        """Have ``watcher`` called, in another thread, when there is something new; the result ends that."""
        return self._follower.watch(watcher)

    def forget(self) -> None:
        """Leave the tables for the next process and remove ours; they cannot be asked any more."""
        self._follower.end()
        self._follower.keep()
        if store := self._follower.store:
            store.forget()

    def look(self) -> None:
        """Bring the tables up to the lake's newest version now, in this thread."""
        self._follower.look()

    def wait(self, seconds: float | None = None) -> State:
        """Make the tables if they are not there, and return once there is something to show."""
        stop = self._follower.watch(lambda _: None)
        self._follower.ready.wait(seconds)
        stop()
        return self.state

    def options(self) -> dict[str, list[tuple[str, int]]]:
        """What there is to choose from: by choice, values with the number of their spans, most first."""
        return self._options

    def _prepare(self, store: Store) -> None:
        """Before anybody is told of something new; in the follower's thread."""
        self._options = {name: values_of(store.cursor(), column) for name, column in COLUMNS.items()}

    def spans(self, choices: Choices, only: str = "true") -> duckdb.DuckDBPyRelation:
        """The spans that are meant, or ``only`` some, as a relation with the columns ``reckoning.NARROW``.

        Measures take it: ``al.latency(digest.spans(choices), every="1h")``. Those that ask which spans count
        need not: ``is_counted`` and ``is_model_call`` say so, as found in whole traces. For one thread.
        """
        test, params = self._asked(choices)
        return self._cursor().sql(f"SELECT * FROM spans WHERE ({test}) AND {only}", params=params)

    def once(self, sql: str, choices: Choices) -> pd.DataFrame:
        """The same as :meth:`query`, which is asked once as long as the tables say the same."""
        asks = self.now, repr(self._asked(choices)), sql
        return self._answers.of(asks, lambda: self.query(sql, choices))

    def query(self, sql: str, choices: Choices, bound: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The result of a query of ours over ``chosen``, the spans that are meant, and ``sessions``.

        ``bound`` are values for ``$name`` in it.
        """
        test, params = self._asked(choices)
        text = f"WITH chosen AS (SELECT * FROM spans WHERE {test}) {sql}"
        return pandas_of(self._arrow(text, params | dict(bound or {})))

    def latency(
        self,
        choices: Choices,
        *,
        by: str | Sequence[str] | None = None,
        every: str | None = None,
        kinds: Mapping[str, str] = of_latency.KINDS,
    ) -> pd.DataFrame:
        """``al.latency`` of the spans that are meant; ``kinds`` are its columns that are asked for."""
        return self._once(choices, by, every, Latency(tuple(kinds.items())))

    def durations(self, choices: Choices, every: str) -> pd.DataFrame | None:
        """The same over time, as far as it tells of durations, and how many ``spans`` there are.

        ``None`` unless the tables have been the same for a while: then they are in order for it.
        """
        # Where a text was found stands in another table, and who joins may change the order.
        if choices.text or share_of(choices, self._options, self.state.spans) < WORTH:
            return None
        test, params = key = self._asked(choices)
        sql = f"SELECT coalesce({test}, false) AS chosen FROM spans"
        return self._orders.latency(every, self._rows_state, repr(key), partial(self._arrow, sql, params))

    def _arrow(self, sql: str, params: Mapping[str, Any]) -> pa.Table:
        return self._cursor().sql(sql, params=dict(params)).to_arrow_table()

    def _rows_state(self) -> tuple[int, int] | None:
        """Rows stay as they are as long as this does; ``None`` while they change."""
        follower = self._follower
        return None if follower.writes % 2 or not self.state.is_whole else (self.generation, follower.writes)

    def order(self) -> None:
        """Put the tables in order now for what was asked; their follower does so while they rest."""
        for each in (self._orders, self._sums):
            each.make(self._rows_state(), self._cursor)

    def tokens(
        self, choices: Choices, *, by: str | Sequence[str] | None = None, every: str | None = None
    ) -> pd.DataFrame:
        """``al.tokens`` of the spans that are meant, counted as in their whole traces."""
        found = self._sums.tokens(choices, self._asked(choices), self._rows_state, self._cursor, (by, every))
        if found is not None:
            return found
        return self._once(choices, by, every, of_tokens.tokens_of_calls, "is_counted")

    def _once(
        self,
        choices: Choices,
        by: Any,
        every: str | None,
        measure: Callable[..., pa.Table],
        only: str = "true",
    ) -> pd.DataFrame:
        """What a measure gives, which is asked once as long as the tables say the same."""
        key = (self.now, repr(self._asked(choices)), repr((by, every)), measure)
        find = partial(measure, by=by, every=every)
        return self._answers.of(key, lambda: pandas_of(find(self.spans(choices, only))))

    def sessions(
        self,
        choices: Choices,
        *,
        order: str = "started",
        descending: bool = True,
        offset: int = 0,
        limit: int = 50,
    ) -> Page:
        """Sessions with a span that is meant, each told as a whole: a page of them, and their number."""
        which, params = self._which(choices)
        key, now = sorted_by(order, descending=descending), self.now
        cursor = self._cursor()
        rows = cursor.sql(
            f"SELECT * FROM sessions WHERE {which} ORDER BY {key} LIMIT {int(limit)} OFFSET {int(offset)}",
            params=params,
        ).to_arrow_table()
        counted = cursor.sql(f"SELECT count(*) AS n FROM sessions WHERE {which}", params=params).fetchall()
        page = Page(rows.to_pylist(), int(counted[0][0]), offset)
        for row in page.rows:
            self._rows.keep((now, row["session_id"], row["project"]), row)
        return page

    def session(self, session_id: str, project: str | None = None) -> dict[str, Any] | None:
        """The row of a session in the table, if it is there."""
        test = "session_id = $session" + (" AND project = $project" if project else "")
        params = {"session": session_id} | ({"project": project} if project else {})
        query = f"SELECT * FROM sessions WHERE {test} LIMIT 1"

        def find() -> dict[str, Any] | None:
            return next(iter(self._cursor().sql(query, params=params).to_arrow_table().to_pylist()), None)

        return self._rows.of((self.now, session_id, project), find)

    def near(self, session_id: str) -> list[str]:
        """Sessions that are called most alike."""
        alike = "jaro_winkler_similarity(session_id, $key)"
        test = f"{alike} > 0.8 ORDER BY {alike} DESC, session_id LIMIT 3"
        query = f"SELECT session_id FROM sessions WHERE {test}"
        return [str(name) for (name,) in self._cursor().sql(query, params={"key": session_id}).fetchall()]

    def session_spans(self, row: Mapping[str, Any], columns: read.Columns = "light") -> pd.DataFrame:
        """The spans of a session of the table, oldest first, from the lake."""
        return pandas_of(self.session_rows(row, columns))

    def session_rows(self, row: Mapping[str, Any], columns: read.Columns = "light") -> pa.Table:
        """The same as an Arrow table."""
        return from_lake.session_rows(self._reader, self._cursor(), row, columns)

    def span(self, trace_id: str, span_id: str) -> dict[str, Any] | None:
        """Every column of one span, from the lake."""
        return from_lake.span(self._reader, trace_id, span_id)

    def calls(self, numbers: Sequence[int]) -> dict[int, list[list[Any]]]:
        """Of these sessions, by number, the model calls in order: how long, and whether it failed."""
        query = f"""
            SELECT session,
                list([duration_ms, (status = 'ERROR')::DOUBLE] ORDER BY start_time)[:{SPARKS}] AS calls
            FROM spans WHERE list_contains($numbers, session) AND is_model_call AND duration_ms IS NOT NULL
            GROUP BY session
        """
        return dict(self._cursor().sql(query, params={"numbers": list(numbers)}).fetchall())

    def neighbours(
        self, choices: Choices, row: Mapping[str, Any], *, order: str = "started", descending: bool = True
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """The sessions before and after one in the table as it is sorted."""
        which, params = self._which(choices)
        found = self._arrow(beside(which, order, descending=descending), params | {"session": row["session"]})
        numbers = dict(zip(found["place"].to_pylist(), found["session"].to_pylist(), strict=True))
        sql = "SELECT * FROM sessions WHERE list_contains($numbers, session)"
        rows = self._arrow(sql, {"numbers": list(numbers.values())})
        by_number = {each["session"]: each for each in rows.to_pylist()}
        return by_number.get(numbers.get(0)), by_number.get(numbers.get(1))

    def search(self, choices: Choices) -> Search | None:
        """The search for the text that is chosen; begun now if nobody looked for it before."""
        store = self._follower.store
        return self._follower.searches.of(choices.text, store) if choices.text and store else None

    def _asked(self, choices: Choices) -> Asked:
        search = self.search(choices)
        test, params = asked(choices, search.number if search else None)
        if (since := self.state.since) is None:
            return test, params
        # Of older days not everything has been read: what is shown is all that there is since then.
        return f"({test}) AND start_time >= $known_since", params | {"known_since": since}

    def _which(self, choices: Choices) -> tuple[str, dict[str, Any]]:
        test, params = self._asked(choices)
        if test == "true":
            return test, {}
        return f"session IN (SELECT session FROM spans WHERE {test})", params

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if self._follower.store is None:
            self.wait()
        store = self._follower.store
        if store is None:
            assert self.state.problem is not None  # noqa: S101  either tables or a reason
            raise self.state.problem
        return store.cursor()
