#!/usr/bin/env python3
"""Real programs that hang before anybody looked: is each holder that holdwatch names the one that the program's source says?

    real_programs.py BUILD_DIRECTORY [TRIAL...] [--keep DIRECTORY] [--gdb]

Starts each program on loopback under load and brings it to a stand, by a log that nobody reads or a client that stops reading; no
thread is stopped by a debugger unless the trial says so. Then asks `inspect`, `inspect --core` and a first `attach`, and prints for
each lock who waits, who is said to have it and since which function, beside what the source says. Not a test of `meson test`: the
programs are large, and each trial names the packages it needs, when they are missing. --keep leaves the texts, --gdb also a backtrace of all threads.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "real")]
import mariadb  # pylint: disable=wrong-import-position
import servers  # pylint: disable=wrong-import-position
from expectations import require, wait_until  # pylint: disable=wrong-import-position
from mariadb_stuck_log import Pipe, refused_client  # pylint: disable=wrong-import-position
from processes import thread_names  # pylint: disable=wrong-import-position

GDB_S = 60
SETTLE_S = 3  # after the hang has begun: the load goes on, and who runs into the lock waits


def call_of(pid, tid):
    """The system call in which a thread is, and its first argument; None if it runs."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/task/{tid}/syscall").read_text().split()
        if len(words) > 2:
            return int(words[0]), int(words[1], 16)
    return None


def threads_in(pid, call, descriptor=None):
    """The threads that are in that system call, on that descriptor."""
    return {tid for tid in thread_names(pid) if (found := call_of(pid, tid)) and found[0] == call and descriptor in (None, found[1])}


WRITE = 1


class Hang:
    """A program that has come to a stand."""

    def __init__(self, pid, holders, clients=()):
        self.pid, self.holders, self.clients = pid, holders, clients


def log_pipe(run):
    return Pipe(run.directory / "log.fifo")


def start(run, words):
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=run.directory,
                            env=servers.bare_environment())


# --- the trials: each yields a Hang


@contextlib.contextmanager
def mariadb_error_log(run):
    pipe = log_pipe(run)
    server = mariadb.start(run, stderr=pipe.writing)
    pipe.read_what_is_there()
    pipe.fill()
    clients = [refused_client(run)]
    server.wait_until("a thread is stuck in its log", lambda: threads_in(server.pid, WRITE, 2))
    clients += [refused_client(run) for _ in range(6)]
    yield Hang(server.pid, threads_in(server.pid, WRITE, 2), clients)


@contextlib.contextmanager
def mariadb_function(run):
    """A function is to be loaded from a library that does not come: a fifo in the server's directory for plugins."""
    (run.directory / "plugins").mkdir()
    os.mkfifo(run.directory / "plugins/slow.so")
    server = mariadb.start(run, f"--plugin-dir={run.directory}/plugins")
    command = mariadb.client_command(run)
    clients = [start(run, [*command, "-e", "create function slowly returns integer soname 'slow.so'"])]
    server.wait_until("a thread is stuck in the library", lambda: threads_in(server.pid, OPENAT))
    clients += [start(run, [*command, "-e", f"select nosuch{number}(1)"]) for number in range(4)]
    time.sleep(SETTLE_S)
    yield Hang(server.pid, threads_in(server.pid, OPENAT), clients)


# An LDAP client that asks for everything below a base and does not read the answers.
def search_request(base, number=2):
    def element(tag, content):
        length = bytes([len(content)]) if len(content) < 128 else bytes([0x82]) + len(content).to_bytes(2, "big")
        return bytes([tag]) + length + content
    search = element(0x04, base.encode()) + b"\x0a\x01\x02" + b"\x0a\x01\x00" + b"\x02\x01\x00" * 2 + b"\x01\x01\x00" + element(0x87, b"objectClass") + b"\x30\x00"
    return element(0x30, element(0x02, bytes([number])) + element(0x63, search))


def bind_request(name, password):
    body = b"\x02\x01\x03" + bytes([4, len(name)]) + name.encode() + bytes([0x80, len(password)]) + password.encode()
    message = b"\x02\x01\x01\x60" + bytes([len(body)]) + body
    return b"\x30" + bytes([len(message)]) + message


