# holdwatch systemd enable: writes the drop-in, after saying what would keep it from working.

for part in unit sandbox programs preload warnings drop_in; do . "$commands/systemd/$part.sh"; done

# The library by a path without dots, which is to be read in unit files.
settle_library() {
  if [ -e "$library" ]; then library=$(readlink -f -- "$library"); fi
  check_library
}

# Whether option $1, $2 in a file, is given here or there.
is_given() {
  case " $given " in
    *" $1 "*) return 0 ;;
  esac
  [ -n "${HOLDWATCH_CONFIG-}" ] && grep -q "^[[:space:]]*$2[[:space:]]*=" "$HOLDWATCH_CONFIG"
}

# Where nothing was said: reports to the journal, and only of the main program.
settle_options() {
  if ! is_given LOG log; then
    HOLDWATCH_LOG=journal
    given="$given LOG"
  fi
  why_all=
  if ! is_given EXE exe; then
    find_main_name
    if [ -n "$main_name" ]; then
      HOLDWATCH_EXE=$main_name
      given="$given EXE"
    fi
  fi
}

# What others have put where it counts for more, systemd alone can tell.
check_effect() {
  case $unit in
    *@.service) return ;;
  esac
  if control show -p Environment -p EnvironmentFiles "$unit" | grep -qF -e "$library" -e "$environment_file"; then return; fi
  warn "systemd does not use $drop_in: another drop-in of that name, or a later one, overrides it; to list them:" \
    "systemctl cat $unit"
}

# Where the reports will be.
say_where() {
  if [ "${HOLDWATCH_LOG-}" != journal ]; then return; fi
  property LogNamespace
  say_action "to read its reports: journalctl ${flag_user:+--user }${value:+--namespace=$value }-u $unit -t holdwatch"
}

enable_unit() {
  load_unit
  find_user
  list_programs
  settle_library
  settle_options
  join_unit_preload
  warn_all
  find_made
  if [ -n "${flag_dry_run-}" ]; then
    if [ -n "$variable_files" ]; then
      printf '%s:\n' "$environment_file"
      print_variables
      printf '\n'
    fi
    printf '%s:\n' "$drop_in"
    print_drop_in
    return
  fi
  if [ -n "$fatal" ] && [ -z "${flag_force-}" ]; then
    fail "$unit is unchanged, because holdwatch would make it fail; fix the problems above, or use --force"
  fi
  write_drop_in
  say_action "wrote $drop_in: $unit is watched from its next start on"
  take_effect
  check_effect
  say_where
}
