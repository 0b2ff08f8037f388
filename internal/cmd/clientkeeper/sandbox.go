package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"clientkeeper/internal/sandbox"
)

const aboutSandbox = `Runs an Auth0 tenant, SQS, Secrets Manager, Lambda and an HTTP API in this
process, and the functions' real binaries on top. Everything is on loopback; Ctrl-C stops it.
Once all of it answers, <dir>/env can be sourced by a shell, so that the AWS CLI
and other tools talk to the sandbox.`

// playTime bounds how long the sample events may take.
const playTime = 5 * time.Minute

type sandboxFlags struct {
	options sandbox.Options
	port    int
	play    bool
	once    bool
	asJSON  bool
}

func runSandbox(ctx context.Context, inv *invocation) error {
	var s sandboxFlags
	f, err := inv.only("sandbox", aboutSandbox, func(f *flag.FlagSet) {
		f.StringVar(&s.options.Dir, "dir", ".sandbox", "the `folder` for the environment file, the CA certificate and the binaries")
		f.StringVar(&s.options.Source, "source", ".", "the repository's root `folder`")
		f.IntVar(&s.port, "port", -1, "0 for free ports instead of the well-known ones (4566, 3000, 3001, 8443)")
		f.BoolVar(&s.play, "play", true, "play the sample events of events/")
		f.BoolVar(&s.once, "once", false, "stop after playing, and fail if anything was not as expected")
		f.BoolVar(&s.asJSON, "json", false, "print the functions' log lines as they are, and the result as JSON")
		f.StringVar(&s.options.Plan, "plan", "enterprise", "the tenant's `plan`, which decides its rate limits: free, essentials, professional, enterprise, enterprise-nonprod, private-20, private-100, private-500, private-1500, unlimited")
		f.StringVar(&s.options.Mischief, "mischief", "", "what goes wrong at the tenant, as route=fault:share, ..., such as register=502-after:5%,*=429:2%")
		f.Func("set", "a parameter of template.yaml, as `name=value`; may be repeated", func(text string) error {
			name, value, ok := strings.Cut(text, "=")
			if !ok {
				return errors.New("a parameter is name=value")
			}
			if s.options.Parameters == nil {
				s.options.Parameters = map[string]string{}
			}
			s.options.Parameters[name] = value
			return nil
		})
		f.BoolVar(&s.options.Latency, "latency", false, "let the tenant be as slow as real ones were recorded to be")
		f.Uint64Var(&s.options.Seed, "seed", 1, "decides which requests the mischief strikes")
	})
	if err != nil {
		return helped(err)
	}
	switch s.port {
	case -1:
		s.options.Ports = sandbox.DefaultPorts
	case 0:
	default:
		return inv.misused(f, "-port takes 0, for free ports, and nothing else")
	}
	return s.run(ctx, inv)
}

func (s *sandboxFlags) run(ctx context.Context, inv *invocation) (err error) {
	v := newView(inv.out, s.asJSON)
	s.options.Line = v.line
	s.options.Progress = v.progress
	s.options.Step = v.step
	sb, err := sandbox.Start(ctx, s.options)
	if err != nil {
		return s.ended(ctx, err)
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	v.started(sb, s.options.Dir)
	if s.play || s.once {
		// Unless it is for once, what went wrong has been shown, and the sandbox
		// stays to be looked at.
		if err := s.playAll(ctx, v, sb); s.once || ctx.Err() != nil {
			return s.ended(ctx, err)
		}
	}
	v.ready(s.options.Dir)
	<-ctx.Done()
	v.progress("stopping")
	return nil
}

// ended makes Ctrl-C a way to stop a sandbox that was to stay. One that was to
// play and to judge has done neither.
func (s *sandboxFlags) ended(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case s.once:
		return errors.New("stopped before everything was played")
	}
	return nil
}

// playAll plays the events, then the rotations. Its error says what is not as
// it should be.
func (s *sandboxFlags) playAll(ctx context.Context, v *view, sb *sandbox.Sandbox) error {
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	wrong := append(playEvents(ctx, v, sb), playRotations(ctx, v, sb)...)
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d things are not as expected:\n  %s", len(wrong), strings.Join(wrong, "\n  "))
}

func playEvents(ctx context.Context, v *view, sb *sandbox.Sandbox) []string {
	start := time.Now()
	v.progress("playing events/")
	played, err := sb.Play(ctx)
	if err == nil {
		err = sb.Await(ctx, played, v.message)
	}
	wrong := []string{}
	if err != nil {
		wrong = append(wrong, err.Error())
	} else {
		wrong = append(wrong, sb.Check(ctx, played)...)
	}
	v.table(sb, played, wrong, time.Since(start))
	return wrong
}

func playRotations(ctx context.Context, v *view, sb *sandbox.Sandbox) []string {
	v.progress("rotating a secret of each kind")
	rotated, err := sb.PlayRotations(ctx)
	wrong := []string{}
	if err != nil {
		wrong = append(wrong, err.Error())
	} else {
		wrong = append(wrong, sb.CheckRotations(ctx, rotated)...)
	}
	v.rotations(rotated, wrong)
	return wrong
}
