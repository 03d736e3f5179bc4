#!/usr/bin/env bash
# Install what the tests need, then run them: ./test.sh [pytest's options]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
.ci/setup.sh rtl,plots,train,grid,runtimes,synth,formal,board,dev
# The simulators' makefiles call `python`: it must be this one.
export PATH="${HWSIM_VENV:-$PWD/.venv}/bin:$PATH"
exec python -m pytest -n 2 "$@"
