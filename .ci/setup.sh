#!/usr/bin/env bash
# Install what a command needs: .ci/setup.sh EXTRAS, such as rtl,plots. Seconds when nothing has changed.
# System packages come from apt, Python packages go into .venv (or the folder named by HWSIM_VENV).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extras=$1
venv=${HWSIM_VENV:-.venv}

stop() {
    echo "setup: $*" >&2
    exit 1
}

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done

packages=()
[ -n "$python" ] || packages+=(python3)
[ -n "$python" ] && "$python" -c 'import ensurepip, venv' 2>/dev/null || packages+=("${python:-python3}-venv")
for pair in c++:g++ make:make perl:perl ccache:ccache iverilog:iverilog; do
    command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done
if [[ ,$extras, == *,runtimes,* ]]; then
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    command -v chromium >/dev/null || packages+=(chromium)
    command -v arm-linux-gnueabihf-gcc >/dev/null || packages+=(gcc-arm-linux-gnueabihf libc6-dev-armhf-cross)
    command -v qemu-arm >/dev/null || packages+=(qemu-user)
fi
if [[ ,$extras, == *,dev,* ]]; then
    # The tests want the C kernels, and those of 64-bit ARM in an emulator; a user does without either.
    header='import os, sysconfig as s, sys; sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))'
    [ -z "$python" ] || "$python" -c "$header" 2>/dev/null || packages+=("$python-dev")
    command -v aarch64-linux-gnu-gcc >/dev/null || packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
    command -v qemu-aarch64 >/dev/null || packages+=(qemu-user)
fi
[ -e /usr/include/lz4.h ] || packages+=(liblz4-dev)

if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get >/dev/null ||
        stop "these are missing and there is no apt-get to install them: ${packages[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            stop "neither root nor sudo: ask an administrator for: apt-get install ${packages[*]}"
        as_root=(sudo)
    fi
    echo "setup: installing ${packages[*]}" >&2
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
    python=${python:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "hwsim needs Python 3.11 or newer; this system has $("$python" --version)"
fi

stamp=$venv/.hwsim-$extras
state=$(cat pyproject.toml .ci/constraints.txt .ci/package.json .ci/setup.sh hwsim/native/*.[ch] | cksum)
if ! "$venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
elif [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then
    exit 0
fi
echo "setup: installing hwsim[$extras] into $venv" >&2
if [[ ,$extras, == *,docs,* ]]; then
    # wavedrom draws the timing diagrams. Its source does not build in isolation: it fetches setuptools_scm in an
    # old way, which the newest one does not bear; one that is installed already is taken.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check setuptools setuptools_scm wheel >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation wavedrom >&2
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint .ci/constraints.txt --editable ".[$extras]" >&2
if [[ ,$extras, == *,runtimes,* ]]; then
    mkdir -p "$venv/node"
    cp .ci/package.json "$venv/node"
    # The library for the processor is in the package; its install script would fetch one for GPUs.
    ONNXRUNTIME_NODE_INSTALL=skip npm install --prefix "$venv/node" --silent --no-audit --no-fund >&2
fi
echo "$state" >"$stamp"
