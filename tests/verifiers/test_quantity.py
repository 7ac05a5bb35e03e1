"""Quantities: a unit may be missing on either side; two that are there must agree, by conversion where they can."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from ovt.verifiers.kinds.units import _UNITS, convert, read_unit

CASES = [
    ("12 apples left", "12 apples", "right", "what of them is said of them"),
    ("20 C", "20°C", "right", "a temperature, without its sign"),
    ("20C", "20 °C", "right", "a temperature, without its sign"),
    ("20\\,^\\circ\\text{C}", "20°C", "right", "LaTeX"),
    ("20 degrees", "20°C", "right", "whose degrees goes without saying"),
    ("20 °C", "20 C", "right", "a gold without its sign"),
    ("68 F", "68°F", "right", "a temperature, without its sign"),
    ("20 C", "20 coulombs", "right", "a charge"),
    ("20 C", "20°F", "wrong", "another scale"),
    ("20 F", "20 C", "wrong", "another scale"),
    ("20°F", "20°C", "wrong", "another scale"),
    ("20 A s", "20°C", "wrong", "a charge is no temperature"),
    ("7 degrees below zero", "7", "wrong", "minus seven"),
    ("21 cm", "21 cm", "right", "the same"),
    ("21cm", "21 cm", "right", "no space"),
    ("21", "21 cm", "right", "no unit on one side"),
    ("21 cm", "21", "right", "no unit on the other"),
    ("21 centimeters", "21 cm", "right", "in words"),
    ("21 centimetres", "21 cm", "right", "British"),
    ("21 CM", "21 cm", "right", "case"),
    ("21 \\text{ cm}", "21 cm", "right", "LaTeX"),
    ("21~\\mathrm{cm}", "21 cm", "right", "LaTeX"),
    ("$21\\,\\text{cm}$", "21 cm", "right", "LaTeX"),
    ("0.21 m", "21 cm", "right", "converted"),
    ("210 mm", "21 cm", "right", "converted"),
    ("21 m", "21 cm", "wrong", "units conflict"),
    ("21 cm^2", "21 cm", "wrong", "an area is no length"),
    ("21 kg", "21 cm", "wrong", "units conflict"),
    ("22 cm", "21 cm", "wrong", "another number"),
    ("22", "21 cm", "wrong", "another number"),
    ("12 cm²", "12 \\mathrm{~cm}^{2}", "right", "superscript"),
    ("12 square centimeters", "12 \\mathrm{~cm}^{2}", "right", "in words"),
    ("12 sq. cm", "12 cm^2", "right", "in words"),
    ("12 sq cm", "12 cm^2", "right", "in words"),
    ("12 cubic cm", "12 cm^3", "right", "in words"),
    ("12 cubic cm", "12 cm^2", "wrong", "a volume is no area"),
    ("10 square units", "10", "right", "units without a name"),
    ("10 units", "10 cm", "right", "units without a name"),
    ("100 units", "10 units", "wrong", "another number"),
    ("1000 cm^3", "1 L", "right", "converted"),
    ("1 liter", "1000 ml", "right", "converted"),
    ("60 km/h", "60 km/hr", "right", "another spelling"),
    ("60 kilometers per hour", "60 km/h", "right", "in words"),
    ("60 mph", "60 km/h", "wrong", "units conflict"),
    ("60 miles per hour", "60 mph", "right", "an abbreviation"),
    ("20 m/s", "72 km/h", "right", "converted"),
    ("5 N m", "5 J", "right", "the same dimension"),
    ("3 minutes", "3 hours", "wrong", "units conflict"),
    ("180 minutes", "3 hours", "right", "converted"),
    ("3 hrs", "3 hours", "right", "an abbreviation"),
    ("2 hours and 45 minutes", "2 hours and 45 minutes", "right", "compound"),
    ("2 hours 45 minutes", "2 hours and 45 minutes", "right", "compound"),
    ("165 minutes", "2 hours and 45 minutes", "right", "compound, converted"),
    ("2.75 hours", "2 hours and 45 minutes", "right", "compound, converted"),
    ("2 h 45 min", "2 hours and 45 minutes", "right", "compound, abbreviated"),
    ("2 hours and 30 minutes", "2 hours and 45 minutes", "wrong", "another compound"),
    ("2 hours", "2 hours and 45 minutes", "wrong", "a part"),
    ("45 minutes", "2 hours and 45 minutes", "wrong", "a part"),
    ("5 ft 6 in", "66 inches", "right", "compound, converted"),
    ("90°", "90", "right", "a degree sign"),
    ("90^\\circ", "90", "right", "LaTeX degrees"),
    ("90^{\\circ}", "90°", "right", "LaTeX degrees"),
    ("90 degrees", "90°", "right", "in words"),
    ("90 deg", "90°", "right", "abbreviated"),
    ("91°", "90°", "wrong", "another number"),
    ("90°C", "90°F", "wrong", "units conflict"),
    ("20 degrees Celsius", "20°C", "right", "in words"),
    ("$7", "7", "right", "a currency sign"),
    ("$7", "7 dollars", "right", "a currency in words"),
    ("\\$7.00", "$7", "right", "escaped"),
    ("7 dollars", "$7.00", "right", "in words"),
    ("USD 7", "$7", "right", "a code"),
    ("$7", "€7", "wrong", "another currency"),
    ("€7", "7 euros", "right", "in words"),
    ("700 cents", "$7", "right", "converted"),
    ("$1,234.50", "1234.5", "right", "separators"),
    ("-$5", "-5", "right", "the sign before the currency"),
    ("$-5", "-5", "right", "the sign after the currency"),
    ("$5", "-5", "wrong", "the sign"),
    ("$2.5 million", "2,500,000", "right", "a scale word"),
    ("5 apples", "5 apples", "right", "what is counted"),
    ("5 apples", "5", "right", "what is counted may be missing"),
    ("5", "5 apples", "right", "what is counted may be missing"),
    ("5 apples", "5 oranges", "wrong", "other things"),
    ("five apples", "5 apples", "right", "in words"),
    ("1 apple", "1 apples", "right", "singular and plural"),
    ("5 red apples", "5 apples", "right", "said more closely"),
    ("5 red apples", "5 green apples", "wrong", "other things"),
    ("2 triangles", "1 triangle", "wrong", "another number"),
    ("500 BC", "500 AD", "wrong", "another era"),
    ("2 \\sqrt{5} \\text{ cm}", "2\\sqrt5", "right", "an expression with a unit"),
    ("2\\sqrt{5}\\text{ cm}", "2\\sqrt{5}\\text{ m}", "wrong", "an expression, units conflict"),
    ("\\sqrt{20} cm", "2\\sqrt{5} \\mathrm{~cm}", "right", "another form with the same unit"),
    ("\\frac{1}{3} \\text{meters}", "1/3", "right", "a fraction with a unit"),
    ("6\\pi \\text{ cm}^2", "6\\pi", "right", "pi with a unit"),
    ("5π cm", "6π cm", "wrong", "another number"),
    ("180°", "\\pi radians", "right", "an angle"),
    ("4.40米", "4.4 m", "right", "Chinese"),
    ("The length is 21 m", "21 cm", "wrong", "units conflict in a sentence"),
    ("The length is 21 cm.", "21 cm", "right", "a sentence"),
    ("The area of the square is 16 cm^2.", "16", "right", "a sentence"),
    ("It takes 3 hours", "3 minutes", "wrong", "units conflict in a sentence"),
    ("3x", "3", "wrong", "a variable is no unit"),
    ("$3m$", "3", "wrong", "a variable is no unit"),
    ("3 and 4", "3", "wrong", "two answers"),
    ("10 or more", "10", "wrong", "not a number of things"),
    ("more than 10", "10", "wrong", "a comparison"),
    ("10 km or 20 km", "10 km", "wrong", "hedged"),
    ("10 km, 20 km", "20 km", "wrong", "two answers"),
    ("2π cm", "2\\pi cm", "right", "a Greek letter is no unit"),
    ("2pi cm", "2π cm", "right", "pi in letters"),
    ("5%", "5 cm", "wrong", "a share is no length"),
    ("5 cm", "5%", "wrong", "a length is no share"),
    ("5%", "$5", "wrong", "a share is no money"),
    ("5% of the students", "5%", "right", "a share of something"),
    ("∠A = 60°", "60°", "right", "a named angle"),
    ("m∠A = 60°", "60°", "right", "a named angle"),
    ("5 boxes of apples", "5 apples", "wrong", "boxes are no apples"),
    ("5 boxes of apples", "5 boxes of oranges", "wrong", "other contents"),
    ("5 pairs", "5 pairs of shoes", "right", "the same, less closely"),
    ("5 mPa", "5 MPa", "wrong", "milli is not mega"),
    ("5 meV", "5 MeV", "wrong", "milli is not mega"),
    ("5 mhz", "5 MHz", "wrong", "milli is not mega"),
    ("5 Mg", "5 mg", "wrong", "mega is not milli"),
    ("5 ML", "5 mL", "wrong", "a megalitre"),
    ("5 mPa", "0.005 Pa", "right", "milli"),
    ("5 mHz", "0.005 Hz", "right", "milli"),
    ("5 mΩ", "0.005 Ω", "right", "milli"),
    ("3 MV", "3000000 V", "right", "mega"),
    ("10 pF", "0.01 nF", "right", "pico"),
    ("440 hz", "440 Hz", "right", "case"),
    ("5 MHZ", "5 MHz", "right", "case"),
    ("5 KM", "5 km", "right", "case"),
    ("5 MM", "5 mm", "right", "case: there is no such unit in capitals"),
    ("5 Metres", "5 m", "right", "case"),
    ("2 \u00b5s", "2 \u03bcs", "right", "the micro sign and the letter"),
    ("2 us", "2 μs", "right", "micro as it is typed"),
    ("2 µs", "0.002 ms", "right", "micro, converted"),
    ("2 \\mu s", "2 μs", "right", "micro in LaTeX"),
    ("$4\\,\\mu\\text{F}$", "4 μF", "right", "micro in LaTeX"),
    ("5 \\mu\\text{g}", "5 μg", "right", "micro in LaTeX"),
    ("2 \\mu g", "2", "wrong", "friction"),
    ("2 \\mu m g", "2", "wrong", "friction"),
    ("5 \u2126", "5 \u03a9", "right", "the ohm sign and the letter"),
    ("$5 per unit", "$5", "right", "what it is for"),
    ("$5 per unit", "$6 per unit", "wrong", "another price"),
    ("£5", "5 pounds", "right", "money"),
    ("5 pounds", "£5", "right", "money"),
    ("£5", "5 lb", "wrong", "a weight"),
    ("¥500", "500 yen", "right", "the sign of two currencies"),
    ("1 rev", "2\\pi rad", "right", "an angle"),
    ("1 rev", "\\pi/180 rad", "wrong", "a degree is no revolution"),
    ("π rad/s", "180 deg/min", "wrong", "another time"),
]


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES)


@pytest.mark.parametrize(
    ("left", "right", "factor"),
    [
        ("km", "m", 1000),
        ("cm^2", "mm^2", 100),
        ("hour", "minutes", 60),
        ("kg", "g", 1000),
        ("dollars", "cents", 100),
        ("m/s", "m s^-1", 1),
    ],
)
def test_conversion(left: str, right: str, factor: int) -> None:
    assert convert(read_unit(left), read_unit(right)) == factor
    assert convert(read_unit(right), read_unit(left)) == Fraction(1, factor)


def test_no_prefix_is_read_for_another() -> None:
    """In any case: a unit in capitals may be the one in small letters, but milli is never mega."""
    milli = [name for name in _UNITS if name[0] == "m" and _UNITS[name] == _scaled(name[1:], Fraction(1, 1000))]
    assert {"mm", "mPa", "mHz", "meV", "mΩ"} <= set(milli)
    for name in milli:
        assert read_unit("M" + name[1:]) != read_unit(name), name


def _scaled(name: str, scale: Fraction) -> object:
    dims, size = _UNITS.get(name, ({}, Fraction(0)))
    return dims, size * scale


@pytest.mark.parametrize("text", ["", "and a half", "x + y", "of hearts", "or 13", "12", "is wrong", "than that"])
def test_what_is_no_unit(text: str) -> None:
    assert read_unit(text) is None