CONFIGURATION = """include /etc/ldap/schema/core.schema
pidfile {0}/slapd.pid
threads 12
sizelimit unlimited
access to * by * write
database config
rootdn cn=config
rootpw secret
database ldif
suffix dc=example
rootdn cn=admin,dc=example
rootpw secret
directory {0}/data
"""


def start_slapd(run):
    (run.directory / "data").mkdir()
    (run.directory / "slapd.conf").write_text(CONFIGURATION.format(run.directory))
    port = servers.free_port()
    server = run.start([servers.find_program("slapd", "slapd"), "-d", "0", "-f", run.directory / "slapd.conf", "-h", f"ldap://127.0.0.1:{port}/"])
    server.wait_until("slapd listens", lambda: servers.accepts(port))
    entries = "dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n"
    entries += "".join(f"dn: cn=role{number},dc=example\nobjectClass: organizationalRole\ncn: role{number}\ndescription: {'x' * 4000}\n\n"
                       for number in range(1500))
    servers.run_client([*ldap("ldapadd", port)], input=entries)
    return server, port


def ldap(program, port, user="cn=admin,dc=example"):
    return [servers.find_program(program, "ldap-utils"), "-x", "-H", f"ldap://127.0.0.1:{port}/", "-D", user, "-w", "secret"]


def modify(run, port, dn, user="cn=admin,dc=example", attribute="description", value="changed"):
    file = run.directory / f"{abs(hash((dn, value)))}.ldif"
    file.write_text(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")
    return start(run, [*ldap("ldapmodify", port, user), "-f", file])


def does_not_read(port, user, base):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(bind_request(user, "secret"))
    client.recv(100)
    client.sendall(search_request(base))
    return client


@contextlib.contextmanager
def slapd_slow_client(run):
    server, port = start_slapd(run)
    slow = [does_not_read(port, "cn=admin,dc=example", "dc=example") for _ in range(2)]
    time.sleep(SETTLE_S)
    clients = [modify(run, port, f"cn=role{number},dc=example") for number in range(2)]
    time.sleep(SETTLE_S)
    clients += [start(run, [*ldap("ldapsearch", port), "-b", "dc=example", "cn=role1"])]
    yield Hang(server.pid, set(), clients)
    del slow


@contextlib.contextmanager
def slapd_slow_file(run):
    server, port = start_slapd(run)
    file = next((run.directory / "data").rglob("*role700.ldif"))
    file.unlink()
    os.mkfifo(file)
    clients = [start(run, [*ldap("ldapsearch", port), "-b", "dc=example", "cn=role1"])]
    server.wait_until("a thread is stuck in the file", lambda: threads_in(server.pid, OPENAT))
    clients += [modify(run, port, f"cn=role{number},dc=example") for number in range(2)]
    time.sleep(SETTLE_S)
    clients += [start(run, [*ldap("ldapsearch", port), "-b", "dc=example", "cn=role1"])]
    yield Hang(server.pid, threads_in(server.pid, OPENAT), clients)


def silence(run):
    """A file of ten minutes of it."""
    sound = run.directory / "sound.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
        file.writeframes(b"\0\0" * 8000 * 600)
    return sound


@contextlib.contextmanager
def mpv_log(run):
    pipe, sound = log_pipe(run), silence(run)
    server = run.start([servers.find_program("mpv", "mpv"), "--no-config", "--ao=null", "--vo=null", "--no-input-terminal", "--msg-level=all=trace",
                        f"--input-ipc-server={run.directory}/ipc", sound], stdout=pipe.writing, stderr=pipe.writing)
    server.wait_until("a thread is stuck in its log", lambda: threads_in(server.pid, WRITE, 1) | threads_in(server.pid, WRITE, 2))
    time.sleep(SETTLE_S)
    yield Hang(server.pid, threads_in(server.pid, WRITE, 1) | threads_in(server.pid, WRITE, 2))


NAMED = """options {{ directory "{0}"; listen-on port {1} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; pid-file none; session-keyfile none;
 querylog yes; }};
controls {{ }};
zone "example" {{ type primary; file "{0}/zone"; }};
"""


@contextlib.contextmanager
def named_log(run):
    pipe, port = log_pipe(run), servers.free_port()
    (run.directory / "zone").write_text("$TTL 60\n@ SOA a. b. 1 60 60 60 60\n NS a.example.\na A 127.0.0.1\n")
    (run.directory / "named.conf").write_text(NAMED.format(run.directory, port))
    server = run.start([servers.find_program("named", "bind9"), "-g", "-n", "4", "-c", run.directory / "named.conf"], stderr=pipe.writing)

    def is_running():
        pipe.read_what_is_there()
        return b" running" in pipe.text
    server.wait_until("named runs", is_running)
    time.sleep(1)
    pipe.read_what_is_there()
    query = b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01"
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(40)]

    def is_stuck():
        for sender in senders:
            with contextlib.suppress(OSError):
                sender.connect(("127.0.0.1", port))
                sender.send(query)
        return threads_in(server.pid, WRITE, 2)
    server.wait_until("a thread is stuck in its log", is_stuck)
    for _ in range(20):
        is_stuck()
        time.sleep(0.1)
    yield Hang(server.pid, threads_in(server.pid, WRITE, 2))


