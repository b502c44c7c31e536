# What in a unit would keep the watch from working, each with what to do about it: sourced by `holdwatch systemd enable`.
# What does not stand in its way is not spoken of: NoNewPrivileges=, MemoryDenyWriteExecute=, ProtectProc=, PrivateUsers=,
# SystemCallFilter=@system-service and most others. tests/systemd tries them all.

# What the watch calls the kernel for; a filter that ends the service for one of them ends it at the first report at the latest.
needed_calls='access brk clock_nanosleep clone3 close connect exit faccessat faccessat2 fcntl fstat futex getdents64
  getpeername getpid getrandom getsockname getsockopt gettid ioctl lseek madvise memfd_create mmap mprotect munmap
  newfstatat openat poll prctl pread64 read readlink rseq rt_sigaction rt_sigprocmask rt_sigreturn rt_tgsigqueueinfo
  sendmsg sendto set_robust_list socket sysinfo tgkill uname write'

# What comes from a template's instance is called NAME.
warn() {
  warning=$*
  case $warning in
    *"$instance"*) warning=$(printf '%s' "$warning" | sed "s/$instance/NAME/g") ;;
  esac
  say "warning: $warning"
}

# The service would end, or not start.
warn_fatal() {
  fatal=1
  warn "$@"
}

warn_of_program() {
  look_at_program "$1" "$2"
  case $program_kind in
    missing) warn "$file, which ExecStart= names, does not exist" ;;
    *) if [ -n "$program_obstacle" ]; then warn "$1 is not watched: $program_obstacle"; fi ;;
  esac
  if is_of_instance "$1"; then
    warn "which program runs depends on the instance; to check whether it can be watched:" \
      "holdwatch systemd enable ${unit%.service}NAME --dry-run"
  fi
  case ${1##*/} in
    sudo | su | doas | runuser | env)
      warn "${1##*/} may start the server without LD_PRELOAD; use the unit's User=, Group= and Environment= instead"
      ;;
    docker | podman | nerdctl | runc | crun)
      warn "${1##*/} starts the server in a container, which sees neither the library nor LD_PRELOAD; mount the" \
        "library there and set LD_PRELOAD with the container's own options (-v and -e)"
      ;;
  esac
}

warn_of_programs() {
  # Rights that cannot be gained make no difference to the loader.
  who=$uid
  if is_set NoNewPrivileges || [ "$uid" = unknown ]; then who=nobody-gains; fi
  while IFS= read -r path && IFS= read -r arguments; do
    warn_of_program "$path" "$who"
  done <<END
$programs
END
  if [ -n "$why_all" ]; then
    warn "$why_all: every program that it starts is watched; name the server, as in --exe $example"
  fi
}

warn_of_environment() {
  property UnsetEnvironment
  for name in LD_PRELOAD $given; do
    if [ "$name" != LD_PRELOAD ]; then name=HOLDWATCH_$name; fi
    case " $value " in
      *" $name "*) warn "UnsetEnvironment= removes $name; $edit UnsetEnvironment=" ;;
    esac
  done
  if find_later_drop_in; then
    warn "$later is read after holdwatch's drop-in and overrides its variables, so nothing is watched, or with other" \
      "options; rename it so that it is read first: mv $later ${later%/*}/10-${later##*/}"
  fi
  if [ -n "$others" ]; then say "the existing LD_PRELOAD is kept and extended: $preload"; fi
}

warn_of_library() {
  if is_hidden "$library"; then
    show_path "${library%/*}"
    warn "$hider hides $library, so nothing is watched; $edit $remedy"
    return
  fi
  if is_listed "$library" NoExecPaths; then
    longest=$entry
    if ! is_listed "$library" ExecPaths || [ ${#entry} -lt ${#longest} ]; then
      warn "NoExecPaths=$longest forbids loading $library; $edit ExecPaths=${library%/*}"
      return
    fi
  fi
  if ! user_can -r "$library"; then
    warn "user $user cannot read $library, so nothing is watched; install holdwatch where every user can read it" \
      "(meson install)"
  fi
}

# What the filter does to a call that it forbids without saying how. The number is one of its own where none is set, and the
# service is killed.
find_verdict() {
  property SystemCallErrorNumber
  case $value in
    '' | 0 | kill | 2147483646) forbidden=deadly ;;
    *) forbidden=failing ;;
  esac
}

# What of the needed calls the filter kills for, $deadly, and what it lets fail, $failing. A call may have its own verdict,
# as in socket:EPERM; of a list of what is allowed systemd does not show it, and the call is taken for deadly.
find_forbidden_calls() {
  deadly='' failing=''
  find_verdict
  property SystemCallFilter
  case $value in
    '' | '~') return ;;
    '~'*) listed=$forbidden unlisted=allowed ;;
    *) listed=allowed unlisted=$forbidden ;;
  esac
  for call in $needed_calls; do
    case " ${value#'~'} " in
      *" $call:kill "*) verdict=deadly ;;
      *" $call:"*) verdict=failing ;;
      *" $call "*) verdict=$listed ;;
      *) verdict=$unlisted ;;
    esac
    case $verdict in
      deadly) deadly="$deadly $call" ;;
      failing) failing="$failing $call" ;;
    esac
  done
}

