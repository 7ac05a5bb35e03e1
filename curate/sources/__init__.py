"""Importing: questions with images and known answers, from any source, as one table.

section.py    a source's section of a recipe
source.py     the contract of a source, for ours and plugins', and how one is opened
files.py      files, folders and packages
texts.py      JSONL, JSON and CSV
arrow.py      Parquet files, saved datasets and Hub datasets
archives.py   pictures and samples in tar and zip archives
columns.py    which columns are which
cells.py      a cell of any type as text or image
choices.py    options and golds in every format
golds.py      a gold inside a longer text, mapped, or one of several
conversations.py   a conversation in any form, round by round
matchable.py  golds that no answer can match
patterns.py   regular expressions of recipes
remote.py     pictures by URL, from public addresses
faults.py     why a row is left out, by itself or compared with others
rows.py       one row -> a question, or a reason why not
images.py     any image -> a fitting PNG or JPEG, stored once by content
kept.py       imports kept in the home, complete or partial
importing.py  the whole import: `import_sources`
"""
