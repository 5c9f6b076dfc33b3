# Everything runs in .venv, which is made on first use from nothing but Python.
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: demo test test-cluster cover check compat fuzz drift mutants bench peers live schema errata conventions picture chart docs test-page test-site dist-test page clean

demo: .venv/ready ## a model from PyTorch, then the comparison flopcount is known for
	$(BIN)/flopcount tests/oracles/onnx/resnet18.onnx --depth 1
	$(BIN)/flopcount mobilenet_v1 --input 160

test: check ## everything CI runs: linters, types, import contracts, tests, the oldest dependencies
	! $(BROWSER) || { $(MAKE) --quiet .venv/ready-page && $(BIN)/python page/calculator/build.py --if-possible; } || true
	$(BIN)/python -m pytest -rs --numprocesses=auto --dist=loadgroup
	$(MAKE) test-cluster
	$(BIN)/python tests/compat.py oldest

BROWSER = $(BIN)/python -c "import sys; sys.path.insert(0, 'tests'); from page import conftest; sys.exit(not conftest.chromium())"

test-cluster: .venv/ready-dev ## sweeps whose processes end, disks that are full, the memory of workers
	$(BIN)/python -m pytest -m cluster tests/cli/test_sweep_cluster.py tests/test_scale_page.py

compat: .venv/ready-dev ## all commands with the oldest and the newest dependencies; PYTHONS="python3.12 python3.13"
	$(BIN)/python tests/compat.py oldest $(PYTHONS)
	$(BIN)/python tests/compat.py newest $(PYTHONS)

cover: .venv/ready-dev ## the tests again, twice as slow, with a floor under what they cover
	$(BIN)/python -m pytest --numprocesses=auto --cov --cov-report=term

check: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: .venv/ready-dev ## hostile files and command lines; MINUTES=10 SEED=1 SEEDS="folders of more files"
	$(BIN)/python tests/fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

drift: .venv-drift/ready ## live modules of torch, the page on PyTorch, ONNX files against the tests of onnx, in an environment of its own; TORCH=torch==2.13.0+cpu
	.venv-drift/$(notdir $(BIN))/python -m pytest -m drift tests/drift

mutants: .venv/ready-dev ## small faults put into the code, most of which the tests have to notice; SEED=11 N=150 AREA=all AGAIN=
	$(BIN)/python tests/mutants/mutants.py --seed $(or $(SEED),11) --count $(or $(N),150) --area $(or $(AREA),all) $(if $(AGAIN),--again)

conventions: .venv/ready-dev ## write the tables of the page on conventions
	$(BIN)/python tests/network/conventions_page.py

bench: .venv/ready-dev ## timings, as ratios; not part of the tests
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/cluster.py
	$(BIN)/python benchmarks/space.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/report.py

peers: .venv/ready-dev ## other counters on the same models, installed into an environment of their own
	$(BIN)/python benchmarks/importing.py

live: .venv-drift/ready ## other counters of live modules, and torch.export itself, on the same networks; RUNS=3
	.venv-drift/$(notdir $(BIN))/python benchmarks/live.py $(or $(RUNS),3)

schema: .venv/ready ## write the JSON Schemas that editors read
	$(BIN)/flopcount schema -o docs/arch.schema.json
	$(BIN)/flopcount schema --of config -o docs/config.schema.json

errata: .venv/ready ## write the table of errata from the claims
	$(BIN)/flopcount verify --errata --format markdown -o docs/errata.md

picture: .venv/ready ## draw the pictures of the README and of the page on MobileNet with the tool itself
	$(BIN)/python tests/pictures.py
	$(BIN)/flopcount mobilenet_v1 --input 160 --format svg -o docs/mobilenet_v1.svg

chart: .venv/ready-dev ## draw the picture of docs/what-if.md
	$(BIN)/flopcount mobilenet_v1.toml --set defaults.padding=same --plot docs/mobilenet_v1_bars.svg

page: .venv/ready-page ## the page of flopcount report, into flopcount/report/assets, and the calculator, into build/site/calculator
	$(BIN)/python page/build.py
	$(BIN)/python page/calculator/build.py
	@echo 'Run python3 -m http.server --directory build/site, and open /calculator/ at the address it prints.'

test-page: .venv/ready-dev page ## tests of both pages in the installed Chromium, or $CHROMIUM
	$(BIN)/python -m pytest -m "not site" tests/page

docs: .venv/ready-docs ## the site of the documentation, in build/site; warnings are errors, and no network is needed
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html -c docs/site docs build/site
	@echo 'Open build/site/index.html. make page adds the calculator.'

test-site: .venv/ready-dev .venv/ready-docs ## the site: links, what is in it, its search, and what axe finds, in an installed Chromium
	$(BIN)/python -m pytest -m site tests/page/test_site.py

dist-test: .venv/ready-dist ## build the wheel and the archive of the source in dist, check them, and run the wheel with uvx and pipx
	$(BIN)/python tests/dist.py

.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/ready-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@ .venv/ready

.venv-drift/ready: pyproject.toml
	test -x .venv-drift/$(notdir $(BIN))/python || $(PYTHON) -m venv .venv-drift
	.venv-drift/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --editable '.[torch]' $(or $(TORCH),torch) torchvision timm transformers accelerate lightning pytest hypothesis onnx onnxscript keras jax jax2onnx
	touch $@

clean:
	rm -rf .venv .venv-drift .venv-compat .fuzz .mutants build dist page/build page/node_modules page/calculator/node_modules .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