warn_of_calls() {
  find_forbidden_calls
  if [ -n "$deadly" ]; then
    warn_fatal "SystemCallFilter= kills the service when holdwatch calls:$deadly; $edit SystemCallFilter=${deadly# }"
  fi
  if [ -n "$failing" ]; then
    warn "SystemCallFilter= makes system calls of holdwatch fail, so reports will be incomplete:$failing;" \
      "$edit SystemCallFilter=${failing# }"
  fi
}

# Why socket $1 of the journal cannot be reached: $hider.
is_journal_hidden() {
  property RestrictAddressFamilies
  hider="RestrictAddressFamilies=${value:-none}"
  remedy=RestrictAddressFamilies=AF_UNIX
  case $value in
    '') if is_known RestrictAddressFamilies; then return 0; fi ;;
    '~'*AF_UNIX*) return 0 ;;
    '~'* | *AF_UNIX*) ;;
    *) return 0 ;;
  esac
  is_hidden "$1" && show_path "$1"
}

warn_of_journal() {
  case ${HOLDWATCH_LOG-} in
    journal) output='the journal' instead=', without searchable fields' socket=socket ;;
    syslog) output=syslog instead='' socket=dev-log ;;
    *) return ;;
  esac
  if ! is_journal_hidden "/run/systemd/journal/$socket"; then return; fi
  warn "$hider keeps holdwatch from reaching $output: reports go to standard error$instead; $edit $remedy"
}

# Whether the unit cannot write file $1, and why: $hider. Of a path with placeholders, what comes before the first is looked at.
is_unwritable() {
  parent=${1%%%*}
  parent=$(readlink -m -- "${parent%/*}/")
  if is_read_only "$parent"; then return 0; fi
  if is_own_directory "$parent"; then return 1; fi
  hider=User=$user
  if is_set DynamicUser; then hider=DynamicUser=yes; fi
  if [ -n "${flag_user-}" ]; then hider="running as user $user"; fi
  if [ -f "$1" ]; then ! user_can -w "$1"; else ! user_can -w "$parent"; fi
}

warn_of_file() {
  name=${unit%.service}
  name=${name%@*}
  if ! is_unwritable "$1"; then return; fi
  case ${flag_user-}:$hider in
    *:PrivateTmp=* | *:TemporaryFileSystem=*)
      warn "with $hider the service has its own ${1%/*}, which is removed with $1 when it ends; name another file"
      ;;
    [!:]*) warn "$hider keeps the service from writing $1; name a file in one of your directories" ;;
    *)
      warn "$hider keeps the service from writing $1; name a file in its own directory, /var/log/$name/;" \
        "$edit LogsDirectory=$name"
      ;;
  esac
}

# The files that options name: what is written, and what is read or run.
warn_of_files() {
  for path in "${HOLDWATCH_LOG-}" "${HOLDWATCH_JSON-}"; do
    case $path in
      /*) warn_of_file "$path" ;;
    esac
  done
  for path in "${HOLDWATCH_CONFIG-}" "${HOLDWATCH_ON_REPORT-}"; do
    path=${path#exec:}
    case $path in
      /*) ;;
      *) continue ;;
    esac
    if is_hidden "$path"; then
      show_path "$path"
      warn "$hider hides $path; $edit $remedy"
    elif ! [ -f "$path" ]; then
      warn "$path does not exist"
    elif ! user_can -r "$path"; then
      warn "user $user cannot read $path"
    fi
  done
}

# Without /proc a report tells who holds what, but not what the holder does.
warn_of_proc() {
  property MountAPIVFS
  if [ "$value" = yes ] || ! is_hidden /proc/self; then return; fi
  warn "$hider hides /proc, so reports will lack stacks; $edit MountAPIVFS=yes"
}

# The two threads of the watch count: a service that needs all it may have would lack one.
warn_of_threads() {
  property TasksCurrent
  case $value in
    *[!0-9]* | '') current=0 ;;
    *) current=$value ;;
  esac
  for limit in TasksMax LimitNPROC; do
    property $limit
    case $value in
      *[!0-9]* | '' | ??????*) continue ;;
    esac
    if [ $limit = LimitNPROC ] && [ "$uid" = 0 ]; then continue; fi
    if [ $((value - current)) -lt 8 ]; then
      warn "$limit=$value also counts holdwatch's two threads, so the service may run out of threads; $edit" \
        "$limit=$((value + 8))"
    fi
  done
}

warn_of_profiles() {
  for name in AppArmorProfile SELinuxContext; do
    property $name
    if [ -n "$value" ]; then
      warn "$name=$value may restrict the service; if nothing is watched, let the profile read and map $library"
    fi
  done
}

warn_all() {
  fatal=
  edit="run systemctl ${flag_user:+--user }edit $unit and add to [Service]:"
  warn_of_programs
  warn_of_environment
  warn_of_library
  warn_of_calls
  warn_of_journal
  warn_of_proc
  warn_of_threads
  warn_of_files
  warn_of_profiles
}
