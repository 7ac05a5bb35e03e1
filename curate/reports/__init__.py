"""The reports of `ovt data`, as plain data; `commands/views` prints them.

show.py              the versions of a home; everything about one but its rows
head.py, why.py      some rows of a version; the story of one question or sample
funnel.py            where questions and samples ended; failures.py: which requests failed
lint.py              faults in questions; questions.py reads those of a version, a recipe or a source
diff/                two versions against each other
what_if.py           a version decided again under other settings; chunks.py reads and compares it chunk by chunk
figures.py           the figures of versions as rows of a table; plots.py: as plots and as a page
"""