def stuck_in_sink(pid):
    return {tid for call in (WRITE, WRITEV) for tid in threads_in(pid, call)}


@contextlib.contextmanager
def gstreamer_sink(run):
    pipe = log_pipe(run)
    server = run.start([servers.find_program("gst-launch-1.0", "gstreamer1.0-tools"), "-q", "audiotestsrc", "num-buffers=100000", "!", "queue", "!",
                        "audioconvert", "!", "filesink", "buffer-mode=unbuffered", "location=/proc/self/fd/1"], stdout=pipe.writing)
    server.wait_until("a thread is stuck in its sink", lambda: stuck_in_sink(server.pid))
    server.process.send_signal(signal.SIGINT)
    time.sleep(SETTLE_S)
    yield Hang(server.pid, stuck_in_sink(server.pid))


@contextlib.contextmanager
def qemu_debug_port(run):
    pipe = log_pipe(run)
    pipe.fill()
    server = run.start([servers.find_program("qemu-system-x86_64", "qemu-system-x86"), "-nographic", "-nodefaults", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "64",
                        "-chardev", f"file,path={pipe.path},id=log", "-device", "isa-debugcon,iobase=0x402,chardev=log",
                        "-monitor", f"unix:{run.directory}/monitor,server,nowait"])
    server.wait_until("the monitor is there", (run.directory / "monitor").exists)
    time.sleep(SETTLE_S)
    monitor = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        monitor.connect(str(run.directory / "monitor"))
        monitor.send(b"info status\n")
    yield Hang(server.pid, threads_in(server.pid, WRITE))


# Run by the interpreter that Debian's python3-uno is for. The listener of the first client is called with LibreOffice's global mutex
# held, and does not return: as an extension that hangs.
UNO_CLIENT = """
import sys, time, uno, unohelper
from com.sun.star.util import XModifyListener
class Listener(unohelper.Base, XModifyListener):
    def modified(self, event):
        print("stuck", flush=True)
        time.sleep(1000)
    def disposing(self, event): pass
local = uno.getComponentContext()
resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
there = resolver.resolve(f"uno:socket,host=127.0.0.1,port={sys.argv[1]};urp;StarOffice.ComponentContext")
desktop = there.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", there)
document = None
while document is None:
    document = desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, ())
    time.sleep(0.5)
if sys.argv[2] == "listen":
    document.addModifyListener(Listener())
    document.Text.setString("changed")
"""


@contextlib.contextmanager
def libreoffice_listener(run):
    port = servers.free_port()
    command = ["/usr/lib/libreoffice/program/soffice.bin", "--headless", "--norestore", "--nologo", f"-env:UserInstallation=file://{run.directory}/profile"]
    environment = servers.bare_environment() | {"HOME": str(run.directory)}
    # The first start makes the profile, and asks its parent to start it again.
    subprocess.run([*command, "--terminate_after_init"], env=environment, capture_output=True, timeout=120, check=False)
    server = run.start([*command, f"--accept=socket,host=127.0.0.1,port={port};urp"])
    wait_until("LibreOffice listens", lambda: servers.accepts(port), 180)
    time.sleep(SETTLE_S)
    client = ["/usr/bin/python3", "-c", UNO_CLIENT, str(port)]
    clients = [subprocess.Popen([*client, "listen"], stdout=subprocess.PIPE, env=servers.bare_environment())]
    require(clients[0].stdout.readline() == b"stuck\n", "the listener is not called")
    clients += [subprocess.Popen([*client, "load"], env=servers.bare_environment(), stderr=subprocess.DEVNULL) for _ in range(3)]
    time.sleep(3 * SETTLE_S)
    yield Hang(server.pid, set(), clients)


