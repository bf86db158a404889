#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lays out the C sources as .clang-format says and removes white space at line ends. Tables (*_table.h) are laid out by hand.
set -eu
cd "$(dirname "$0")/.."
tool=clang-format
if command -v clang-format-14 >/dev/null 2>&1; then tool=clang-format-14; fi
case $($tool --version) in
*'version 14.'*) ;;
*) echo "note: $($tool --version); the tree is kept in the layout of version 14, others differ in details" ;;
esac
git ls-files -co --exclude-standard '*.c' '*.h' | grep -v '_table\.h$' | while read -r file; do
    [ -f "$file" ] && sed -i 's/[ \t]*$//' "$file" && "$tool" -i "$file"
done
