# The two commands are "make run" and "make test"; "make help" lists the others.
# Paths are relative, so that a checkout may lie in any folder, blanks in its name included.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
# "auto" means three workers for two cores; beyond 8 the tests' own servers get into each other's way.
# Tests of one file share what is dear to set up, and so run in one worker; the files run in the
# order of tests/support/order.py.
WORKERS ?= auto
PYTEST := $(PY) -m pytest -n $(WORKERS) --maxprocesses=8 --no-loadscope-reorder --dist=loadfile
# pip only brings uv, which needs nothing else; uv brings the rest, exactly what the lock pins.
UV_PIN := uv==0.13.8
PIP_INSTALL := $(PY) -m pip install --quiet --no-deps --require-hashes --only-binary :all:
UV_INSTALL := $(VENV)/bin/uv pip install --quiet --no-deps --require-hashes --only-binary :all:
PACKAGES := --cov=app --cov=conf --cov=gateway --cov=handlers --cov=wiring

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What one worker has compiled the others take over; "make clean" removes it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install install-production install-dev run test prove coverage lint format bench lock clean venv

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

install-production: venv ## make .venv with what production needs, pinned; nothing when current
	@$(call install_lock,requirements.txt)

install: install-production ## add the store of development_mode, which "make run" starts
	@$(foreach lock,$(wildcard requirements-run.txt),$(call install_lock,$(lock)))

install-dev: install ## add what the tests and the linters need
	@$(call install_lock,requirements-dev.txt)

run: install ## start the gateway with its own store and provider (options: ARGS=--port=9000)
	@exec $(PY) app.py --development_mode $(ARGS)

test: install-dev ## run the whole test suite (options: ARGS="-k phone")
	@$(PYTEST) $(ARGS)

prove: install-dev ## run the long forms of proofs, of which the suite has short ones
	@$(PYTEST) --long -m long $(ARGS)

coverage: install-dev ## run the tests and write cov-report/index.html
	@$(PYTEST) $(PACKAGES) --cov-report=html:cov-report --cov-report=term $(ARGS)

lint: install-dev ## check formatting, lint and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

format: install-dev ## format the code and mend what ruff can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: install-dev ## measure requests per second (needs wrk)
	@$(PY) -m tests.load.bench $(ARGS)

lock: install ## pin again what pyproject.toml asks for (newer versions: ARGS=--upgrade)
	$(call compile_lock,requirements.txt,pyproject.toml)
	$(call compile_lock,requirements-run.txt,--group run --constraint requirements.txt)
	$(call compile_lock,requirements-dev.txt,pyproject.toml --extra test --group run --constraint requirements.txt --constraint requirements-run.txt)
	echo "$(UV_PIN)" | $(call compile_lock,requirements-uv.txt,-)

clean: ## remove everything that was made, except the data in var
	rm -rf $(VENV) cov-report .coverage .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made anew when Python is another one, when the folder was moved (scripts name
# their folder), and when an installation was broken off.
venv:
	@command -v "$(PYTHON)" >/dev/null || { echo "$$PYTHON_MISSING" >&2; exit 1; }; \
	found=$$("$(PYTHON)" -c "$$CHECK_PYTHON") || exit 1; \
	wanted="$$found in $$PWD"; \
	if [ -e $(VENV)/unfinished ] || [ "$$wanted" != "$$(cat $(VENV)/made-with 2>/dev/null)" ]; then \
	  base=$$("$(PYTHON)" -c 'import sys; print(sys._base_executable)') && \
	  rm -rf $(VENV) && \
	  "$$base" -m venv $(VENV) && \
	  printf '%s\n' "$$wanted" > $(VENV)/made-with; \
	fi

# A mirror that pip is told to use is meant for uv, too.
INDEX := printf %s "$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(PY) -m pip config get global.index-url 2>/dev/null)}}"

# A copy of the lock in the environment says that it was installed to its end.
define install_lock
cmp -s $(1) $(VENV)/$(1) || { \
  echo "Installing $(1) into $(VENV) ..." && \
  touch $(VENV)/unfinished && \
  { [ -x $(VENV)/bin/uv ] && cmp -s requirements-uv.txt $(VENV)/requirements-uv.txt || { \
    $(PIP_INSTALL) -r requirements-uv.txt && cp requirements-uv.txt $(VENV); }; } && \
  UV_DEFAULT_INDEX="$$($(INDEX))" $(UV_INSTALL) --python $(PY) -r $(1) && \
  cp $(1) $(VENV)/$(1) && \
  rm $(VENV)/unfinished; \
}
endef

define compile_lock
$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
  $(ARGS) $(2) --output-file $(1)
endef

# Runs in Pythons that are too old, too.
define CHECK_PYTHON
import sys
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is %d.%d. Install a newer one "
             "(Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv) or name it: "
             "make PYTHON=python3.12 ..." % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("$(PYTHON) has no venv module. "
             "Debian, Ubuntu: apt-get install python%d.%d-venv" % sys.version_info[:2])
print("Python %s of %s" % (sys.version.split()[0], sys.base_prefix))
endef
export CHECK_PYTHON

define PYTHON_MISSING
$(PYTHON) was not found. Python 3.11 or newer is needed (Debian 12, Ubuntu 24.04:
apt-get install python3 python3-venv); name another one with make PYTHON=python3.12 ...
endef
export PYTHON_MISSING
