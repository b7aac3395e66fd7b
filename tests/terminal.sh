#!/bin/sh
# SPDX-License-Identifier: MIT
# The program on a terminal, which is a pseudo terminal of a known width here:
# charts, progress, interruption, the manual, completion in bash and zsh.

top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-build}

if ! command -v python3 >/dev/null; then
	echo "1..0 # SKIP python3 is not installed"
	exit 0
fi

exec python3 - "$top_builddir/memreplay" "$top_srcdir" \
	"$top_builddir/tests/.libs/libhasty.so" <<'PYTHON'
import fcntl
import json
import os
import pickle
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

program = os.path.realpath(sys.argv[1])
top = os.path.realpath(sys.argv[2])
try:
    for end in pty.openpty():
        os.close(end)
except OSError as error:
    print("1..0 # SKIP no pseudo terminal can be opened:", error.strerror or error)
    sys.exit(0)
# a clock on which all that is looked at takes more than a second
HASTE = {"LD_PRELOAD": os.path.realpath(sys.argv[3]),
         "ASAN_OPTIONS": "verify_asan_link_order=0:"
                         + os.environ.get("ASAN_OPTIONS", "")}
trace = top + "/traces/mlp_train.mrt.gz"
done = failed = 0


def ok(name, good, more=""):
    global done, failed
    done += 1
    failed += not good
    print(("ok" if good else "not ok"), done, "-", name)
    if not good:
        print("\n".join("# " + line for line in str(more).split("\n")[:40]))


def skip(name, why):
    global done
    done += 1
    print("ok", done, "-", name, "# SKIP", why)


class Terminal:
    """A program on a pseudo terminal; errors go there too unless given."""

    def __init__(self, argv, width, folder=None, stdin=None, bare=False,
                 **environment):
        self.bare = bare  # leave out what moves the cursor
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        env = {k: v for k, v in os.environ.items()
               if k not in ("NO_COLOR", "LC_ALL", "LANG", "LESS", "MANPATH")}
        env.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"}, **environment)

        def lead():
            os.setsid()
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        self.child = subprocess.Popen(argv, stdin=slave if stdin is None else stdin,
                                      stdout=slave, stderr=slave, env=env,
                                      preexec_fn=lead, cwd=folder)
        os.close(slave)
        self.text = ""

    def read(self, until=None):
        """Reads to the end, or until a text was seen."""
        end = time.time() + 120  # it ends before
        while time.time() < end and not (until and until in self.text):
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
            if self.bare:
                self.text = re.sub(r"\033\[[?0-9;]*[a-zA-Z]|\a", "", self.text)
        return self.text

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        self.read()
        self.child.wait()
        os.close(self.master)
        return self.text


def on_terminal(*args, width=100, **environment):
    terminal = Terminal([program, *args], width, **environment)
    terminal.end()
    return terminal


def plain(text):
    return re.sub(r"\033\[[0-9]*m", "", text)


def widest(text):
    return max(len(line) for line in plain(text).split("\n"))


# --- charts

for width in (140, 100, 60, 40):
    text = on_terminal("sweep", trace, width=width).text
    ok("sweep draws a chart in %d columns" % width, "\u2588" in text, text)
    lines = [line for line in text.split("\n") if "\u2588" in line]
    ok("and every line of it fits", lines and widest("\n".join(lines)) < width,
       "\n".join(lines))
text = on_terminal("sweep", trace, width=140).text
ok("places that lose hits are in another colour", "\033[33m" in text and
   "\033[36m" in text, text)
ok("no colours with NO_COLOR",
   "\033" not in on_terminal("sweep", trace, NO_COLOR="1").text)
ok("an empty NO_COLOR does not count",
   "\033" in on_terminal("sweep", trace, NO_COLOR="").text)
ok("no colours on a dumb terminal",
   "\033" not in on_terminal("sweep", trace, TERM="dumb").text)
text = on_terminal("sweep", trace, LC_ALL="C", NO_COLOR="1").text
ok("bars of # where there is no UTF-8", "####" in text and text.isascii(), text)
text = on_terminal("info", trace, width=100).text
ok("info draws the sizes", text.count("\u2588") > 30, text)
rows = [line for line in plain(text).split("\n") if "\u2588" in line]
ok("and its lines fit", rows and widest("\n".join(rows)) < 100, "\n".join(rows))
piped = subprocess.run([program, "info", trace], stdout=subprocess.PIPE,
                       text=True).stdout
ok("none in a pipe", piped and piped.isascii() and "#" not in piped, piped)

# --- progress

HEADER = '{"format":"alloc-trace","version":1}\n'
EVENTS = "".join('{"op":"malloc","id":%d,"size":8}\n{"op":"free","id":%d}\n' % (i, i)
                 for i in range(1, 2001))

