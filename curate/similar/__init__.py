"""Questions that are alike: inside a version or a recipe, and between it and a benchmark. And what is wrong with them.

texts.py     a question's words, shingles, numbers and n-grams
looks.py     what an image looks like: a perceptual hash and its colours
buckets.py   which of many hashes are near one another, without comparing all pairs
twins.py     questions that ask the same about the same picture
dedup.py     the stage that drops all but the first of them
packs.py     a benchmark as hashes, in a file without its texts and images
against.py   a benchmark, from wherever it is
decontam.py  the stage that drops questions that are in a benchmark
screen.py    both stages, between the import and the first request
lint.py      what is wrong with questions: rules.py has the rules, read.py reads what they look at
"""
