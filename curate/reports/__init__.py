"""`ovt data stats`: what one version is like, and how several differ.

profile.py   the figures of one version, from its rows and its ledger
figures.py   the rows of the tables: a figure's name, unit and value by version
render.py    in the terminal; plot.py: as a figure (PNG, SVG); page.py: both on one page
"""
