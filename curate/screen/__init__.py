"""Finds similar questions: within a recipe's sources, and between them and a benchmark.

fingerprints.py  what is alike: an image's perceptual hash and mean colours; a text's words, shingles and n-grams
dedup.py         the stage that drops repeated questions, without comparing all pairs
packs.py         a benchmark as hashes, in a file without its texts and images
decontam.py      the stage that drops questions that are in a benchmark
screen.py        both stages, between the import and the first request
"""
