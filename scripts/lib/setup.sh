# Sourced by the scripts of this folder: what a checkout needs before it runs. Bash.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }
complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# npm keeps a cache in HOME, and fails where it cannot write there.
ensure_home() {
  if [ -z "${HOME:-}" ] || [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then
    HOME=$(mktemp -d)
    export HOME
  fi
}

# Packages as the lock file says, and the pinned Node first in PATH. Two calls at once wait for each other.
ensure_packages() {
  ensure_home
  command -v npm >/dev/null || { complain 'npm is missing: install Node.js 20 or newer with npm'; return 1; }
  (flock 9 && { node scripts/lib/installed.mjs || install_packages 9<&-; }) 9<. || return 1
  PATH="$PWD/node_modules/.bin:$PATH"
  export PATH
  node --version >/dev/null || { complain 'the pinned Node does not run: remove node_modules and try again'; return 1; }
}

# Of the packages' own install scripts only that of `node` runs, which fetches the binary. npm would
# also compile better-sqlite3, which needs Python and a compiler, though its binary is in the package.
install_packages() {
  say 'Installing the packages that package-lock.json names (npm ci) …'
  local log
  log=$(mktemp)
  if ! { npm ci --ignore-scripts --no-audit --no-fund && npm rebuild node; } >"$log" 2>&1; then
    grep -v EBADENGINE "$log" | tail -n 40 >&2
    complain 'npm could not install them; its last lines stand above'
    return 1
  fi
  rm -f "$log"
}

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# Installs those of the named Debian packages that are missing. Their daemons are not started.
ensure_debian() {
  local package missing=()
  command -v dpkg-query >/dev/null || { complain 'not Debian: tests with other mail servers will be skipped'; return 1; }
  for package; do installed "$package" || missing+=("$package"); done
  ((${#missing[@]} == 0)) && return 0
  if [ "$(id -u)" != 0 ]; then
    complain "not root, so these are not installed: ${missing[*]}"
    return 1
  fi
  say "Installing Debian packages: ${missing[*]} …"
  local log status=0
  log=$(mktemp)
  without_starting_daemons apt_install "${missing[@]}" >"$log" 2>&1 || status=$?
  ((status == 0)) || { tail -n 20 "$log" >&2; complain "could not install: ${missing[*]}"; }
  rm -f "$log"
  return "$status"
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
}

# Debian starts a server as soon as it is installed, unless policy-rc.d forbids it.
without_starting_daemons() {
  local policy=/usr/sbin/policy-rc.d status=0 kept=
  if [ -e "$policy" ]; then
    kept=$(mktemp -u "$policy.XXXXXX")
    mv "$policy" "$kept"
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  if [ -n "$kept" ]; then mv "$kept" "$policy"; else rm -f "$policy"; fi
  return "$status"
}
