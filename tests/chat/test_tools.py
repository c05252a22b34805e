"""Functions as tools: what the model reads of them, and what becomes of the arguments that it writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import pytest

from argus_lab.chat.tools import tool_of, tools_of
from argus_lab.errors import InvalidArgument


@dataclass
class Place:
    """Where."""

    city: str
    country: str = "China"


def google(city: str, days: int = 1, *, unit: Literal["C", "F"] = "C") -> str:
    """Forecast the weather.

    Longer text about it.

    Args:
        city: Name of a city,
            such as Hefei.
        days (int): How many days.

    Returns:
        str: words
    """  # noqa: D406, D407
    return f"{city} {days} {unit}"


def numpy_style(city: str, days: int | None = None) -> dict:
    """Forecast the weather.

    Parameters
    ----------
    city : str
        Name of a city,
        such as Hefei.
    days
        How many days.

    Returns
    -------
    dict
        What will be.
    """
    return {"city": city, "days": days}


def rest(city: str) -> None:
    """Forecast the weather.

    :param city: Name of a city.
    """


def _parameters(function):
    return tool_of(function).definition["function"]["parameters"]


def test_docstrings_of_three_styles_describe_parameters():
    """Google, numpy and reST docstrings give the same descriptions, and the first part is the tool's own."""
    for function, description in ((google, "Name of a city, such as Hefei."), (rest, "Name of a city.")):
        assert _parameters(function)["properties"]["city"]["description"] == description
    assert _parameters(numpy_style)["properties"]["city"]["description"] == "Name of a city, such as Hefei."
    assert _parameters(numpy_style)["properties"]["days"]["description"] == "How many days."
    assert _parameters(google)["properties"]["days"] == {
        "description": "How many days.",
        "type": "integer",
        "default": 1,
    }
    told = tool_of(google).definition
    assert told["type"] == "function"
    assert told["function"]["description"] == "Forecast the weather.\n\nLonger text about it."
    assert tool_of(rest).definition["function"]["description"] == "Forecast the weather."


def test_signatures_give_the_schema():
    """What has no default is required; choices, optional values and nested types are told as JSON schema."""

    def book(place: Place, nights: Annotated[int, msgspec.Meta(ge=1)], tags: list[str] | None = None):
        """Book."""

    found = _parameters(book)
    assert (found["type"], found["required"]) == ("object", ["place", "nights"])
    assert found["properties"]["nights"] == {"type": "integer", "minimum": 1}
    assert found["properties"]["place"] == {"$ref": "#/$defs/Place"}
    assert found["$defs"]["Place"]["properties"]["city"] == {"type": "string"}
    assert _parameters(google)["properties"]["unit"]["enum"] == ["C", "F"]
    assert _parameters(google)["required"] == ["city"]


def _ran(function, **arguments) -> str:
    return asyncio.run(tool_of(function).run(arguments))


def test_arguments_are_read_as_the_types_say():
    """A model's "3" is a 3 where a number is wanted, and a mapping is the object that is wanted."""
    assert _ran(google, city="Hefei", days="3") == "Hefei 3 C"

    def book(place: Place) -> str:
        """Book."""
        return place.country

    assert _ran(book, place={"city": "Hefei"}) == "China"


def test_results_become_text():
    """Text stays; everything else is JSON, or its str."""
    assert _ran(numpy_style, city="Hefei") == '{"city":"Hefei","days":null}'
    assert _ran(rest, city="Hefei") == "null"

    class Odd:
        def __str__(self) -> str:
            return "odd"

    def odd():
        """Odd."""
        return [Odd()]

    assert _ran(odd) == '["odd"]'

    async def later(city: str) -> str:
        """Later."""
        await asyncio.sleep(0)
        return city

    assert _ran(later, city="Hefei") == "Hefei"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "required field `city`"),
        ({"city": "Hefei", "days": "many"}, "Expected `int`"),
        ({"city": "Hefei", "unit": "K"}, "Invalid enum value 'K'"),
        ({"city": "Hefei", "mood": 1}, "takes no mood"),
    ],
)
def test_wrong_arguments_are_told(arguments, words):
    """What the model got wrong is said in words that it can act on."""
    with pytest.raises(InvalidArgument, match=words):
        _ran(google, **arguments)


def test_what_cannot_be_a_tool_is_told():
    """No name, parameters that cannot be named, types that JSON cannot carry, the same name twice."""

    def star(*cities: str):
        """Star."""

    def odd(thing: asyncio.Event):
        """Odd."""

    for function in (lambda: None, star, odd, 5):
        with pytest.raises(InvalidArgument, match="cannot be a tool"):
            tool_of(function)
    with pytest.raises(InvalidArgument, match="two tools are called rest"):
        tools_of([rest, rest])