@contextlib.contextmanager
def display(run):
    """A screen that nobody sees; its name."""
    reading, writing = os.pipe()
    with subprocess.Popen([servers.find_program("Xvfb", "xvfb"), "-displayfd", str(writing), "-nolisten", "tcp"], pass_fds=[writing], cwd=run.directory,
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server, open(reading, encoding="ascii") as number:
        os.close(writing)
        try:
            yield f":{number.readline().strip()}"
        finally:
            server.kill()


# A player with an interface in Qt. Not as root, which it refuses to be.
@contextlib.contextmanager
def vlc_log(run):
    with display(run) as screen:
        yield from vlc_on_screen(run, screen)


def vlc_on_screen(run, screen):
    pipe, user = log_pipe(run), servers.unprivileged_user()
    sound = silence(run)
    become = []
    if user is not None:
        become = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"]
        for path in (run.directory, pipe.path, sound):
            run.give_to(user, path)
    home = {"HOME": str(run.directory), "XDG_RUNTIME_DIR": str(run.directory), "DISPLAY": screen}
    server = run.start([*become, "env", *(f"{name}={value}" for name, value in home.items()),
                        servers.find_program("vlc", "vlc-bin vlc-plugin-base vlc-plugin-qt"), "-I", "qt", "--no-qt-privacy-ask", "--no-qt-error-dialogs", "--aout", "dummy", "--extraintf", "oldrc",
                        "--rc-fake-tty", "--rc-unix", run.directory / "rc", "--file-logging", "--logfile", pipe.path, "--log-verbose", "2"])
    remote = socket.socket(socket.AF_UNIX)

    def is_running():
        pipe.read_what_is_there()
        with contextlib.suppress(OSError):
            remote.connect(str(run.directory / "rc"))
            return True
        return False
    server.wait_until("VLC takes commands", is_running)
    time.sleep(SETTLE_S)
    pipe.read_what_is_there()
    pipe.fill()
    remote.sendall(f"add {sound}\nstatus\n".encode())
    server.wait_until("a thread is stuck in its log", lambda: threads_in(server.pid, WRITE))
    remote.sendall(b"next\nstop\n")
    time.sleep(SETTLE_S)
    yield Hang(server.pid, threads_in(server.pid, WRITE))


@contextlib.contextmanager
def squid_log(run):
    pipe, port = log_pipe(run), servers.free_port()
    for name in ("cache", "logs"):
        (run.directory / name).mkdir(mode=0o777)
        (run.directory / name).chmod(0o777)
    os.chmod(pipe.path, 0o666)
    configuration = run.directory / "squid.conf"
    configuration.write_text(f"http_port 127.0.0.1:{port}\nhttp_access allow all\ncache_dir aufs {run.directory}/cache 10 2 2\npid_filename none\n"
                             f"buffered_logs off\naccess_log stdio:{pipe.path}\ncache_log {run.directory}/logs/cache.log\nvisible_hostname localhost\npinger_enable off\n")
    squid = servers.find_program("squid", "squid")
    servers.run_client([squid, "-N", "-z", "-f", configuration])
    server = run.start([squid, "-N", "-f", configuration])
    server.wait_until("squid listens", lambda: servers.accepts(port))
    pipe.read_what_is_there()
    pipe.fill()

    def is_stuck():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"GET cache_object://localhost/info HTTP/1.0\r\n\r\n")
            client.recv(100)
        return threads_in(server.pid, WRITE)
    server.wait_until("squid is stuck in its log", is_stuck)
    yield Hang(server.pid, threads_in(server.pid, WRITE))


WRITEV, OPENAT = 20, 257
TRIALS = {trial.__name__: trial for trial in (mariadb_error_log, mariadb_function, slapd_slow_client, slapd_slow_file, mpv_log, named_log, gstreamer_sink, qemu_debug_port, libreoffice_listener, vlc_log, squid_log)}


