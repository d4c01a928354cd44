#!/bin/sh
# Installs libsluice into an empty prefix and builds against it from outside: once with pkg-config
# alone, once with CMake alone.  Then looks at what the library shows.
#
#   test.sh BUILD-FOLDER SOURCE-FOLDER CC CXX FLAGS
set -eu
build=$1 source=$2 cc=$3 cxx=$4 flags=$5
case $cxx in
'' | *NOTFOUND)
  echo "consumer: no C++ compiler to try the header with"
  exit 1
  ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "consumer: $*"; }

cmake --install "$build" --component libsluice --prefix "$work/prefix" >"$work/install.log"
pc=$(find "$work/prefix" -name sluice.pc)
libdir=$(dirname "$(dirname "$pc")")
export LD_LIBRARY_PATH="$libdir"

say "pkg-config alone"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
cflags=$(pkg-config --define-prefix --cflags sluice)
libs=$(pkg-config --define-prefix --libs sluice)
for example in subscribe resume cursor; do
  # shellcheck disable=SC2086 # flags are lists
  $cc $flags -std=c11 -D_GNU_SOURCE $cflags "$source/examples/$example.c" -o "$work/$example" $libs
done
# shellcheck disable=SC2086
$cc $flags -std=c11 -Wall -Wextra -Wpedantic -Werror $cflags "$source/consumer/header.c" -o "$work/header" $libs
"$work/header"

say "CMake alone"
unset PKG_CONFIG_PATH
cmake -G Ninja -S "$source/consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/prefix" -DEXAMPLES="$source/examples" \
  -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$flags" >"$work/cmake.log"
cmake --build "$work/cmake" >>"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
"$work/cmake/header_c"
"$work/cmake/header_cxx"

say "only sluice_* is shown"
shown=$(nm -D --defined-only "$libdir/libsluice.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }')
echo "$shown" | grep -q '^sluice_sub_next$'
if echo "$shown" | grep -v '^sluice_'; then
  say "these are none of sluice.h's"
  exit 1
fi
# Every call of the header, and no other.
declared=$(grep -v '^#' "$source/include/sluice.h" | tr '\n' ' ' | grep -o 'SLUICE_API [^;(]*(' | sed 's/.*[ *]\(sluice_[a-z_]*\)(/\1/' | sort)
test "$declared" = "$(echo "$shown" | sort)"

say "libsluice asks for nothing but libzmq and libc"
needed=$(objdump -p "$libdir/libsluice.so" | awk '$1 == "NEEDED" { print $2 }')
echo "$needed" | grep -q '^libzmq'
if echo "$needed" | grep -vE '^(libzmq|libc|libm|ld-linux|libasan|libubsan|libtsan)[.-]'; then
  say "these are not"
  exit 1
fi
say "ok"
