"""The rules of one's own that the setting ``rules`` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from argus_lab.conventions.own_rules import own_rules
from argus_lab.errors import SettingError

if TYPE_CHECKING:
    from argus_lab.conventions.own_rules import OwnRules
    from argus_lab.settings import Settings

__all__ = ["rules_of"]


def rules_of(settings: Settings) -> OwnRules | None:
    """The rules in the file that the settings name; none if they name none.

    Raises
    ------
    SettingError
        The file cannot be read, or holds a rule that cannot be followed.
    """
    if settings.rules is None:
        return None
    try:
        source = Path(settings.rules).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingError(
            f"rules={settings.rules!r} cannot be read: {why}. Name a TOML file of rules with --rules or "
            "ARGUS_RULES, or leave it out."
        ) from error
    return own_rules(source, settings.rules)