with tempfile.TemporaryDirectory() as folder:
    read_end, write_end = os.pipe()
    terminal = Terminal([program, "simulate", "--format=csv", "-"], 80,
                        stdin=read_end, **HASTE)
    os.close(read_end)
    os.write(write_end, (HEADER + EVENTS[:60000]).encode())
    terminal.read(until=" events")
    os.close(write_end)
    text = terminal.end()
    ok("progress is told on a terminal", re.search(r"\r[0-9,]+ events", text), text)
    ok("and taken away", re.search(r"\r +\r", text), text)

# --- progress of imports, which are read whole before the first event


def profile(count):
    """A profile of PyTorch that frees nothing."""
    return '{"schemaVersion":1,"traceEvents":[\n' + ",\n".join(
        '{"ph":"i","name":"[memory]","ts":%d,"args":{"Total Allocated":%d,"Bytes":64,'
        '"Addr":%d,"Device Id":-1,"Device Type":0}}' % (i, 64 * i, 4096 * i)
        for i in range(1, count + 1)) + "\n]}\n"


def snapshot(count):
    """A memory snapshot of PyTorch of a block that comes and goes."""
    return pickle.dumps({"segments": [], "device_traces": [[
        {"action": action, "addr": 4096, "size": 512, "stream": 0, "frames": []}
        for _ in range(count) for action in ("alloc", "free_completed")]]})


READING = r"\r\[#*-* *\] +[0-9]+ %, [0-9.]+ [a-z]+ left, reading"
COMMANDS = (["info"], ["convert"], ["simulate"], ["sweep"], ["tune"],
            ["report", "--output=page.html"], ["replay", "--touch=none"])
with tempfile.TemporaryDirectory() as folder:
    with open(folder + "/profile.json", "w") as file:
        file.write(profile(5000))
    with open(folder + "/snapshot.pickle", "wb") as file:
        file.write(snapshot(5000))
    for command in COMMANDS:
        for name in ("profile.json", "snapshot.pickle"):
            argv = [program, *command, name]
            if command == ["convert"]:
                argv.append("out.mrt.gz")
            text = Terminal(argv, 80, folder=folder, **HASTE).end()
            found = re.findall(READING, text)
            ok("%s shows how far it has read %s" % (command[0], name),
               len(found) > 1 and found[0] != found[-1], text[-2000:])
            events = re.findall(r"\r\[#+ *\] +[0-9]+ %, [^,\r]* left(?!, reading)",
                                text)
            ok("and then its events", events, text[-2000:])
    text = Terminal([program, "verify", "snapshot.pickle"], 80, folder=folder,
                    **HASTE).end()
    ok("verify shows how far it has read a snapshot", re.search(READING, text), text)
    for command in (["simulate", "--policy=torch-cuda"],
                    ["tune", "--device-memory=1G"],
                    ["sweep", "--alloc-conf=", "--set=memory=1G,2G"]):
        text = Terminal([program, *command, top + "/traces/toy_torch.pickle.gz"], 80,
                        folder=folder, **HASTE).end()
        parts = [int(part) for part in
                 re.findall(r"\r\[#* *\] +([0-9]+) %(?![^\r]*reading)", text)]
        ok(command[0] + " of a snapshot under PyTorch's rules shows how far it is",
           parts == sorted(parts) and len(parts) >= 2 and parts[-1] == 100, parts)
    text = subprocess.run([program, "info", "profile.json"], cwd=folder, text=True,
                          stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          env={**os.environ, **HASTE}).stderr
    ok("none of it in a pipe", "\r" not in text and "reading" not in text, text)
    for name in ("a.jsonl", "b.jsonl"):
        with open(folder + "/" + name, "w") as file:
            file.write(HEADER + EVENTS)
    text = Terminal([program, "report", "-j", "2", "-p", "mlx-cpu", "-p", "mlx-metal",
                     "-o", "page.html", "a.jsonl", "b.jsonl"], 80, folder=folder,
                    **HASTE).end()
    parts = [int(part) for part in
             re.findall(r"\r\[#* *\] +([0-9]+) %(?![^\r]*reading)", text)]
    ok("the bar of a report goes on over all traces, policies, readings and pictures",
       parts == sorted(parts) and parts[0] < 20 and parts[-1] > 90 and
       "left, findings" in text and "left, drawing" in text, parts)
    read_end, write_end = os.pipe()
    os.mkdir(folder + "/empty")
    terminal = Terminal([program, "report", "--from=kineto", "-o", "page.html", "-"],
                        80, folder=folder + "/empty", stdin=read_end, **HASTE)
    os.close(read_end)
    os.write(write_end, profile(600)[:60000].encode())
    terminal.read(until=" read")
    half = os.listdir(folder + "/empty")
    terminal.type("\x03")
    text = terminal.end()
    os.close(write_end)
    ok("what came through a pipe is told in bytes",
       re.search(r"\r[0-9.]+ KiB read", text), text)
    ok("Ctrl-C while an import is read leaves no file",
       len(half) == 1 and not os.listdir(folder + "/empty"), half)

