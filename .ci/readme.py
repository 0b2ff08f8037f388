"""Runs the commands of README.md in order, as written, in one shell against one
sandbox, and compares what they print with what the README shows, in shape.

Usage: readme.py <scratch folder>, in a fresh clone. A line of a console block
that begins with "$ " is a command; what follows it is what it prints, with
"..." where lines were left out. Numbers, ids and times may differ.
"""

import collections
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time

# A command that needs an account, by how it begins, and why.
ACCOUNT = {
    "sam deploy": "needs an AWS account",
    "sam delete": "needs an AWS account",
}
# Commands that another step of CI runs: the file where it does, in its words.
ELSEWHERE = {
    "make test": (".ci/run", "make test"),
    "make demo": (".ci/run", "make demo"),
    "make soak": (".ci/run", "make soak"),
    "make crash": (".ci/run", "make crash"),
    "make surge": (".ci/run", "make surge"),
    "make sam-local": (".ci/sam.sh", "make sam-local"),
}
if subprocess.run(["which", "sam"], capture_output=True).returncode:
    ELSEWHERE["sam validate"] = (".ci/sam.sh", "make sam-validate")
    ELSEWHERE["sam build"] = (".ci/sam.sh", "make sam-build")
# What would take long is made short by the Makefile's own variables, and what
# takes ports takes free ones, for others may run on this machine.
SHORT = {"CONSUMER_FLAGS": "-rotations 8 -secrets 2 -window 2s -overlap 3s", "RUN_FLAGS": "-port 0"}
LIMIT = 300  # seconds that a command may take


Command = collections.namedtuple("Command", "line text shown")


def blocks(readme):
    """The console blocks: the number of the first line, and the lines."""
    found = re.finditer(r"^( *)```console\n(.*?)^ *```$", readme, re.M | re.S)
    for m in found:
        yield readme.count("\n", 0, m.start()) + 2, textwrap.dedent(m[2]).splitlines()


def unfinished(text):
    """Whether a shell would wait for another line."""
    if text.rstrip().endswith(("\\", "|")):
        return True
    return subprocess.run(["bash", "-n", "-c", text], capture_output=True).returncode != 0


def commands(readme):
    for first, lines in blocks(readme):
        if not lines[0].startswith("$ "):
            sys.exit(f"README.md:{first}: a console block begins with a command, '$ ...'")
        at = 0
        while at < len(lines):
            line, text = first + at, lines[at][2:]
            at += 1
            while at < len(lines) and not lines[at].startswith("$ ") and unfinished(text):
                text += "\n" + lines[at]
                at += 1
            shown = []
            while at < len(lines) and not lines[at].startswith("$ "):
                shown.append(lines[at])
                at += 1
            yield Command(line, text, shown)


def shape(line):
    """The line without what differs from one run to the next."""
    line = re.sub(r"\b[0-9a-f]{8}\.\.\.|\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,}\b|\btpc_\w+|\b[\w-]{32,}\b", "ID", line)
    line = re.sub(r"\d+(?:[.,:]\d+)*", "N", line)
    return " ".join(line.split())


def differ(shown, printed):
    """What is wrong with the output, or None. Where lines are left out, the
    others may come in another order: messages are worked on side by side."""
    want = [shape(l) for l in shown if l.strip()]
    got = [shape(l) for l in printed.splitlines() if l.strip()]
    if "..." not in want:
        if want == got:
            return None
        return "\n".join(["it prints, masked:", *got, "the README says:", *want])
    missing = collections.Counter(w for w in want if w != "...") - collections.Counter(got)
    if missing:
        return "\n".join(["it does not print:", *missing, "but, masked:", *got])
    return None


def excuse(text):
    """Why a command is not run, or None."""
    for begin, why in ACCOUNT.items():
        if text.startswith(begin):
            return begin, why
    for begin, (file, words) in ELSEWHERE.items():
        if re.match(re.escape(begin) + r"\b(?!-)", text):
            if words not in open(file).read():
                sys.exit(f"{file} should run {words!r}, which is why README.md's is left out")
            return begin, f"{file} runs it"
    return None


