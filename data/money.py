"""How an amount of money is shown."""

from __future__ import annotations

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "CNY": "¥", "JPY": "¥"}


def display(value: float, currency: str) -> str:
    """The amount with its currency; cents are shown below 1,000, whole units above.

    >>> display(24.9, "GBP"), display(-1260.4, "EUR"), display(5, "SEK")
    ('£24.90', '-€1,260', 'SEK 5.00')
    """
    digits = 2 if abs(value) < 1000 else 0
    sign = "-" if round(value, digits) < 0 else ""
    return f"{sign}{symbol(currency)}{abs(value):,.{digits}f}"


def symbol(currency: str) -> str:
    """What is written before an amount.

    >>> symbol("GBP"), symbol("SEK")
    ('£', 'SEK ')
    """
    return _SYMBOLS.get(currency, currency + " ")
