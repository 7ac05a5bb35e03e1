"""What would have come out under other settings, from the replies that a version already has.

settings.py  which settings may differ without asking a model
chunks.py    a version read chunk by chunk, as its build wrote it
compare.py   which rows came, went and changed, and why
whatif.py    all of it, as plain data, and as a version of its own; render.py shows it
"""
