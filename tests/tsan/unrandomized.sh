#!/bin/sh
# Runs a program that is built with ThreadSanitizer. gcc 12's ends at once where the kernel spreads mappings wider than it expects
# (vm.mmap_rnd_bits above 28), and runs everywhere without address space randomization, which a container may not let us turn off.
if setarch -R true 2>/dev/null; then exec setarch -R "$@"; fi
said=$("$@" 2>&1) && status=0 || status=$?
echo "$said"
case $said in *"unexpected memory mapping"*) echo "skipped: ThreadSanitizer does not run with this kernel's randomization"; exit 77 ;; esac
exit "$status"
