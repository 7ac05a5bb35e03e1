"""Questions that are alike: inside a recipe's sources, and between these and a benchmark.

texts.py         a question's words, shingles, numbers and n-grams
image_hashes.py  what an image looks like: a perceptual hash and its colours
dedup.py         the stage that drops questions asked before, and how they are found without comparing all pairs
packs.py         a benchmark as hashes, in a file without its texts and images
decontam.py      the stage that drops questions that are in a benchmark
screen.py        both stages, between the import and the first request
"""
