#!/bin/sh
# Writes every lock file from pyproject.toml: requirements-dev.txt and one requirements.txt per layer.
# Versions already locked are kept; `layers/lock.sh --upgrade` moves what pyproject.toml leaves open.
set -eu
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9

# uv does not read pip's settings: a mirror configured for pip is used for the lock as well.
mirror=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$("$tools/bin/pip" config get global.index-url 2>/dev/null || true)}}
[ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"

compile() {
    "$tools/bin/uv" pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --python-version 3.11 "$@"
}

compile --all-extras --output-file requirements-dev.txt "$@"

# The layers ship what is tested: the development lock bounds them. The other layers leave out what core brings.
compile --constraint requirements-dev.txt --output-file layers/core/requirements.txt "$@"
core=$(sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package \1/p' layers/core/requirements.txt)
for layer in web reports; do
    # shellcheck disable=SC2086
    compile --extra "$layer" --constraint requirements-dev.txt $core \
        --output-file "layers/$layer/requirements.txt" "$@"
done
