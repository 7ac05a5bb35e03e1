"""Checking the verdicts: against other graders, against people, and under attack.

audit.py    our rules beside other graders (peers.py) over a version's answers; labels.py brings people's labels back
attack.py   reward hacks (hacks.toml) against `verify_response`: none may be accepted
"""
