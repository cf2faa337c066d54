#!/bin/bash
# Installs what the tests need and this machine lacks. They run the real cron, git,
# systemd-analyze, PostgreSQL and the language server of editors, and the race detector needs
# a C compiler; a test that cannot have them fails rather than passing unseen.
set -euo pipefail

missing=()
need() { # need COMMAND PACKAGE...: the packages that bring a command
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing+=("${@:2}")
}
need cron cron
need git git
need pre-commit pre-commit
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb postgresql # Debian has it outside PATH
need promtool prometheus
need systemd-analyze systemd
need "${CC:-gcc}" gcc libc6-dev
need node nodejs
need npm npm

install() {
	local as_root=()
	if ((EUID != 0)); then
		as_root=(sudo -n)
		if ! sudo -n true 2>/dev/null; then
			echo "The tests need: ${missing[*]}. Install them first, for example: sudo apt-get install ${missing[*]}" >&2
			exit 1
		fi
	fi
	if ! command -v apt-get >/dev/null; then
		echo "The tests need: ${missing[*]} (Debian's names). There is no apt-get here: install them with this system's package manager." >&2
		exit 1
	fi
	echo "Installing what the tests need: ${missing[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	"${as_root[@]}" apt-get update -qq
	"${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}"
}
if ((${#missing[@]})); then install; fi

# The language server that editors check manifests with. Its lock file pins all of it.
editor=$(dirname "$0")/../schema/testdata/editor
if ! cmp -s "$editor/package-lock.json" "$editor/node_modules/.installed"; then
	npm ci --prefix "$editor" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	cp "$editor/package-lock.json" "$editor/node_modules/.installed"
fi
