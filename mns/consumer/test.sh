#!/bin/sh
# Installs libmns into an empty prefix and builds against it from outside: once with pkg-config
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

cmake --install "$build" --component libmns --prefix "$work/prefix" >"$work/install.log"
pc=$(find "$work/prefix" -name mns.pc)
libdir=$(dirname "$(dirname "$pc")")
export LD_LIBRARY_PATH="$libdir"

say "pkg-config alone"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
cflags=$(pkg-config --define-prefix --cflags mns)
libs=$(pkg-config --define-prefix --libs mns)
# shellcheck disable=SC2086 # flags are lists
for example in hello drain topics errors push_verify; do
  $cc $flags -std=c11 -Wall -Wextra -Werror $cflags "$source/examples/$example.c" -o "$work/$example" $libs
done
# shellcheck disable=SC2086
$cc $flags -std=c11 -Wall -Wextra -Wpedantic -Werror $cflags "$source/consumer/header.c" -o "$work/header" $libs
"$work/header"
"$work/push_verify" <"$source/../tests/corpus/mns_push/vector-unsigned" | grep -q '^no_signature: '

say "CMake alone"
unset PKG_CONFIG_PATH
cmake -G Ninja -S "$source/consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/prefix" -DEXAMPLES="$source/examples" \
  -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$flags" >"$work/cmake.log"
cmake --build "$work/cmake" >>"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
"$work/cmake/header_c"
"$work/cmake/header_cxx"

say "every call of the headers is shown, and no other"
shown=$(nm -D --defined-only "$libdir/libmns.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(cat "$source"/include/mns/*.h | grep -v '^#' | tr '\n' ' ' | grep -o 'MNS_API [^;(]*(' |
  sed 's/.*[ *]\(mns_[a-z_]*\)(/\1/' | sort)
echo "$shown" | grep -q '^mns_call$'
test "$declared" = "$shown"

say "libmns asks for nothing but libcurl, libcrypto, expat, cjson and libc"
needed=$(objdump -p "$libdir/libmns.so" | awk '$1 == "NEEDED" { print $2 }')
echo "$needed" | grep -q '^libcurl'
if echo "$needed" | grep -vE '^(libcurl|libcrypto|libexpat|libcjson|libc|ld-linux|libasan|libubsan|libtsan)[.-]'; then
  say "these are not"
  exit 1
fi
say "ok"
