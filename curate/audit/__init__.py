"""Looking after the verdicts: the verifier beside other graders, on every path it is used on, and under attack.

attack.py   reward hacks (hacks.py) against `verify_response`: none may be accepted
audit.py    our rules beside other graders (peers.py) over a version's answers; labels.py brings labels back
parity.py   a version's verdicts again, as curation, the RL reward and evaluation come to them: no difference
"""
