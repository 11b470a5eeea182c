# What a developer, a new user and CI call. Every target installs what it needs first.
SHELL := /bin/bash
PYTHON ?= python3
# Beside the checkout, or in it where the folder above cannot be written.
VENV ?= $(shell test -w .. && echo $(abspath ..)/$(notdir $(CURDIR)).venv || echo $(CURDIR)/.venv)
# More than there are cores, as a rule: tests wait rather than compute.
JOBS ?= 4
# Else each start of guild would compile all that it loads, and tests of what is compiled show nothing.
unexport PYTHONDONTWRITEBYTECODE
ACCEPTANCE = $(wildcard ../shared/acceptance)

.PHONY: help demo test uat check docs bench fuzz soak format man dist dist-test clean
help:
	@echo "make demo   set up, and play the main job on an ssh server of your own"
	@echo "make test   set up, and run every test that needs no container"
	@echo "make uat    build the container, and run the acceptance documents in it"
	@echo "make check  types, style, and what the agent may use"
	@echo "make docs   build the site of the pages in docs/, and check its links"
	@echo "make man    write the manual pages anew, from what --help shows"
	@echo "make dist   build what guild is installed from, into dist/"
	@echo "make dist-test  build it, and install and try each in a fresh Debian 12 and 13"
	@echo "make fuzz   feed the readers what nobody would write, for longer than the tests do"
	@echo "make soak   ten minutes of faults at random, after which all must be equal"
	@echo "make bench  measure how fast guild is, beside the bare limits"

demo: $(VENV)/.installed
	PATH="$(VENV)/bin:$$PATH" tools/demo

test: $(VENV)/.dev uat/acceptance
	tools/install-slurm
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal tests
	$(VENV)/bin/python -m pytest -n 2 --doctest-glob='*.md' uat

uat: $(VENV)/.dev
	PYTHON=$(VENV)/bin/python uat/container/run

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy uat/conftest.py
	$(VENV)/bin/vermin -t=3.8- --violations --no-tips guild_sync/agent
	$(VENV)/bin/python -m pytest -q tests/unit/test_architecture.py

# What the tests do in seconds, for half an hour or so: a crash is a bug, keep it in tests/fuzz/corpus.
fuzz: $(VENV)/.dev
	HYPOTHESIS_PROFILE=random FUZZ_EXAMPLES=20000 HOSTILE_EXAMPLES=200 ALTERED_SEEDS=200 $(VENV)/bin/python -m pytest \
	    tests/fuzz tests/unit/guildfile/test_odd_files.py tests/integration/test_hostile_user.py \
	    tests/integration/test_altered_answers.py

# Ten minutes of faults at random, over 200 runs on five sandboxes.
soak: $(VENV)/.dev
	$(VENV)/bin/python tests/soak.py

bench: $(VENV)/.dev
	$(VENV)/bin/python -m bench

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict

man: $(VENV)/.installed
	$(VENV)/bin/python tools/man

dist: $(VENV)/.dev
	$(VENV)/bin/python tools/dist

# The systems are made the first time, by debootstrap; it takes root.
dist-test: dist
	GUILD_DIST=dist $(VENV)/bin/python -m pytest -n 3 --dist worksteal tests/dist

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# The acceptance documents that come from outside the project, where they are at hand.
.PHONY: uat/acceptance
uat/acceptance:
	@rm -f $@; $(if $(ACCEPTANCE),ln -s $(abspath $(ACCEPTANCE)) $@,true)

WANTED = setup.cfg tools/install-missing $(wildcard bin/*)
$(VENV)/.installed: $(WANTED) | $(VENV)/bin/pip
	tools/install-missing
	@echo "Installing guild and what it needs into $(VENV):"
	@set -o pipefail; $(VENV)/bin/python -m pip install --disable-pip-version-check --editable . \
	    | sed -un 's/^Collecting \([A-Za-z0-9._-]*\).*/  \1/p; s/^Installing collected.*/  putting it in place/p'
	@touch $@

$(VENV)/.dev: $(WANTED) | $(VENV)/bin/pip
	tools/install-missing busybox zsh fish tcsh groff faketime zstd chromium
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $(VENV)/.installed $@

# The last that a virtual environment gets.
$(VENV)/bin/pip:
	tools/install-missing
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info uat/acceptance .mypy_cache .ruff_cache .pytest_cache
