# What else says what LD_PRELOAD and HOLDWATCH_* are to be for a unit: sourced by `holdwatch systemd enable`.

# The last value of LD_PRELOAD among "NAME=value" words as systemd quotes them, or in the lines of a file.
preload_in_words() {
  printf '%s\n' "$1" |
    sed -n -e 's/^\(.* \)\{0,1\}"LD_PRELOAD=\([^"]*\)".*$/\2/p' -e t -e 's/^\(.* \)\{0,1\}LD_PRELOAD=\([^ ]*\).*$/\2/p'
}

preload_in_file() {
  sed -n "s/^[[:space:]]*LD_PRELOAD=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}[[:space:]]*\$/\1/p" "$1" | tail -n 1
}

# Whether file $1 sets LD_PRELOAD, be it to nothing, or one of the variables that the drop-in is to set.
sets_ours() { grep -Eqs "^[[:space:]]*(LD_PRELOAD|HOLDWATCH_[A-Z_]+)=" "$1"; }

# Without our own library and what goes with it, which an earlier enable has brought there.
without_ours() {
  others=
  for entry in $(printf '%s\n' "$1" | tr ':' ' '); do
    case $entry in
      libholdwatch.so | */libholdwatch.so | "$needed_beside") ;;
      *) others=$others${others:+:}$entry ;;
    esac
  done
}

# Finds which files of variables set what the drop-in is to set, if any do: such a file wins over the unit's own lines.
# $preload_file is the last that sets LD_PRELOAD.
find_variable_files() {
  variable_files='' preload_file=''
  property EnvironmentFiles
  while IFS= read -r pattern; do
    IFS=
    for file in ${pattern% (ignore_errors=*}; do
      if [ "$file" = "$environment_file" ] || ! sets_ours "$file"; then continue; fi
      variable_files=$file
      if grep -Eq '^[[:space:]]*LD_PRELOAD=' "$file"; then preload_file=$file; fi
    done
    unset IFS
  done <<END
$value
END
}

# The value of LD_PRELOAD that the unit is to have: what is there, then ours and what it needs, as `holdwatch run` has it.
join_unit_preload() {
  find_variable_files
  if [ -n "$preload_file" ]; then
    without_ours "$(preload_in_file "$preload_file")"
  else
    property Environment
    without_ours "$(preload_in_words "$value")"
    if [ -z "$others" ]; then without_ours "$(control show-environment | sed -n 's/^LD_PRELOAD=//p')"; fi
  fi
  preload=${others:+$others:}$library${needed_beside:+:$needed_beside}
}

# Whether drop-in $1 takes back what stands in one that was read before it.
takes_back() {
  grep -Eqs '^[[:space:]]*Environment(File)?=[[:space:]]*$|^[[:space:]]*Environment=.*(LD_PRELOAD|HOLDWATCH_)' "$1" && return
  named=$(sed -n 's/^[[:space:]]*EnvironmentFile=-\{0,1\}\(.*[^[:space:]]\)[[:space:]]*$/\1/p' "$1" 2>/dev/null)
  while IFS= read -r file; do
    if sets_ours "$file"; then return; fi
  done <<END
$named
END
  return 1
}

# A drop-in of somebody else's that is read after ours, by its name, and wins: $later.
find_later_drop_in() {
  property DropInPaths
  for later in $value; do
    first=$(printf '%s\n' "${drop_in##*/}" "${later##*/}" | LC_ALL=C sort | head -n 1)
    if [ "$first" = "${later##*/}" ]; then continue; fi
    if takes_back "$later"; then return 0; fi
  done
  return 1
}
