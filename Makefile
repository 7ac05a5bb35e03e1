# Everything runs in one environment, .venv, from the versions locked in constraints.txt.
PYTHON ?= python3
VENV ?= .venv
OVT = $(VENV)/bin/ovt
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check

.PHONY: demo test test-ray check bench audit clean

demo: $(VENV)/installed        ## caption → reason → verify → select → filter, with the embedded model
	$(OVT) curate build recipes/pocket.toml

test: $(VENV)/installed        ## the whole suite: offline, no GPU; a file's tests share what they set up
	$(VENV)/bin/python -m pytest --numprocesses 3 --dist loadfile

test-ray: $(VENV)/installed    ## the tests that need Ray, which this installs into the environment (240 MB)
	$(PIP) install --quiet --constraint constraints.txt ray
	$(VENV)/bin/python -m pytest -m ray

check: $(VENV)/installed       ## what pre-commit runs: format, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ty check

bench: $(VENV)/installed       ## the speed figures that take seconds, on small inputs; benchmarks/ has the others
	$(VENV)/bin/python benchmarks/startup.py
	$(VENV)/bin/python benchmarks/client.py --requests 1000 --repeats 3
	$(VENV)/bin/python benchmarks/resume.py --questions 1000
	$(VENV)/bin/python benchmarks/tables.py --samples 20000
	$(VENV)/bin/python benchmarks/diff.py --rows 20000
	$(VENV)/bin/python benchmarks/whatif.py --samples 20000

audit:                         ## the pinned versions against the known vulnerabilities; needs a network
	$(PYTHON) scripts/audit.py

# torch goes first and by its exact version, so that pip may take a CPU build where one is offered.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ovt needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $$(grep '^torch==' constraints.txt)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[train,similar,plots,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