# --- what holdwatch says


def inspect(build, directory, name, *words):
    path = directory / f"{name}.json"
    path.unlink(missing_ok=True)
    begun = time.monotonic()
    done = subprocess.run([build / "scripts/holdwatch", "inspect", *words, "--json", path], capture_output=True, text=True, timeout=120, check=False)
    (directory / f"{name}.txt").write_text(done.stdout + done.stderr + f"\n[exit status {done.returncode}, {time.monotonic() - begun:.1f} s]\n")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def attach(build, directory, pid):
    path, text = directory / "attach.json", directory / "attach.txt"
    for file in (path, text):
        file.unlink(missing_ok=True)
    environment = servers.bare_environment() | {"HOLDWATCH_LIMIT": "500ms", "HOLDWATCH_JSON": str(path), "HOLDWATCH_LOG": str(text)}
    done = subprocess.run([build / "scripts/holdwatch", "attach", str(pid)], env=environment, capture_output=True, text=True, timeout=120, check=False)
    time.sleep(3)
    (directory / "attach-command.txt").write_text(done.stdout + done.stderr + f"\n[exit status {done.returncode}]\n")
    subprocess.run([build / "scripts/holdwatch", "detach", str(pid)], capture_output=True, timeout=120, check=False)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def core(build, directory, pid):
    subprocess.run(["timeout", "-s", "KILL", str(GDB_S), "gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set auto-solib-add off",
                    "-p", str(pid), "-ex", f"gcore {directory}/core.{pid}"], capture_output=True, check=False)
    file = directory / f"core.{pid}"
    if not file.exists():
        return []
    try:
        return inspect(build, directory, "core", "--core", file)
    finally:
        file.unlink()


def backtrace(directory, pid):
    done = subprocess.run(["timeout", "-s", "KILL", str(GDB_S), "gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", str(pid), "-ex",
                           "thread apply all bt 30"], capture_output=True, text=True, check=False)
    (directory / "gdb.txt").write_text(done.stdout)


def top(stack):
    frames = [frame for frame in stack["frames"] if not frame["inlined"]]
    return (frames[0]["function"] or f"{Path(frames[0]['module'] or '?').name}+{frames[0]['offset']}").split("(")[0] if frames else f"- {stack['note'] or ''}"


def rows(events, hang):
    for event in events:
        if event["event"] not in ("hold", "wait", "deadlock") or not event["lock"]:
            continue
        waits = sum(group["count"] for group in event["waiters"])
        for one in event["holders"] or [None]:
            said = "nobody"
            if one:
                said = (f"{'likely' if one.get('likely') else 'exact'} ({one['evidence']}) {one['tid']} \"{one['thread']}\" {one['mode']}, taken {top(one['taken'])}, "
                        f"{'the one that is stuck' if one['tid'] in hang.holders else 'another'}; {one['doing']}")
            yield f"{event['event']} {event['phase']} {event['lock']['kind']} {event['lock']['address']}: {waits} wait; {said}"


def perform(build, name, directory, options):
    with servers.Run(None) as run, TRIALS[name](run) as hang:
        try:
            time.sleep(SETTLE_S)
            print(f"\n## {name}: pid {hang.pid}, stuck {sorted(hang.holders)}", flush=True)
            if options.gdb:
                backtrace(directory, hang.pid)
            for view, events in (("inspect", inspect(build, directory, "inspect", str(hang.pid))), ("core", core(build, directory, hang.pid)),
                                 ("attach", attach(build, directory, hang.pid))):
                for row in rows(events, hang):
                    print(f"{view}: {row}", flush=True)
        finally:
            for client in hang.clients:
                client.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: Path(text).absolute())
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(TRIALS))
    parser.add_argument("--keep", type=lambda text: Path(text).absolute())
    parser.add_argument("--gdb", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with tempfile.TemporaryDirectory(prefix="holdwatch-real-") as temporary:
        os.chmod(temporary, 0o755)
        for name in options.trials or TRIALS:
            directory = (options.keep or Path(temporary)) / name
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o777)  # the program may be another user's, and writes the reports
            perform(options.build, name, directory, options)


if __name__ == "__main__":
    main()
