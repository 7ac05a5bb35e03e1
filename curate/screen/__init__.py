"""Finds similar questions: within a recipe's sources, and between them and a benchmark.

texts.py         a question's words, shingles, numbers and n-grams
image_hashes.py  image fingerprints: a perceptual hash and mean colours
dedup.py         the stage that drops repeated questions, without comparing all pairs
packs.py         a benchmark as hashes, in a file without its texts and images
decontam.py      the stage that drops questions that are in a benchmark
screen.py        both stages, between the import and the first request
"""
