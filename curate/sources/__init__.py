"""The way in: questions with images and known answers, from wherever they are, as one table.

section.py     what a recipe says of a source
readers.py     its path -> parts: files (parts.py), Parquet, saved and Hub datasets (tables.py), of a split (splits.py)
columns.py     which columns are which
rows.py        one row -> a question, or a reason why not: texts.py, choices.py, image_cells.py
images.py      any image -> a fitting PNG or JPEG, stored once by content
lint.py        what is wrong with rows, alone and beside the others
importing.py   all of it: `import_sources`; cache.py keeps it for the next build
"""
