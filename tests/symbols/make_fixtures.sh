#!/bin/sh
# Builds the variants of room.cpp and plain.c that the symbol tests look into.
# usage: make_fixtures.sh SOURCE_DIR OUTPUT_DIR STAMP; variants that need clang++ or dwz are left out where those are missing.
set -eu
source=$(realpath "$1")
stamp=$(realpath -m "$3")
rm -rf "$2"
mkdir -p "$2"
cd "$2"

room() { # room NAME COMPILER FLAGS...
  name=$1 compiler=$2
  shift 2
  mkdir -p "$name"
  "$compiler" -std=c++20 "$@" -Wl,--build-id "$source/room.cpp" -o "$name/room"
}

build_id() { readelf -n "$1" | sed -n 's/.*Build ID: //p'; }

# store_by_id FILE_WITH_DEBUG DEBUG_ROOT FILE_TO_STORE
store_by_id() {
  id=$(build_id "$1")
  directory=$2/.build-id/$(printf %s "$id" | cut -c1-2)
  mkdir -p "$directory"
  cp "$3" "$directory/$(printf %s "$id" | cut -c3-).debug"
}

room pie g++ -g -O2
room no_pie g++ -g -O2 -no-pie
room unoptimised g++ -g -O0
room dwarf4 g++ -g -O3 -gdwarf-4
room compressed g++ -g -O2 -gz=zlib
room lto g++ -g -O2 -flto
room sections g++ -g -O2 -ffunction-sections -Wl,--gc-sections
room split g++ -g -O2 -gsplit-dwarf
room lost_split g++ -g -O2 -gsplit-dwarf
rm lost_split/*.dwo
room symbols_only g++ -O2
if command -v clang++ >/dev/null; then
  room clang clang++ -g -O2
  room clang_lld clang++ -g -O2 -ffunction-sections -fuse-ld=lld -Wl,--gc-sections || rm -r clang_lld
fi

# As compilers and objcopy compressed before ELF had a flag for it.
mkdir old_compressed
objcopy --compress-debug-sections=zlib-gnu pie/room old_compressed/room

# Separate debug data, found by build id; the symbol table is there too.
mkdir by_id
objcopy --only-keep-debug pie/room by_id/room.debug
strip -o by_id/room pie/room
store_by_id pie/room debug_root by_id/room.debug
rm by_id/room.debug

# By debug link, in the three places, without build ids: only the checksum proves the file.
for place in beside dot_debug global; do
  mkdir -p link_$place
  g++ -std=c++20 -g -O2 -Wl,--build-id=none "$source/room.cpp" -o link_$place/full
  case $place in
    beside) directory=link_beside ;;
    dot_debug) directory=link_dot_debug/.debug ;;
    global) directory=link_root$PWD/link_global ;;
  esac
  mkdir -p "$directory"
  objcopy --only-keep-debug link_$place/full "$directory/room.debug"
  strip -o link_$place/room link_$place/full
  objcopy --add-gnu-debuglink="$directory/room.debug" link_$place/room
done
# The same link, but the file there was changed since.
mkdir link_wrong
cp link_beside/room link_wrong/room
cp link_beside/room.debug link_wrong/room.debug
printf 'x' >>link_wrong/room.debug

# Debug data of another build under this build's id.
mkdir wrong_id
cp by_id/room wrong_id/room
store_by_id pie/room wrong_root no_pie/room

# Nothing but what the dynamic linker needs.
mkdir bare
strip -o bare/room pie/room

# Fedora's way: the function symbols compressed within the stripped file.
mkdir mini
nm pie/room --format=posix --defined-only | awk '$2 == "T" || $2 == "t" || $2 == "W" { print $1 }' >mini/functions
objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols=mini/functions pie/room mini/symbols
xz -k mini/symbols
strip -o mini/plain pie/room
objcopy --add-section .gnu_debugdata=mini/symbols.xz mini/plain mini/room

# Debian's way: dwz moves what two programs share to a third file.
if command -v dwz >/dev/null; then
  mkdir shared
  cp pie/room shared/one
  cp no_pie/room shared/two
  dwz -m shared/common -M common shared/one shared/two
  mkdir shared_lost
  cp shared/one shared_lost/one
  # A file of the right name that is not the one meant.
  cp unoptimised/room shared_lost/common
fi

gcc -g -O2 -shared -fPIC -Wl,--build-id "$source/plain.c" -o libplain.so
strip -o libplain_stripped.so libplain.so
strip -x -o libplain_thinned.so libplain.so
: >"$stamp"
