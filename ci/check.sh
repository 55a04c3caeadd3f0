#!/bin/sh
# Format, lints, licences, shell scripts. A tool that this machine lacks is named loudly and left out.
set -eu

cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

left_out() { echo "kernrig check: ******** NOT CHECKED: $* ********" >&2; }

# Where a part of the toolchain is to be had: rustup COMPONENT, or a package of apt's.
get() { if command -v rustup >/dev/null 2>&1; then echo "rustup component add $1"; else echo "sh ci/setup.sh test"; fi; }

if $cargo fmt --version >/dev/null 2>&1; then
	$cargo fmt --all --check
else
	left_out "format (no rustfmt: $(get rustfmt))"
fi

if $cargo clippy --version >/dev/null 2>&1; then
	$cargo clippy --workspace --all-targets -- -D warnings
	# The guest's own sources: no_std, so they need an abort on panic, which test builds cannot have.
	CARGO_PROFILE_DEV_PANIC=abort $cargo clippy --package kernrig-guest --features lint -- -D warnings
else
	left_out "lints (no clippy: $(get clippy))"
fi

if $cargo deny --version >/dev/null 2>&1; then
	$cargo deny --all-features check licenses bans
else
	left_out "licences (no cargo-deny: cargo install cargo-deny)"
fi

if command -v shellcheck >/dev/null 2>&1; then
	shellcheck ci/*.sh .ci/run
else
	left_out "shell scripts (no shellcheck: sh ci/setup.sh test)"
fi
