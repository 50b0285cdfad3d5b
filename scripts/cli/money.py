"""Amounts of money as people read them."""

_HUNDREDTHS = 2
# Currencies whose minor unit is not a hundredth, by ISO 4217, list one of 2026-01-01:
# https://www.six-group.com/en/products-services/financial-information/data-standards.html
_CURRENCIES_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DECIMALS = {
    currency: decimals for decimals, currencies in _CURRENCIES_BY_DECIMALS.items() for currency in currencies.split()
}


def money(amount_minor: int, currency: str) -> str:
    """Format an integer amount in minor units, without rounding: `15.00 GBP`, `1,500 JPY`, `1.500 KWD`."""
    decimals = _DECIMALS.get(currency, _HUNDREDTHS)
    units, minor = divmod(abs(amount_minor), 10**decimals)
    sign = "-" if amount_minor < 0 else ""
    fraction = f".{minor:0{decimals}}" if decimals else ""
    return f"{sign}{units:,}{fraction} {currency}"
