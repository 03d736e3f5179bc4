#!/usr/bin/env bash
# Install what the demonstration needs, then run it: ./demo.sh ["your sentence" ...] [hwsim demo's options]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/.ci/setup.sh" rtl,plots
exec "${HWSIM_VENV:-$here/.venv}/bin/hwsim" demo "$@"
