# holdwatch systemd enable: writes the drop-in, after saying what would keep it from working.

. "$commands/systemd/unit.sh"
. "$commands/systemd/warnings.sh"

# The library by a path without dots, which is to be read in unit files.
settle_library() {
  if ! [ -r "$library" ]; then fail "there is no $library: build or install it again"; fi
  library=$(readlink -f -- "$library")
  case $library in
    *[:\ ]*) fail "the loader cannot preload $library: its path has a colon or a space" ;;
  esac
}

# Where nothing was said: reports to the journal, and only of the main program.
settle_options() {
  case " $given " in
    *' LOG '*) ;;
    *)
      if ! { [ -n "${HOLDWATCH_CONFIG-}" ] && grep -q '^[[:space:]]*log[[:space:]]*=' "$HOLDWATCH_CONFIG"; }; then
        HOLDWATCH_LOG=journal
        given="$given LOG"
      fi
      ;;
  esac
  case " $given " in
    *' EXE '*) ;;
    *)
      main_program
      if [ -n "$main_name" ]; then
        HOLDWATCH_EXE=$(printf '%s' "$main_name" | sed 's/[][*?\\]/\\&/g')
        given="$given EXE"
      fi
      ;;
  esac
}

# By what name the main program knows itself: what ExecStart= says, unless that is but the way to it, a script or a wrapper;
# then that of the process that runs now.
main_program() {
  main_name=
  while read -r path name; do
    if [ -z "$path" ]; then return; fi
    look_at_program "$path"
    name=${name##*/}
    if [ "$program_kind" != elf ] || is_wrapper "${path##*/}"; then name_of_running; fi
    if [ -n "$main_name" ] && [ "$name" != "$main_name" ]; then name=; fi
    main_name=$name
    if [ -z "$name" ]; then return; fi
  done <<END
$programs
END
}

# $name is that of the unit's main process, or nothing if it does not run, or is no more than a shell itself.
name_of_running() {
  name=
  property MainPID
  if [ "${value:-0}" = 0 ] || ! [ -r "/proc/$value/cmdline" ]; then return; fi
  name=$(tr '\0' '\n' <"/proc/$value/cmdline" | head -n 1)
  name=${name##*/}
  if is_wrapper "$name"; then name=; fi
}

# Text as the value of a variable in Environment=, where % begins a specifier.
quote_for_unit() { printf '%s' "$1" | sed -e 's/[\\"]/\\&/g' -e 's/%/%%/g'; }

environment_line() { printf 'Environment="%s=%s"\n' "$1" "$(quote_for_unit "$2")"; }

print_drop_in() {
  printf '# Written by: holdwatch systemd enable %s\n' "${unit%.service}"
  printf '# To remove it: holdwatch systemd disable %s\n' "${flag_user:+--user }${unit%.service}"
  printf '%s' "$made"
  printf '[Service]\n'
  if [ -n "$preload_file" ]; then
    printf '# %s sets LD_PRELOAD; only another file, read after it, can add to that.\n' "$preload_file"
    printf 'EnvironmentFile=%s\n' "$(printf '%s' "$environment_file" | sed 's/%/%%/g')"
  else
    environment_line LD_PRELOAD "$preload"
  fi
  for name in $given; do
    eval "value=\$HOLDWATCH_$name"
    environment_line "HOLDWATCH_$name" "$value"
  done
}

# The directories that have to be made, as comments for disable to read; those that an earlier enable has made stay ours.
find_made() {
  made=
  if [ -r "$drop_in" ]; then made=$(grep '^# made ' "$drop_in")${newline}; fi
  if [ "$made" = "$newline" ]; then made=; fi
  missing=$directory
  while ! [ -d "$missing" ]; do
    made="$made# made $missing$newline"
    missing=${missing%/*}
  done
}

# Whole or not at all: systemd may read the directory at any moment, and takes only *.conf for drop-ins.
write_file() {
  temporary=$1.new
  trap 'rm -f "$temporary"' EXIT
  trap 'exit 1' HUP INT TERM
  cat >"$temporary" && chmod 644 "$temporary" && mv -f "$temporary" "$1" || fail "cannot write $1: see above"
  trap - EXIT HUP INT TERM
}

write_drop_in() {
  find_made
  mkdir -p "$directory" || fail "cannot make $directory: see above"
  if [ -n "$preload_file" ]; then
    printf 'LD_PRELOAD="%s"\n' "$preload" | write_file "$environment_file" || exit 1
  else
    rm -f "$environment_file"
  fi
  print_drop_in | write_file "$drop_in" || exit 1
}

enable_unit() {
  load_unit
  find_user
  list_programs
  settle_library
  settle_options
  join_unit_preload
  warn_all
  if [ -n "${flag_dry_run-}" ]; then
    find_made
    if [ -n "$preload_file" ]; then printf '%s:\nLD_PRELOAD="%s"\n\n' "$environment_file" "$preload"; fi
    printf '%s:\n' "$drop_in"
    print_drop_in
    return
  fi
  if [ -n "$fatal" ] && [ -z "${flag_force-}" ]; then
    fail "$unit is left as it is, for the watch would end it; mend what is said above, or type --force"
  fi
  write_drop_in
  say_action "$drop_in written: $unit is watched from its next start on"
  take_effect
}
