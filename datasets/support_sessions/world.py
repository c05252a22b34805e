"""The shop behind the bot: its articles, its customers, their orders, and what the tools say of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from opentelemetry.util.types import AnyValue

from support_sessions.tools import TOOLS

Language = Literal["en", "de", "zh"]

SHIPPING_CENTS = 490

ARTICLES: tuple[tuple[str, Mapping[Language, str], int], ...] = (
    ("HL-1042", {"en": "milk frother", "de": "Milchaufschäumer", "zh": "奶泡机"}, 3990),
    ("HL-1107", {"en": "espresso machine", "de": "Espressomaschine", "zh": "意式咖啡机"}, 24900),
    (
        "HL-1215",
        {"en": "kettle with temperature dial", "de": "Wasserkocher mit Temperaturwahl", "zh": "调温电水壶"},
        5995,
    ),
    ("HL-1330", {"en": "bread slicer", "de": "Brotschneidemaschine", "zh": "面包切片机"}, 8450),
    ("HL-1388", {"en": "robot vacuum", "de": "Saugroboter", "zh": "扫地机器人"}, 21900),
    ("HL-1451", {"en": "stand mixer", "de": "Küchenmaschine", "zh": "厨师机"}, 18990),
    ("HL-1502", {"en": "rice cooker", "de": "Reiskocher", "zh": "电饭煲"}, 7490),
    ("HL-1576", {"en": "desk lamp", "de": "Schreibtischlampe", "zh": "台灯"}, 4495),
    ("HL-1633", {"en": "hand blender", "de": "Stabmixer", "zh": "手持料理棒"}, 3450),
    ("HL-1690", {"en": "air purifier", "de": "Luftreiniger", "zh": "空气净化器"}, 15900),
)
PEOPLE: Mapping[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        ("Amelia", "Fraser"), ("Callum", "Reid"), ("Priya", "Nair"), ("Tom", "Okafor"), ("Grace", "Byrne"),
        ("Nadia", "Haddad"), ("Luca", "Moretti"), ("Ines", "Carvalho"), ("Oscar", "Lind"), ("Zofia", "Nowak"),
        ("Ethan", "Clarke"), ("Maeve", "Doyle"),
    ),
    "de": (
        ("Jonas", "Weber"), ("Katrin", "Schäfer"), ("Mehmet", "Yıldız"), ("Sabine", "Köhler"),
        ("Felix", "Brandt"),
    ),
    "zh": (("晓雯", "陈"), ("子涵", "李"), ("浩然", "王"), ("思琪", "赵")),
}  # fmt: skip
PLACES: Mapping[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        ("Dublin", "14 Camden Row"),
        ("Leeds", "3 Park Lane"),
        ("Utrecht", "Oudegracht 88"),
        ("Porto", "Rua das Flores 21"),
    ),
    "de": (("Köln", "Aachener Straße 40"), ("Leipzig", "Nordplatz 7"), ("Graz", "Annenstraße 12")),
    "zh": (("柏林", "康德大街 101 号"), ("杜塞尔多夫", "克洛斯特街 8 号")),
}
CARRIERS = ("DHL", "DPD", "GLS", "An Post", "PostNL")
HUBS = ("Duisburg", "Rotterdam", "Leipzig", "Daventry", "Liège")


@dataclass(frozen=True, kw_only=True)
class Case:
    """All facts one conversation is about. Questions, tools and answers draw on the same case."""

    language: Language
    user_id: str
    first: str
    name: str
    email: str
    phone: str
    city: str
    street: str
    order: str
    sku: str
    item: str
    item2: str
    price_cents: int
    state: str
    carrier: str
    tracking: str
    hub: str
    invoice: str
    return_no: str
    refund_no: str
    bought: datetime
    eta: datetime
    warranty: datetime

    @property
    def total_cents(self) -> int:
        """What the customer paid: the article and the shipping."""
        return self.price_cents + SHIPPING_CENTS

    @property
    def refund_cents(self) -> int:
        """What a refund is about: the article, or all of a second booking."""
        return self.total_cents if self.state == "booked_twice" else self.price_cents


def customer(number: int) -> Random:
    """The source of everything that stays the same when a customer comes back."""
    return Random(f"customer/{number}")


def case_of(rng: Random, number: int, state: str, now: datetime) -> Case:
    """A case for customer ``number``, with an order in ``state`` (any state if empty)."""
    person = customer(number)
    language: Language = person.choices(("en", "de", "zh"), (0.70, 0.18, 0.12))[0]
    first, family = person.choice(PEOPLE[language])
    city, street = person.choice(PLACES[language])
    (sku, names, price), (_, others, _) = rng.sample(ARTICLES, 2)
    ordered = now - timedelta(days=rng.randint(3, 24))
    return Case(
        language=language,
        user_id=f"u-{10_000 + number}",
        first=first,
        name=f"{first} {family}" if language != "zh" else f"{family}{first}",
        email=f"customer{number}@example.{'de' if language == 'de' else 'com'}",
        phone=f"+44 20 7946 0{number % 1000:03d}",
        city=city,
        street=street,
        order=f"A-{rng.randint(40_000, 59_999)}",
        sku=sku,
        item=names[language],
        item2=others[language],
        price_cents=price,
        state=state or rng.choice(("shipped", "delivered", "processing")),
        carrier=rng.choice(CARRIERS),
        tracking=f"JD{rng.randint(10**9, 10**10 - 1)}",
        hub=rng.choice(HUBS),
        invoice=f"R-2026-{rng.randint(1000, 9999)}",
        return_no=f"RT-{rng.randint(10_000, 99_999)}",
        refund_no=f"RF-{rng.randint(100_000, 999_999)}",
        bought=ordered,
        eta=now + timedelta(days=rng.randint(1, 4)),
        warranty=ordered + timedelta(days=730),
    )


def arguments_for(tool: str, case: Case, reason: str = "damaged") -> dict[str, AnyValue]:
    """What the model passes to ``tool`` in this case."""
    known: dict[str, AnyValue] = {
        "order_id": case.order,
        "sku": case.sku,
        "tracking_id": case.tracking,
        "reason": reason,
        "amount_eur": f"{case.refund_cents / 100:.2f}",
        "address": f"{case.street}, {case.city}",
    }
    return {name: known[name] for name, _ in TOOLS[tool].arguments}


def answer_of(tool: str, case: Case) -> dict[str, AnyValue]:
    """What ``tool`` returns in this case, if it works."""
    money = case.total_cents / 100
    answers: Mapping[str, dict[str, AnyValue]] = {
        "lookup_order": {
            "order_id": case.order,
            "state": case.state,
            "ordered_at": case.bought.date().isoformat(),
            "items": [
                {"sku": case.sku, "title": case.item, "quantity": 1, "price_eur": case.price_cents / 100}
            ],
            "shipping_eur": SHIPPING_CENTS / 100,
            "total_eur": money,
            "ship_to": {"name": case.name, "street": case.street, "city": case.city},
            "carrier": case.carrier,
            "tracking_id": case.tracking,
        },
        "check_warranty": {"sku": case.sku, "valid_until": case.warranty.date().isoformat(), "claims": 0},
        "get_shipment": {
            "tracking_id": case.tracking,
            "carrier": case.carrier,
            "scans": [{"place": case.hub, "event": "held" if case.state == "delayed" else "departed"}],
            "planned": case.eta.date().isoformat(),
        },
        "create_return": {"return_no": case.return_no, "label_sent_to": case.email, "fee_eur": 0},
        "issue_refund": {
            "refund_no": case.refund_no,
            "amount_eur": case.refund_cents / 100,
            "state": "released",
        },
        "get_invoice": {"invoice": case.invoice, "total_eur": money, "sent_to": case.email},
        "update_address": {"order_id": case.order, "changed": True},
    }
    return answers[tool]
