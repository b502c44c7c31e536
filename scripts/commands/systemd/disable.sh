# holdwatch systemd disable: takes away what enable has written, and the directories that it has made.

disable_unit() {
  if ! [ -e "$drop_in" ] && ! [ -e "$environment_file" ]; then
    say_action "$unit is not enabled: there is no $drop_in"
    return
  fi
  made=$(sed -n 's/^# made //p' "$drop_in" 2>/dev/null)
  if [ -n "${flag_dry_run-}" ]; then
    say_action "would be removed: $drop_in"
    if [ -e "$environment_file" ]; then say_action "would be removed: $environment_file"; fi
    return
  fi
  rm -f "$drop_in" "$environment_file" || fail "cannot remove $drop_in: see above"
  # The deepest is the first; what others have put in keeps its directory.
  while IFS= read -r made_directory; do
    if [ -n "$made_directory" ]; then rmdir "$made_directory" 2>/dev/null || break; fi
  done <<END
$made
END
  say_action "$drop_in removed: $unit is not watched from its next start on"
  take_effect
}
