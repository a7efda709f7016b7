#!/bin/sh
# Make the checkout ready: Python packages by hash into .venv, the table engine by lock file into node_modules.
# Mirrors and proxies that pip and npm are set up for are used. Says in one line what is missing.
set -eu
cd "$(dirname "$0")/.."

missing() {
    echo "CardCourier needs $1. Type: $2" >&2
    exit 1
}

PYTHON=""
for candidate in python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        PYTHON="$candidate"
        break
    fi
done
[ -n "$PYTHON" ] || missing "Python 3.11 or newer" "apt-get install -y python3 python3-venv"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing "Python's venv" "apt-get install -y python3-venv"
command -v npm >/dev/null || missing "node and npm" "apt-get install -y nodejs npm"

echo "Setting up CardCourier in this folder; the first time takes a minute or two." >&2
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
echo "  Python packages, checked by hash ..." >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
echo "  The table engine ..." >&2
npm ci --silent --no-audit --no-fund ||
    echo "  npm could not fetch the table engine; the slower one from Python is used instead." >&2
touch .venv/ready