class Shell:
    """One bash in which commands are run one after the other."""

    def __init__(self, scratch):
        self.out = os.path.join(scratch, "out")
        self.read, write = os.pipe()
        self.bash = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, pass_fds=[write], text=True, start_new_session=True)
        self.status = os.fdopen(self.read)
        self.bash.stdin.write("set -o pipefail\n")
        self.write = write

    def run(self, text):
        # eval, so that functions, variables and PATH stay for what follows.
        self.bash.stdin.write(f"eval {shlex.quote(text)} >{self.out} 2>&1 </dev/null; echo $? >&{self.write}\n")
        self.bash.stdin.flush()
        signal.alarm(LIMIT)
        code = int(self.status.readline())
        signal.alarm(0)
        return code, open(self.out, errors="replace").read()

    def close(self):
        self.bash.stdin.close()
        self.bash.wait(30)


class Server:
    """A command that stays until Ctrl-C."""

    def __init__(self, text, scratch):
        if text.startswith("clientkeeper sandbox"):
            own = f" -port 0 -dir {scratch}/sandbox-{time.monotonic_ns()}" # what the line itself says of them counts
            text = "PATH=$PWD/bin:$PATH; exec " + text.replace(" sandbox", " sandbox" + own, 1)
        self.log = os.path.join(scratch, f"server-{time.monotonic_ns()}")
        self.process = subprocess.Popen(["bash", "-c", text], stdin=subprocess.DEVNULL, stdout=open(self.log, "w"),
                                        stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + LIMIT
        # What it plays is compared once, with make run.
        ready = "Ctrl-C stops everything" if text.startswith("make run") else "for your shell"
        while ready not in self.printed():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                sys.exit(f"{text}: it did not get ready:\n{self.printed()}")
            time.sleep(0.2)

    def printed(self):
        return open(self.log, errors="replace").read()

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(60)
        # make says of a program that Ctrl-C has ended that it was interrupted.
        stopped = code in (2, 130, -signal.SIGINT) and "stopping" in self.printed()
        return 0 if stopped else code


def stays(text):
    return text.startswith(("make run", "clientkeeper sandbox")) and not re.search(r" -(h|once)\b", text)


class Runner:
    def __init__(self, scratch):
        self.scratch, self.shell, self.main = scratch, Shell(scratch), None
        self.ran, self.left, self.wrong = 0, [], 0

    def server(self, text):
        if text.startswith("make run") and self.main:
            return 0, self.main.printed()
        server = Server(text, self.scratch)
        if text.startswith("make run"):
            self.main = server
            return 0, server.printed()
        return server.stop(), server.printed()

    def one(self, c):
        reason = excuse(c.text)
        if reason:
            self.left.append(reason)
            print(f"     -  {c.text}   left out: {reason[1]}")
            return
        began = time.monotonic()
        code, printed = self.server(c.text) if stays(c.text) else self.shell.run(c.text)
        self.ran += 1
        wrong = f"it ends with status {code}, after\n{printed}" if code else c.shown and differ(c.shown, printed)
        print(f"{time.monotonic() - began:5.1f}s  {c.text}{'' if not c.shown else '   (output compared)'}", flush=True)
        if wrong:
            self.wrong += 1
            print(f"README.md:{c.line}: {wrong}\n", flush=True)

    def close(self):
        self.shell.close()
        if self.main and self.main.stop():
            self.wrong += 1
            print(f"make run did not stop cleanly:\n{self.main.printed()[-2000:]}")


def main():
    readme = open("README.md").read()
    os.environ.update(SHORT)
    for name in [n for n in os.environ if n.startswith(("AUTH0_", "AWS_"))]:
        del os.environ[name]
    runner = Runner(sys.argv[1])
    try:
        for c in commands(readme):
            runner.one(c)
    finally:
        runner.close()
    print(f"{runner.ran} commands ran, {len(runner.left)} were left out, {runner.wrong} wrong")
    unused = ACCOUNT.keys() - {begin for begin, _ in runner.left}
    if unused:
        sys.exit(f"the README has no such commands to be left out: {', '.join(unused)}")
    sys.exit(runner.wrong > 0)


if __name__ == "__main__":
    main()
