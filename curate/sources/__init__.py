"""The way in: questions with images and known answers, from wherever they are, as one table.

section.py     what a recipe says of a source
readers.py     files, folders, Hub datasets and packages -> rows
rows.py        one row -> a question, or a reason why not
images.py      any image -> a fitting PNG or JPEG, stored once by content
importing.py   all of it: `import_sources`
"""
