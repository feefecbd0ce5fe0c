# Two targets do everything from a bare machine: `make report` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: report test demo paper versions browser release docs clean

report: $(VENV)/report.stamp
	$(BIN)/emergence report public_reports --jobs -1 -o out/public
	$(BIN)/emergence report paper3-cpu --law paper28-cpu --jobs -1 -o out/experiment1
	$(BIN)/emergence report paper28-cpu --jobs -1 -o out/experiment2

demo: $(VENV)/train.stamp
	$(BIN)/emergence sweep demo -o out/demo
	$(BIN)/emergence report out/demo/records.csv --jobs -1 -o out/demo/report

# The claims of Du et al. asked of the bundled records; writes docs/paper.md and its figures.
paper: $(VENV)/report.stamp
	$(BIN)/emergence paper -o docs

test: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# The core of the tests on every Python at hand, and on the oldest packages allowed.
versions: $(VENV)/bin/python
	$(BIN)/python tests/versions.py

# The page of a report in a browser, a part of the tests; needs a Chromium on the path.
browser: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/test_browser.py

# Wheel and sdist; the wheel does the main job in an environment of its own, from an empty folder.
release: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build
	rm -rf dist out/release && $(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv out/release && out/release/bin/python -m pip install --quiet dist/*.whl
	cd out/release && bin/emergence report public_reports --jobs -1 -q

docs: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/report.stamp: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e .
	touch $@

$(VENV)/test.stamp: $(VENV)/bin/python pyproject.toml requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@ $(VENV)/train.stamp $(VENV)/report.stamp

# The exact torch of the tests, which is small where pip finds a build for the CPU, and what it takes.
$(VENV)/train.stamp: $(VENV)/bin/python pyproject.toml requirements-test.txt
	grep == requirements-test.txt > $(VENV)/versions.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/versions.txt -e '.[train]'
	touch $@ $(VENV)/report.stamp

$(VENV)/docs.stamp: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) out docs/_build docs/reference/generated
