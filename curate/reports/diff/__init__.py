"""What lies between two versions: the rows that came, went and changed, and how the data drifted.

opening.py    the two versions, and whether their files are as they were written
tables.py     the few columns that a diff reads of each
matching.py   which question is which, and which row
changes.py    what became of each row, and why
estimates.py  differences with their intervals; drift.py has the figures, texts.py those that need to read texts
recipes.py    settings and prompts
diff.py       all of it, as plain data; examples.py the rows to show; render.py and page.py show it
"""
