"""The way in: questions with images and known answers, from wherever they are, as one table.

section.py    what a recipe says of a source
source.py     what a source is: the contract that ours and plugins' keep, and how one is opened
files.py      files, folders and packages: JSONL, JSON, CSV
arrow.py      Parquet files, saved datasets and those of the Hub
columns.py    which columns are which
cells.py      a cell of any type as text, gold, conversation or image
choices.py    options and golds in all their shapes
faults.py     why a row is left out, alone or beside the others
rows.py       one row -> a question, or a reason why not
images.py     any image -> a fitting PNG or JPEG, stored once by content
importing.py  all of it: `import_sources`, and what it keeps for the next build
"""