# --- interruption

for how, name in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")):
    with tempfile.TemporaryDirectory() as folder:
        read_end, write_end = os.pipe()
        terminal = Terminal([program, "convert", "-", "out.mrt.gz"], 80,
                            folder=folder, stdin=read_end)
        os.close(read_end)
        os.write(write_end, (HEADER + EVENTS[:40000]).encode())
        for _ in range(600):
            if os.listdir(folder):
                break
            time.sleep(0.1)
        ok("convert has a temporary file", len(os.listdir(folder)) == 1 and
           "out.mrt.gz" not in os.listdir(folder), os.listdir(folder))
        if how == signal.SIGINT:
            terminal.type("\x03")
        else:
            terminal.child.send_signal(how)
        terminal.end()
        os.close(write_end)
        ok(name + " leaves no file", not os.listdir(folder), os.listdir(folder))
        ok(name + " ends the program as the signal does",
           terminal.child.returncode == -how, terminal.child.returncode)

# --- the manual

with tempfile.TemporaryDirectory() as folder:
    with open(folder + "/man", "w") as file:
        file.write("#!/bin/sh\n[ \"$1\" != -w ] || { [ -z \"$NO_PAGE\" ] && "
                   "echo page; exit; }\necho \"man $*, LESS=$LESS\"\n")
    os.chmod(folder + "/man", 0o755)
    path = folder + ":" + os.environ["PATH"]
    text = on_terminal("help", "sweep", PATH=path).text
    ok("help opens the manual at the command",
       text == "man 1 memreplay, LESS= +/^ *sweep$\n", text)
    text = on_terminal("help", "sweep", PATH=path, NO_PAGE="1").text
    ok("and prints the help where there is no page",
       text.startswith("Usage: memreplay sweep"), text)
    text = on_terminal("help", "sweep", PATH="/nowhere").text
    ok("or no man", text.startswith("Usage: memreplay sweep"), text)

# --- completion


def complete(shell, typed, expected):
    """Types into an interactive shell and reads what it makes of the tab key."""
    name = "%s completes %r to %r" % (shell, typed, expected)
    if not shutil.which(shell):
        skip(name, shell + " is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        script = subprocess.run([program, "completion", shell],
                                stdout=subprocess.PIPE, check=True).stdout
        with open(folder + ("/_memreplay" if shell == "zsh" else "/rc"), "wb") as file:
            file.write(script + b"PS1='ready> '\n" * (shell == "bash"))
        with open(folder + "/some_trace.jsonl", "w") as file:
            file.write(HEADER)
        if shell == "zsh":
            with open(folder + "/.zshrc", "w") as file:
                file.write("fpath=(%s $fpath)\nautoload -U compinit\n"
                           "compinit -u -d %s/dump\nPS1='ready> '\n"
                           % (folder, folder))
            argv = ["zsh", "-d", "-i"]
        else:
            argv = ["bash", "--noprofile", "--rcfile", folder + "/rc", "-i"]
        terminal = Terminal(argv, 160, folder=folder, bare=True,
                            ZDOTDIR=folder, HOME=folder, INPUTRC="/dev/null",
                            HISTFILE="/dev/null",
                            PATH=os.path.dirname(program) + ":" + os.environ["PATH"])
        terminal.read(until="ready> ")
        terminal.type(typed + "\t")
        terminal.read(until=expected)
        found = expected in terminal.text
        terminal.child.kill()
        terminal.child.wait()
        ok(name, found, repr(terminal.text))


for shell in ("bash", "zsh"):
    complete(shell, "memreplay simul", "memreplay simulate ")
    complete(shell, "memreplay simulate --keep", "--keep-limit-events")
    complete(shell, "memreplay sweep --format=cs", "--format=csv")
    complete(shell, "memreplay simulate --set=window_f", "window_factor=")
    complete(shell, "memreplay sweep --vary=window_f", "window_factor=")
    complete(shell, "memreplay report -p mlx-me", "mlx-metal ")
    complete(shell, "memreplay replay -t pa", "-t page")
    complete(shell, "memreplay simulate some", "some_trace.jsonl")
    complete(shell, "memreplay completion zs", "completion zsh")
    complete(shell, "memreplay help ver", "help verify")

print("1..%d" % done)
sys.exit(failed > 0)
PYTHON
