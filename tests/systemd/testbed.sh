#!/bin/sh
# Becomes systemd, process 1 of namespaces of its own: testbed.sh DIRECTORY, in fresh mount and pid namespaces.
# All that it and its units write goes to DIRECTORY/changes, in memory: the root directory is an overlay, and what would
# reach the kernel that all share is read-only.
set -eu
directory=$1
mount -t tmpfs -o mode=755 holdwatch-test "$directory"
mkdir "$directory/changes" "$directory/work" "$directory/root" "$directory/cgroups"

# A cgroup of its own, which testbed.py removes. A new cgroup namespace starts where its process is: two systemds that were started
# from one cgroup, by two runs of the tests, would remove each other's services.
mount -t cgroup2 cgroup2 "$directory/cgroups"
mkdir "$directory/cgroups/$(basename "$directory")"
echo 0 >"$directory/cgroups/$(basename "$directory")/cgroup.procs"
umount "$directory/cgroups"

mount -t overlay -o "lowerdir=/,upperdir=$directory/changes,workdir=$directory/work" overlay "$directory/root"
cd "$directory/root"

mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -o remount,bind,ro sys
unshare --cgroup mount -t cgroup2 cgroup2 sys/fs/cgroup
# systemd-tmpfiles empties the first two.
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=1777 tmpfs var/tmp
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

# What the machine would do in the background has no place here.
for unit in timers.target systemd-modules-load.service systemd-random-seed.service; do
  ln -sf /dev/null "etc/systemd/system/$unit"
done

mkdir run/changes run/old
mount --bind "$directory/changes" run/changes
pivot_root . run/old
umount -l run/old
rmdir run/old
cd /
exec unshare --cgroup env -i container=holdwatch-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=basic.target
