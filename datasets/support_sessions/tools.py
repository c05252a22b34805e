"""The tools of the agent: what the model is told about them, where they live, how long they take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from opentelemetry.util.types import AnyValue

Component = Literal["custom_tool", "mcp", "skill"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool the model may call."""

    name: str
    component: Component
    seconds: float
    """How long a call usually takes."""
    description: str
    arguments: tuple[tuple[str, str], ...]
    """Name and meaning of each; all are strings, and all are required."""

    def definition(self) -> dict[str, AnyValue]:
        """The tool as it is shown to the model: name, description and JSON schema."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": {
                    name: {"type": "string", "description": meaning} for name, meaning in self.arguments
                },
                "required": [name for name, _ in self.arguments],
            },
        }


_ORDER = ("order_id", "Number of the order, for example A-48213. Starts with A and has five digits.")
_SKU = ("sku", "Article number as printed on the invoice, for example HL-1042.")
_PARCEL = ("tracking_id", "Number of the parcel as given by lookup_order or by the customer.")

_ALL = (
    Tool(
        name="lookup_order",
        component="custom_tool",
        seconds=0.18,
        description=(
            "Read an order: articles, prices, address, payment and state. Call it before you say "
            "anything about an order."
        ),
        arguments=(_ORDER,),
    ),
    Tool(
        name="check_warranty",
        component="custom_tool",
        seconds=0.09,
        description="Tell until when the guarantee of an article lasts and whether a claim was made before.",
        arguments=(_ORDER, _SKU),
    ),
    Tool(
        name="get_shipment",
        component="mcp",
        seconds=0.65,
        description=(
            "Ask the carrier for the last scans of a parcel and the planned day of delivery. Slow; "
            "call it once."
        ),
        arguments=(_PARCEL,),
    ),
    Tool(
        name="create_return",
        component="mcp",
        seconds=0.42,
        description="Open a return and send the label to the customer by e-mail.",
        arguments=(_ORDER, _SKU, ("reason", "One of: damaged, wrong_item, not_liked.")),
    ),
    Tool(
        name="issue_refund",
        component="mcp",
        seconds=0.80,
        description="Pay money back to the means of payment that was used. Cannot be undone.",
        arguments=(_ORDER, ("amount_eur", "Amount in euros, at most what was paid.")),
    ),
    Tool(
        name="get_invoice",
        component="mcp",
        seconds=0.31,
        description="Send the invoice of an order to the customer as a PDF and return its number and total.",
        arguments=(_ORDER,),
    ),
    Tool(
        name="update_address",
        component="mcp",
        seconds=0.38,
        description="Change the delivery address of an order that is not out for delivery yet.",
        arguments=(_ORDER, ("address", "Street, number and city.")),
    ),
    Tool(
        name="summarise_case",
        component="skill",
        seconds=0.05,
        description="Write a short summary of the conversation for a human colleague who takes over.",
        arguments=(),
    ),
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
