# The drop-in: its text, and writing and removing it whole or not at all. Sourced by `holdwatch systemd enable` and `disable`.

# Text as the value of a variable in Environment=, a single line where % begins a specifier; and in a file of variables.
quote_for_unit() { printf '%s' "$1" | sed -e ':more' -e '$!{N;b more' -e '}' -e 's/[\\"]/\\&/g; s/%/%%/g; s/\n/\\n/g'; }
quote_for_file() { printf '%s' "$1" | sed -e 's/[\\"`$]/\\&/g'; }

# Each variable by a function's name, which gets name and value.
each_variable() {
  "$1" LD_PRELOAD "$preload"
  for name in $given; do
    eval "value=\$HOLDWATCH_$name"
    "$1" "HOLDWATCH_$name" "$value"
  done
}

unit_line() { printf 'Environment="%s=%s"\n' "$1" "$(quote_for_unit "$2")"; }

file_line() { printf '%s="%s"\n' "$1" "$(quote_for_file "$2")"; }

print_variables() { each_variable file_line; }

print_drop_in() {
  printf '# Written by: holdwatch systemd enable %s\n' "${flag_user:+--user }${unit%.service}"
  printf '# To remove it: holdwatch systemd disable %s\n' "${flag_user:+--user }${unit%.service}"
  printf '%s' "$made"
  printf '[Service]\n'
  if [ -n "$variable_files" ]; then
    printf '# %s sets some of these variables; only another file, read after it, can override that.\n' "$variable_files"
    # Without the file the service is not watched; without the dash it would not start.
    printf 'EnvironmentFile=-%s\n' "$(printf '%s' "$environment_file" | sed 's/%/%%/g')"
  else
    each_variable unit_line
  fi
}

# The directories that have to be made, as comments for disable to read; those that an earlier enable has made stay ours.
# $top is the uppermost, or empty.
find_made() {
  made='' top=''
  if [ -r "$drop_in" ]; then made=$(grep '^# made ' "$drop_in")${newline}; fi
  if [ "$made" = "$newline" ]; then made=; fi
  missing=$directory
  while ! [ -d "$missing" ]; do
    made="$made# made $missing$newline"
    top=$missing
    missing=${missing%/*}
  done
}

# systemd may read the directory at any moment, and takes only *.conf for drop-ins.
write_file() {
  cat >"$1.new" && chmod 644 "$1.new" && mv -f "$1.new" "$1" || fail "cannot write $1: see above"
}

# What was left half done by one that was killed.
remove_leftovers() {
  rm -f "$drop_in.new" "$environment_file.new"
  place=$directory
  while [ -n "$place" ]; do
    if [ -d "$place.holdwatch-new" ]; then rm -rf "$place.holdwatch-new"; fi
    place=${place%/*}
  done
}

# Writes both files into directory $1. One that names the other is the last to come.
write_files() {
  if [ -n "$variable_files" ]; then print_variables | write_file "$1/${environment_file##*/}" || exit 1; fi
  print_drop_in | write_file "$1/${drop_in##*/}" || exit 1
}

# Directories that have to be made are made aside, and come to be with all that is in them: so it is known whose they are.
write_drop_in() {
  remove_leftovers
  trap remove_leftovers EXIT
  trap 'exit 1' HUP INT TERM
  if [ -n "$top" ]; then
    aside=$top.holdwatch-new
    mkdir -p "$aside${directory#"$top"}" || fail "cannot create $directory: see above"
    write_files "$aside${directory#"$top"}"
    mv -T "$aside" "$top" || fail "cannot create $top: see above"
  else
    write_files "$directory"
    if [ -z "$variable_files" ]; then rm -f "$environment_file"; fi
  fi
  trap - EXIT HUP INT TERM
}

# Whether nothing but what enable writes is in the directory.
holds_no_more() {
  [ -z "$(find "$directory" -mindepth 1 ! -name "${drop_in##*/}" ! -name "${environment_file##*/}")" ]
}

# The directories that enable has made go too, the deepest first; what others have put in keeps its directory.
remove_drop_in() {
  remove_leftovers
  made=$(sed -n 's/^# made //p' "$drop_in" 2>/dev/null)
  if [ "${made%%"$newline"*}" = "$directory" ] && holds_no_more; then
    mv -T "$directory" "$directory.holdwatch-new" || fail "cannot remove $directory: see above"
    remove_leftovers
    made=$(printf '%s\n' "$made" | tail -n +2)
  else
    rm -f "$drop_in" && rm -f "$environment_file" || fail "cannot remove $drop_in: see above"
  fi
  while IFS= read -r made_directory; do
    if [ -n "$made_directory" ]; then rmdir "$made_directory" 2>/dev/null || break; fi
  done <<END
$made
END
}
