#!/bin/sh
# Proves that the crates as published are whole: packs every crate, unpacks them on their own in a folder apart from
# this tree, builds `kernrig` from them and, where KERNRIG_KERNELS names a folder of kernels, boots one with it in an
# empty folder.
set -eu

cd "$(dirname "$0")/.."
PATH="${HOME-}/.cargo/bin:$PATH"
top=$PWD
target=${CARGO_TARGET_DIR:-$top/target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "package: $*" >&2; }

say "packing every crate"
# What is proven is the tree as it lies here, committed or not.
cargo package --workspace --no-verify --quiet --allow-dirty --target-dir "$target/packing"

mkdir "$work/crates" "$work/empty"
for crate in "$target"/packing/package/*.crate; do
	tar -xzf "$crate" -C "$work/crates"
done

# The crates depend on each other by version: until they are published, cargo has to be told where they are.
mkdir "$work/crates/.cargo"
{
	echo "[patch.crates-io]"
	for crate in "$work"/crates/kernrig-*/; do
		name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$crate/Cargo.toml" | head -n 1)
		echo "$name = { path = \"${crate%/}\" }"
	done
} | grep -v '^kernrig = ' >"$work/crates/.cargo/config.toml"

say "building kernrig from them"
binary=$(echo "$work"/crates/kernrig-[0-9]*)
cd "$binary"
cargo build --quiet --target-dir "$target/packaged"

cd "$work/empty"
kernrig=$target/packaged/debug/kernrig
"$kernrig" --version
if [ -z "${KERNRIG_KERNELS-}" ]; then
	say "SKIPPED: booting with it: KERNRIG_KERNELS does not name a folder of kernels"
	exit 0
fi
kernel=$(find "$KERNRIG_KERNELS" -mindepth 1 -maxdepth 1 -type d | sort | tail -n 1)
say "booting $kernel with it in an empty folder"
"$kernrig" run -k "$kernel" -t 'ns::uts::*' --out out --junit junit.xml
grep -q '<testcase' junit.xml
say "ok"
