"""Chinese numerals: `三` is 3, `十二` 12, `一百零五` 105, `两个` two of something; `三四` (three or four) is none."""

import re

_DIGITS = {char: value for value, char in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_DIGIT = f"[{''.join(_DIGITS)}]"
_BELOW_TEN_THOUSAND = re.compile(
    rf"(?:(?P<thousands>{_DIGIT})千)?(?:零?(?P<hundreds>{_DIGIT})百)?(?:零?(?P<tens>{_DIGIT}?)(?P<ten>十))?"
    rf"(?P<zero>零?)(?P<units>{_DIGIT})?"
)
_COUNTER = re.compile(r"[个只条张本人位次块件辆台棵朵种颗双层名枚支根]$")
_TRADITIONAL = str.maketrans("〇兩萬億負個隻條張塊輛臺種顆雙層", "零两万亿负个只条张块辆台种颗双层")


def read_chinese(text: str) -> int | None:
    """The integer that the whole of a text is, with a counter behind it or none."""
    text = _COUNTER.sub("", text.translate(_TRADITIONAL))
    sign = -1 if text[:1] == "负" else 1
    text = text.removeprefix("负")
    if text == "零":
        return 0
    total = 0
    for scale, size in (("亿", 10**8), ("万", 10**4)):
        head, found, text = text.rpartition(scale)
        value = _section(head) if found else 0
        if value is None or (found and not value):
            return None
        total += value * size
    rest = _section(text)
    return sign * (total + rest) if rest is not None and total + rest else None


def _section(text: str) -> int | None:
    """A numeral below ten thousand. `一百五` is none: it is 150 to some and 105 to others."""
    match = _BELOW_TEN_THOUSAND.fullmatch(text)
    if not match or (match["zero"] and not match["units"]):
        return None
    larger = match["thousands"] or match["hundreds"]
    if match["units"] and larger and not match["ten"] and not match["zero"]:
        return None
    digits = [_DIGITS.get(match[place] or "", 0) for place in ("thousands", "hundreds", "tens", "units")]
    tens = digits[2] or bool(match["ten"])
    return 1000 * digits[0] + 100 * digits[1] + 10 * tens + digits[3]
