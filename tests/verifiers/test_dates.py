"""What looks alike and is not: times, dates, ranges with a dash."""

from collections.abc import Callable

TIMES = [
    ("before 10:30", "10:30", "wrong", "another time"),
    ("from 10:30 to 11", "10:30", "wrong", "a span"),
    ("It is 10:30.", "10:30", "right", "a sentence"),
    ("10:30", "10:30", "right", "the same"),
    ("1/3", "10:30", "wrong", "a time is no fraction"),
    ("9:45", "9:30", "wrong", "another time"),
    ("1:3", "10:30", "wrong", "a time is no ratio"),
    ("8:34 PM", "8:34 P.M.", "right", "another spelling"),
    ("8:34pm", "8:34 P.M.", "right", "another spelling"),
    ("08:34 P.M.", "8:34 P.M.", "right", "a leading zero"),
    ("20:34", "08:34 \\text{P.M.}", "right", "twenty-four hours"),
    ("8:34 A.M.", "8:34 P.M.", "wrong", "the other half of the day"),
    ("8:34", "20:34", "wrong", "twelve hours off"),
    ("8:34", "8:34 P.M.", "right", "the half of the day may be missing"),
    ("20:34:00", "20:34", "right", "no seconds"),
    ("20:34:05", "20:34", "wrong", "seconds"),
    ("12:00", "1:00", "wrong", "another hour"),
    ("5 PM", "5:00 P.M.", "right", "no minutes"),
    ("1:15 A.M.", "11:30 A.M.", "wrong", "another time"),
    ("The train leaves at 10:30.", "10:30", "right", "a sentence"),
    ("10:30 or 11:30", "10:30", "wrong", "hedged"),
]
DATES = [
    ("on May 6, 1968", "May 6, 1968", "right", "a preposition"),
    ("in March 2021", "March 2021", "right", "a preposition"),
    ("before March 2021", "March 2021", "wrong", "another date"),
    ("2020-01-15", "2020-01-15", "right", "the same"),
    ("January 15, 2020", "2020-01-15", "right", "in words"),
    ("15 January 2020", "January 15, 2020", "right", "another order"),
    ("Jan. 15, 2020", "January 15, 2020", "right", "abbreviated"),
    ("Jan 15th, 2020", "January 15, 2020", "right", "an ordinal"),
    ("January 16, 2020", "January 15, 2020", "wrong", "another day"),
    ("January 15, 2021", "January 15, 2020", "wrong", "another year"),
    ("2020-01-16", "2020-01-15", "wrong", "another day"),
    ("2004", "2020-01-15", "wrong", "never arithmetic"),
    ("4/2/2005", "04/02/2005", "right", "leading zeros"),
    ("04/03/2005", "04/02/2005", "wrong", "another day"),
    ("02/04/2005", "04/02/2005", "wrong", "the order of day and month is unknown"),
    ("May '21", "May '21", "right", "a month"),
    ("Jun '21", "May '21", "wrong", "another month"),
]
RANGES = [
    ("2010-2011", "2010-2011", "right", "the same"),
    ("2010–2011", "2010-2011", "right", "an en dash"),
    ("2010 - 2011", "2010-2011", "right", "spaces"),
    ("2010 to 2011", "2010-2011", "right", "in words"),
    ("-1", "2010-2011", "wrong", "never arithmetic"),
    ("2010", "2010-2011", "wrong", "a part"),
    ("2011-2010", "2010-2011", "wrong", "turned round"),
    ("2010-2012", "2010-2011", "wrong", "another"),
    ("0-5", "0-5", "right", "the same"),
    ("-5", "0-5", "wrong", "never arithmetic"),
    ("5", "0-5", "wrong", "a part"),
    ("0-5 cm", "0-5", "right", "a unit on one side"),
    ("20-10-5", "20-10-5", "right", "a chain"),
    ("5", "20-10-5", "wrong", "never arithmetic"),
]


def test_times(check_table: Callable[..., None]) -> None:
    check_table(TIMES, kind="time")


def test_dates(check_table: Callable[..., None]) -> None:
    check_table(DATES, kind="date")


def test_ranges(check_table: Callable[..., None]) -> None:
    check_table(RANGES, kind="range")
