"""What a lake is asked most: its traces, sessions, steps, messages and tool calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from argus_lab.lake.asking import measured, measured_session
from argus_lab.lake.opened import Opened
from argus_lab.lake.selection import Selection, select
from argus_lab.measures import messages as of_messages
from argus_lab.measures import steps as of_steps
from argus_lab.measures import tool_calls as of_tools
from argus_lab.measures import totals
from argus_lab.measures.messages import messages
from argus_lab.measures.sessions import sessions
from argus_lab.measures.steps import steps
from argus_lab.measures.tool_calls import tool_calls
from argus_lab.measures.traces import traces
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Questions"]


class Questions(Opened):
    """The measures of that name, on the spans of a lake. Users meet them in :class:`argus_lab.Lake`.

    Only the columns that a measure needs are read. The filters pick spans, so one that leaves out a part
    of a trace (``since``, ``service``, ``where``) leaves it out of the counts too; to which session the rest
    belongs, all spans of the lake say.
    """

    def traces(self, **selection: Unpack[Selection]) -> pd.DataFrame:
        """A row a trace: when, how long, how many calls, tokens, models, errors. See ``al.traces``.

        Takes the filters of :class:`argus_lab.Lake`. Works on lakes larger than memory.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).traces()[["project", "name", "spans", "model_calls"]]
                project          name  spans  model_calls
        0  customer-bot  user.message      4            2
        1  customer-bot  user.message      2            1
        2      shop-bot  execute_tool search 2          1
        """
        return measured(self._spans, select(SPANS, selection), traces, totals.NEEDED)

    def sessions(self, *, texts: bool = True, **selection: Unpack[Selection]) -> pd.DataFrame:
        """A row a session: turns, steps, tokens, cost, first question, last answer. See ``al.sessions``.

        Takes the filters of :class:`argus_lab.Lake`. Works on lakes larger than memory. ``texts=False``
        leaves ``first_user_message`` and ``last_answer`` null, which is faster where texts are long.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).sessions()[["session_id", "traces", "spans", "input_tokens"]]
          session_id  traces  spans  input_tokens
        0  session-1       2      6          4300
        1  session-9       1      2          1200
        """
        needed = (*totals.NEEDED, *totals.TEXTS) if texts else totals.NEEDED
        return measured(self._spans, select(SPANS, selection), sessions, needed)

    def steps(self, session_id: str, *, project: str | None = None) -> pd.DataFrame:
        """The spans of a session in reading order, with depth, label and self time. See ``al.steps``.

        Raises
        ------
        NotFound
            No such session; the message names the sessions that come nearest.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).steps("session-9")[["step", "depth", "label"]]
           step  depth     label
        0     1      0    search
        1     2      0  llama3.2
        """
        return measured_session(self._spans, session_id, project, steps, of_steps.NEEDED)

    def messages(self, session_id: str, *, project: str | None = None) -> pd.DataFrame:
        """A row a message of a session, re-sent history marked. See ``al.messages``.

        Raises
        ------
        NotFound
            No such session; the message names the sessions that come nearest.

        Examples
        --------
        >>> import argus_lab as al
        >>> len(al.open(tiny_lake).messages("session-1"))  # its spans hold no texts
        0
        """
        needed = (*of_messages.NEEDED, *of_messages.HEAVY, *of_messages.MORE)
        return measured_session(self._spans, session_id, project, messages, needed)

    def tool_calls(self, **selection: Unpack[Selection]) -> pd.DataFrame:
        """A row a tool call: arguments, result, success, attempts. See ``al.tool_calls``.

        Takes the filters of :class:`argus_lab.Lake`. Reads the inputs and outputs of the steps that are
        picked into memory, so narrow it in a large lake.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).tool_calls(project="shop-bot")[["tool_name", "success", "duration_ms"]]
          tool_name  success  duration_ms
        0    search     True        160.0
        """
        needed = (*of_tools.NEEDED, *of_tools.HEAVY)
        return measured(self._spans, select(SPANS, selection), tool_calls, needed)
