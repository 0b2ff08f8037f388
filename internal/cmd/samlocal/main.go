// Command samlocal runs the sample events in two runtimes, the containers of
// the real SAM CLI and the sandbox's own Lambda, and prints side by side what
// became of each. It fails if the two disagree, if a function failed that
// should not have, or if an event was not run.
//
// Each runtime has a sandbox of its own, started alike, so that neither meets
// what the other made: both get the same events with the same idempotency keys
// in the same order. internal/build/sam-local.sh starts the sandboxes and
// prepares what the events need.
//
// Every event goes through `sam local invoke`. `sam local start-lambda` and
// `sam local start-api` are asked for less: they run the same container, and
// what is of interest is their way in.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

type options struct {
	template, apiTemplate, prepared, clientkeeper, samFlags string
	sam, own                                                string // the sandboxes' folders
	files, inherited                                        []string
}

func main() {
	var o options
	flag.StringVar(&o.template, "template", "", "the built template")
	flag.StringVar(&o.apiTemplate, "api-template", "", "the built template as sam local start-api takes it")
	flag.StringVar(&o.samFlags, "sam-flags", "", "more words for every sam local command")
	flag.StringVar(&o.prepared, "prepared", "", "the folder with what the steps of a rotation need")
	flag.StringVar(&o.clientkeeper, "clientkeeper", "", "the command line")
	flag.StringVar(&o.sam, "sam", "", "the folder of the sandbox that the containers talk to")
	flag.StringVar(&o.own, "own", "", "the folder of the sandbox whose own Lambda runs the events")
	flag.Parse()
	o.files, o.inherited = flag.Args(), os.Environ()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "samlocal:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	sam, err := openSide(o, o.sam, "sam")
	if err != nil {
		return err
	}
	own, err := openSide(o, o.own, "own")
	if err != nil {
		return err
	}
	r := runner{options: o, sam: sam, own: own, table: newTable(os.Stdout)}
	if err := errors.Join(r.invokeAll(ctx), r.startLambda(ctx), r.startAPI(ctx), r.compareState(ctx)); err != nil {
		return err
	}
	return r.table.end()
}

// A runner has both runtimes do the same.
type runner struct {
	options
	sam, own *side
	table    *table
}

// invokeAll runs each event with `sam local invoke` and by the Invoke API of
// the sandbox.
func (r *runner) invokeAll(ctx context.Context) error {
	for _, file := range ordered(r.files) {
		function, name := functionOf(file), nameOf(file)
		var events [2][]byte
		for i, s := range []*side{r.sam, r.own} {
			var err error
			if events[i], err = s.sample(ctx, file); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		began := r.table.begin("invoke", function, name)
		sam, err := r.sam.invokeSAM(ctx, function, events[0])
		if err != nil {
			return fmt.Errorf("%s with sam local invoke: %w", file, err)
		}
		seconds := began()
		own, err := r.own.invokeOwn(ctx, function, events[1])
		if err != nil {
			return fmt.Errorf("%s in the sandbox: %w", file, err)
		}
		r.sam.learn(name, sam.answer)
		r.own.learn(name, own.answer)
		r.table.add(row{how: "invoke", function: function, event: name, sam: sam.outcome(), own: own.outcome(), seconds: seconds, cut: cutShort(sam, own)})
	}
	return nil
}

// words are those of a flag's list.
func (o options) words() []string { return strings.Fields(o.samFlags) }
