# The programs that a unit runs, and by what name the main one can be told from the others: sourced by `holdwatch systemd
# enable`.

is_wrapper() {
  case $1 in
    sh | bash | dash | ash | ksh | zsh | env | nice | ionice | taskset | numactl | chrt | flock | setpriv | setsid) ;;
    timeout | stdbuf | start-stop-daemon | su | sudo | doas | runuser | chpst | softlimit | unshare | chroot) ;;
    strace | ltrace | gdbserver | perf | tini | dumb-init | catatonit | docker | podman | nerdctl | runc | crun) ;;
    *) return 1 ;;
  esac
}

# The programs of ExecStart=, two lines each: path, and the arguments from the program's own name on. systemd shows them
# without quotes.
list_programs() {
  property ExecStart
  programs=$(printf '%s\n' "$value" | sed -n 's/^{ path=\(.*\) ; argv\[\]=\(.*\) ; ignore_errors=.*$/\1\
\2/p')
}

# Whether a text depends on the template's instance.
is_of_instance() {
  case $unit:$1 in
    *@.service:*"$instance"*) ;;
    *) return 1 ;;
  esac
}

# Sets $file, by which a program of the unit is found from here; or nothing where it is in an image, to be looked for in
# another root directory, or not known yet.
find_file() {
  file=
  property RootImage
  if [ -n "$value" ] || is_of_instance "$1"; then return; fi
  property RootDirectory
  case $value:$1 in
    *"$instance"*:* | ?*:[!/]*) return ;;
  esac
  file=${value%/}$1
  if is_bound "$1"; then file=$1; fi
}

# Sets what `program` prints: $program_kind, $program_path, $program_interpreter, $program_obstacle. $2 is who runs it.
look_at_program() {
  find_file "$1"
  program_kind=unseen program_interpreter='' program_obstacle=''
  if [ -z "$file" ]; then return; fi
  tool_path program
  eval "$("$tool" "$file" "$2")"
}

# Text as a pattern that matches it; what is the instance's may be anything.
pattern_of() { name=$(printf '%s' "$1" | sed -e 's/[][*?\\]/\\&/g' -e "s/$instance/*/g"); }

# $name is a pattern for the name by which a program knows itself: its path's or, with @ in ExecStart=, its first argument's.
# Where that one ends systemd does not show.
name_of_started() {
  case "$2 " in
    "$1 "*) pattern_of "${1##*/}" ;;
    *\ */*) name='' ;;
    *\ *\ )
      pattern_of "${2%% *}"
      name="$name*"
      ;;
    *) pattern_of "${2##*/}" ;;
  esac
}

# $name is that of the unit's main process, or nothing if it does not run, or is no more than a shell itself. A program that
# has a title in the place of its name (nginx: master process) is called as its file.
name_of_running() {
  name=
  property MainPID
  if [ "${value:-0}" = 0 ] || ! [ -r "/proc/$value/cmdline" ]; then return; fi
  title=$(tr '\0' '\n' <"/proc/$value/cmdline" | head -n 1)
  case $title in
    *[:\ ]*)
      title=$(readlink "/proc/$value/exe") || return
      title=${title% (deleted)}
      ;;
  esac
  if ! is_wrapper "${title##*/}"; then pattern_of "${title##*/}"; fi
}

# One program's $name; if there is none, $why_all says why.
name_program() {
  look_at_program "$1" "$uid"
  case $program_kind in
    script | not_elf) name_of_running ;;
    *) if is_wrapper "${1##*/}"; then name_of_running; else name_of_started "$1" "$2"; fi ;;
  esac
  if [ -n "$name" ]; then return; fi
  why_all="ExecStart= runs ${1##*/}, which starts the server" example=memcached
  case $2 in
    *'exec /'*)
      example=${2##*exec /}
      example=${example%%[ ;]*}
      example=${example##*/}
      ;;
  esac
}

# Sets $main_name, a pattern that the unit's main program matches; where there is none, $why_all says why, and $example what
# it could be.
find_main_name() {
  main_name='' why_all='' example=''
  while IFS= read -r path && IFS= read -r arguments; do
    name_program "$path" "$arguments"
    if [ -n "$main_name" ] && [ -n "$name" ] && [ "$name" != "$main_name" ]; then
      why_all="ExecStart= runs $main_name and $name" example=$main_name
    fi
    if [ -n "$why_all" ]; then
      main_name=
      return
    fi
    main_name=$name
  done <<END
$programs
END
}
