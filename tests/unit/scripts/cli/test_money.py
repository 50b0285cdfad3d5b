import pytest

from scripts.cli.money import money


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (1500, "GBP", "15.00 GBP"),
        (1500, "JPY", "1,500 JPY"),
        (1500, "KWD", "1.500 KWD"),
        (1500, "CLF", "0.1500 CLF"),
        (5, "GBP", "0.05 GBP"),
        (0, "BHD", "0.000 BHD"),
        (-1999, "EUR", "-19.99 EUR"),
        (-5, "GBP", "-0.05 GBP"),
        (49_995_099_999_500_049, "GBP", "499,950,999,995,000.49 GBP"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_and_is_never_rounded(
    amount_minor: int, currency: str, text: str
) -> None:
    assert money(amount_minor, currency) == text
