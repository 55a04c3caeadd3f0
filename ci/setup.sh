#!/bin/sh
# Installs what kernrig needs on this machine: finds what is missing, says so, then asks apt-get for it.
# Silent when nothing is missing. Changes nothing on a system whose package manager it does not know.
#
#   sh ci/setup.sh            what `make run` needs
#   sh ci/setup.sh build      what `make build` needs
#   sh ci/setup.sh test       what `make test` needs
#   sh ci/setup.sh -n [WHAT]  only say what is missing (exit 1 if anything is)
set -eu

cd "$(dirname "$0")/.."
PATH="${HOME-}/.cargo/bin:$PATH"

dry_run=
if [ "${1-}" = -n ]; then
	dry_run=yes
	shift
fi
what=${1:-run}
case $what in
run | build | test) ;;
*)
	echo "usage: sh ci/setup.sh [-n] [run|build|test]" >&2
	exit 2
	;;
esac

# The oldest compiler that will do: "1.88" -> 88.
rust_floor=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml)
packages=
wanted=
reasons=

have() { command -v "$1" >/dev/null 2>&1; }

say() { echo "kernrig setup: $*" >&2; }

# need PACKAGE WHY: what apt calls it, and what it is for (other systems have it under another name).
need() {
	packages="$packages $1"
	reasons="$reasons
  $(printf '%-24s %s' "$1" "$2")"
}

# The same for what is left out loudly where it cannot be installed (ci/check.sh).
want() {
	need "$@"
	wanted="$wanted $1"
}

# Stops where nothing can be installed: with an error only if something cannot be done without.
stop() {
	if [ "$packages" = "$wanted" ]; then
		say "going on without: what they check is left out"
		exit 0
	fi
	exit 1
}

# The minor version of a `rustc --version` line, 0 where there is none. Run here, so that rust-toolchain.toml counts.
rust_minor() {
	version=$(rustc --version 2>/dev/null) || version=
	minor=$(echo "$version" | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
	echo "${minor:-0}"
}

find_missing() {
	# A compiler alone is not enough: zstd, lzma and bzip2 are built from C, with libc's headers.
	have gcc || need gcc "links the harness and the guest, compiles the bundled decompressors"
	[ -e /usr/include/stdio.h ] || have_header || need libc6-dev "headers for the bundled decompressors"
	[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] || [ -e /etc/ssl/cert.pem ] ||
		need ca-certificates "https: cargo's crates, old kernel archives"
	[ "$what" = build ] && return
	have qemu-system-x86_64 || need qemu-system-x86 "boots the kernels"
	have gpgv || have sqv || need gpgv "checks the signatures of kernel archives"
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		need debian-archive-keyring "the keys of Debian's archives"
	[ "$what" = run ] && return
	have gpg || need gnupg "signs the toy archives of the tests"
	have shellcheck || want shellcheck "lints the shell scripts"
	have xmllint || need libxml2-utils "validates JUnit against its schema"
}

# What `make test` asks of a toolchain besides the compiler. rustup's has components for it, apt's packages: those of
# the same pair, for a formatter of another version formats otherwise.
find_missing_lints() {
	case $1 in
	rustc-web*) format=rustfmt-web lints=rust-web-clippy ;;
	rustc*) format=rustfmt lints=rust-clippy ;;
	*) return 0 ;;
	esac
	cargo fmt --version >/dev/null 2>&1 || want "$format" "checks the format"
	cargo clippy --version >/dev/null 2>&1 || want "$lints" "lints"
}

# The pair that is installed here; empty where cargo is not apt's.
installed_pair() {
	have rustup && return 0
	for pair in "rustc-web cargo-web" "rustc cargo"; do
		case $(dpkg-query -W -f '${Status}' "${pair#* }" 2>/dev/null) in
		*" installed") echo "$pair" && return 0 ;;
		esac
	done
}

have_header() { have gcc && echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1; }

# The version that apt would install, empty if none.
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([^(].*\)/\1/p'; }

# Which of the packages that hold a Rust compiler is new enough; empty if none is.
rust_packages() {
	for pair in "rustc cargo" "rustc-web cargo-web"; do
		minor=$(candidate "${pair% *}" | sed -n 's/^\([0-9]*:\)\{0,1\}1\.\([0-9]*\)\..*/\2/p')
		if [ "${minor:-0}" -ge "$rust_floor" ]; then
			echo "$pair"
			return
		fi
	done
}

no_rust() {
	say "$1"
	say "kernrig needs Rust 1.$rust_floor or newer, which no package of this system holds. With rustup (https://rustup.rs):"
	say "  rustup toolchain install $(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml) --profile minimal -c clippy -c rustfmt"
	say "or take any newer one that is there already:  RUSTUP_TOOLCHAIN=stable make run"
	exit 1
}

update_lists() {
	[ -n "${updated-}" ] && return
	say "refreshing the package lists (apt-get update)"
	as_root apt-get update -qq
	updated=yes
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

no_root() { [ "$(id -u)" != 0 ] && ! have sudo; }

ask_for_root() {
	say "this needs root, and there is no sudo. As root:  apt-get update; apt-get install --no-install-recommends$packages"
	stop
}

install() {
	# Never at the price of something that is installed already: --no-remove.
	# shellcheck disable=SC2086 # a list of package names
	as_root apt-get install -qq --yes --no-install-recommends --no-remove $packages
}

find_missing
rust_missing=
if [ "$(rust_minor)" -lt "$rust_floor" ] || ! cargo --version >/dev/null 2>&1; then
	have rustup && no_rust "rustup is there, but: $(rustc --version 2>&1 | head -n 1)"
	rust_missing=yes
fi

if [ -n "$packages$rust_missing" ] && ! have apt-get; then
	[ -z "$rust_missing" ] || need "rust >= 1.$rust_floor" "builds the harness and the guest"
	say "something is missing, and only apt-get is known here. Please install (Debian's names):$reasons"
	stop
fi

if [ -n "$rust_missing" ]; then
	found=$(rust_packages)
	if [ -z "$found" ] && [ -z "$dry_run" ] && ! no_root; then
		update_lists
		found=$(rust_packages)
	fi
	[ -n "$found" ] || [ -n "$dry_run" ] || no_root || no_rust "found $(rustc --version 2>/dev/null || echo "no Rust compiler")"
	need "${found:-rustc cargo}" "builds the harness and the guest (1.$rust_floor or newer)"
else
	found=$(installed_pair)
fi
[ "$what" != test ] || find_missing_lints "${found:-}"

[ -n "$packages" ] || exit 0
say "missing for \`make $what\`:$reasons"
[ -z "$dry_run" ] || exit 1
no_root && ask_for_root
for package in $packages; do
	[ -n "$(candidate "$package")" ] || update_lists
done
say "installing:  apt-get install --no-install-recommends$packages"
if ! install; then
	# Lists older than the mirror name packages that are gone.
	[ -z "${updated-}" ] || exit 1
	update_lists
	install
fi
