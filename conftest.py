"""Names that the examples in docstrings use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lake_read.lakes import tiny_rows, write


@pytest.fixture(scope="session")
def tiny_lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake of eight spans in two projects."""
    place = str(tmp_path_factory.mktemp("tiny") / "lake")
    write(place, tiny_rows())
    return place


@pytest.fixture(autouse=True)
def _names_in_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        doctest_namespace["tiny_lake"] = request.getfixturevalue("tiny_lake")
