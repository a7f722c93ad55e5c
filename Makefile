# The two commands a new machine needs are `make demo` and `make test`; see README.md.
.PHONY: demo test install bench soak conformance docs screenshots lock
.DEFAULT_GOAL := help
ARGS ?=

help:
	@echo "make demo         practice org + Diptych, set up and syncing (Ctrl-C ends it); ARGS='--guided' leaves the set-up to you"
	@echo "make test         install what is needed and run the whole suite"
	@echo "make bench        benchmarks (docs/benchmarks.md says what they measure)"
	@echo "make soak         the long simulation, every pair of faults, SIGKILL at every crash point, 2 GB of bulk result in 256 MB"
	@echo "make conformance  real Salesforce clients against the practice org, Schemathesis against the REST API"
	@echo "make docs         the documentation site, into build/docs"
	@echo "make screenshots  the pictures in docs/images, taken anew"
	@echo "make install      install into .venv only"

install:
	@scripts/install

demo:
	@scripts/install base
	@.venv/bin/diptych demo $(ARGS)

test: install
	@scripts/test $(ARGS)

bench: install
	@scripts/bench $(ARGS)

soak: install
	@.venv/bin/python -m tests.simulation.soak $(ARGS)
	@.venv/bin/python -m tests.simulation.pairs
	@.venv/bin/python -m tests.acceptance.soak_kill
	@.venv/bin/python -m tests.races.large_result --megabytes 2048 --limit 256

conformance: install
	@scripts/conformance $(ARGS)

docs: install
	@scripts/docs $(ARGS)

screenshots: install
	@scripts/screenshots $(ARGS)

lock:
	@scripts/lock
