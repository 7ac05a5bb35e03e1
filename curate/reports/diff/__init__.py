"""How two versions differ: rows added, removed and changed, and how the data drifted.

diff.py       opens the two versions and puts everything together, as plain data
tables.py     the few columns that a diff reads of each
changes.py    matches rows, and finds their status and the reason for it
drift.py      figures of both and their differences, with intervals
recipes.py    settings and prompts; two texts word by word
examples.py   the rows to show; summary.py: lines and tables; page.py: the page
"""
