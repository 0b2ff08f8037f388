// Command clientkeeper is the command line of clientkeeper: the sandbox, and
// what people do by hand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"clientkeeper/internal/app"
)

// A command is one word of the command line.
type command struct {
	name, args, about string
	run               func(context.Context, *invocation) error
}

var commands = []command{
	{"sandbox", "[flags]", "run everything on this machine and play events/", runSandbox},
	{"soak", "[flags]", "send thousands of messages through mischief and crashes", runSoak},
	{"crash", "[flags]", "break rotations at every call, and see that nothing is lost", runCrash},
	{"surge", "[flags]", "make a thousand secrets due at once, and count what happens", runSurge},
	{"consumer", "[flags]", "log in with secrets while they are rotated, and count failures", runConsumer},
	{"register", "[flags] <url> ...", "send registrations to the queue", runRegister},
	{"invoke", "[flags] <function>", "run a function in this process with an event", runInvoke},
	{"preflight", "[flags]", "see whether the tenant is ready", runPreflight},
	{"plan", "[-json]", "show what a scheduled run would rotate, and why", runPlan},
	{"rotate", "[flags] <secret>", "rotate a secret now, and follow it", runRotate},
	{"doctor", "[flags] [secret ...]", "find what is wrong with secrets, repair what is safe", runDoctor},
	{"adopt", "[flags] <client_id>", "take over a live client", runAdopt},
	{"pause", "[flags] <secret>", "keep scheduled runs from rotating a secret", runPause},
	{"resume", "<secret>", "let them rotate it again", runResume},
	{"revoke", "[flags] <secret>", "emergency: end what worked before the last rotation", runRevoke},
	{"token", "[flags]", "get a caller's access token for the HTTP API", runToken},
	{"sign-webhook", "[flags] [file]", "sign a webhook's body as a partner does", runSignWebhook},
	{"schema", "", "print the JSON Schema of a message", runSchema},
	{"version", "", "print the version", runVersion},
}

// invocation is what a command gets.
type invocation struct {
	args        []string
	in          io.Reader
	out, errOut io.Writer
	getenv      func(string) string
	terminal    bool // errOut is one
}

// errUsage ends the program with status 2; what is wrong has been said.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Ctrl-C once more, a little later, ends what does not stop. Not at once: a
	// wrapper may pass on what we were sent already.
	context.AfterFunc(ctx, func() { time.AfterFunc(2*time.Second, stop) })
	if exe, err := os.Executable(); err == nil && startedByGoRun(exe) {
		ctx = untilOrphaned(ctx, os.Getppid)
	}
	inv := &invocation{args: os.Args[1:], in: os.Stdin, out: os.Stdout, errOut: os.Stderr, getenv: os.Getenv, terminal: isTerminal(os.Stderr)}
	err := dispatch(ctx, inv)
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "clientkeeper:", err)
		os.Exit(1)
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func dispatch(ctx context.Context, inv *invocation) error {
	if len(inv.args) == 0 {
		usage(inv.errOut)
		return errUsage
	}
	name := inv.args[0]
	if name == "help" || name == "-h" || name == "-help" || name == "--help" {
		usage(inv.out)
		return nil
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		fmt.Fprintf(inv.errOut, "clientkeeper: there is no command %q\n\n", name)
		usage(inv.errOut)
		return errUsage
	}
	inv.args = inv.args[1:]
	return commands[i].run(ctx, inv)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "clientkeeper registers OAuth clients in an Auth0 tenant and keeps their credentials.\n\nusage: clientkeeper <command>\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-28s %s\n", c.name+" "+c.args, c.about)
	}
	fmt.Fprint(w, "\nclientkeeper <command> -h explains its flags.\n")
}

// flags parses a command's flags. An error of it has been told; the command
// returns what [helped] makes of it.
func (inv *invocation) flags(name, args, about string, define func(*flag.FlagSet)) (*flag.FlagSet, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(inv.errOut)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "usage: clientkeeper %s %s\n\n%s\n\n", name, args, about)
		f.PrintDefaults()
	}
	define(f)
	err := f.Parse(inv.args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, errHelp
	}
	if err != nil {
		return nil, errUsage
	}
	return f, nil
}

// errHelp ends a command whose help was asked for.
var errHelp = errors.New("help")

// helped turns errHelp into success.
func helped(err error) error {
	if errors.Is(err, errHelp) {
		return nil
	}
	return err
}

// only parses the flags of a command that takes nothing else.
func (inv *invocation) only(name, about string, define func(*flag.FlagSet)) (*flag.FlagSet, error) {
	args := "[flags]"
	if define == nil {
		args, define = "", func(*flag.FlagSet) {}
	}
	f, err := inv.flags(name, args, about, define)
	if err == nil {
		_, err = inv.arguments(f, 0, 0)
	}
	return f, err
}

// misused says what is wrong, and how it would be right.
func (inv *invocation) misused(f *flag.FlagSet, what string) error {
	fmt.Fprintf(inv.errOut, "clientkeeper: %s\n\n", what)
	f.Usage()
	return errUsage
}

func runVersion(_ context.Context, inv *invocation) error {
	if _, err := inv.only("version", "Prints the version.", nil); err != nil {
		return helped(err)
	}
	_, err := fmt.Fprintln(inv.out, app.Version)
	return err
}
