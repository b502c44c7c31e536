# holdwatch systemd disable: takes away what enable has written, and the directories that it has made.

. "$commands/systemd/drop_in.sh"

disable_unit() {
  if ! [ -e "$drop_in" ] && ! [ -e "$environment_file" ]; then
    say_action "$unit is not enabled: $drop_in does not exist"
    if [ -e "$of_template" ]; then
      say_action "its template is enabled; to disable it: holdwatch systemd disable ${unit%%@*}@"
    fi
    if [ -z "${flag_dry_run-}" ]; then remove_leftovers; fi
    return
  fi
  if [ -n "${flag_dry_run-}" ]; then
    say_action "would remove $drop_in"
    if [ -e "$environment_file" ]; then say_action "would remove $environment_file"; fi
    return
  fi
  remove_drop_in
  say_action "removed $drop_in: $unit is not watched from its next start on"
  take_effect
}
