"""Questions that are alike: inside a recipe's sources, and between these and a benchmark.

texts.py             a question's words, shingles, numbers and n-grams
image_hashes.py      what an image looks like: a perceptual hash and its colours
lsh.py               which of many hashes are near one another, without comparing all pairs
near_duplicates.py   questions that ask the same about the same picture
dedup.py             the stage that drops all but the first of them
packs.py             a benchmark as hashes, in a file without its texts and images
reference.py         a benchmark, from wherever it is
decontam.py          the stage that drops questions that are in a benchmark
screen.py            both stages, between the import and the first request
"""
