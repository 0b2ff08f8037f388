package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// differences are those by design, by the number that rows name.
var differences = []string{
	1: "sam local start-api knows no JWT authorizer: with --disable-authorizer no caller's claims reach the function, which then " +
		"answers 401 by itself, to a good token too. The HTTP API refuses a call without one before the function, and lets a good one through.",
}

// unseen differ by design where no row looks.
var unseen = []string{
	"sam local has no queues, event source mappings, schedules, rotation engine, destinations and alarms: events are handed to the functions, and what they send goes to the sandbox.",
	"sam local start-api keeps the case of header names, leaves cookies among the headers, and gives all requests one requestContext.time, timeEpoch and requestId.",
	"sam local resolves no intrinsic functions in variables: they are empty unless the shell has them. It adds AWS_SAM_LOCAL and AWS_ACCOUNT_ID.",
	"sam local ends with the answer, and may lose lines of the log that it has not printed by then.",
	"sam local kills a container when it is done, without SIGTERM, and reports the whole memory as used and no init time.",
}

// A row is one event in both runtimes.
type row struct {
	how, function, event string
	sam, own             string
	seconds              float64 // in the container, with its start
	differs              int     // by design: the number of the difference
	cut                  bool    // sam local has not printed all of the log
}

// mostCut is the share of rows that may be cut short, of more than a few: a
// function that never says anything in a container is no accident.
const (
	mostCut = 0.25
	fewCut  = 3
)

// wrong says whether the row is not as it should be. Lines that sam local has
// not printed say nothing against the function. A difference by design
// that is gone is one too: then the list is out of date.
func (r row) wrong() bool { return (r.sam == r.own || r.cut) == (r.differs != 0) }

type table struct {
	out   io.Writer
	rows  []row
	start time.Time
}

func newTable(out io.Writer) *table { return &table{out: out, start: time.Now()} }

// begin says what is run now, for whoever waits, and returns a watch.
func (t *table) begin(how, function, event string) (seconds func() float64) {
	began := time.Now()
	fmt.Fprintf(t.out, "%6.1fs %s %s %s\n", time.Since(t.start).Seconds(), how, function, event)
	return func() float64 { return time.Since(began).Seconds() }
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

// end prints the table. Its error says how many rows are wrong.
func (t *table) end() error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nHOW\tFUNCTION\tEVENT\tSAM LOCAL\tSANDBOX\tSECONDS\t")
	wrong, cut := 0, 0
	for _, r := range t.rows {
		mark := ""
		switch {
		case r.wrong():
			mark = "<- differs"
			if r.differs != 0 {
				mark = fmt.Sprintf("<- no longer differs, see [%d]", r.differs)
			}
			wrong++
		case r.cut:
			mark = "(log cut short)"
			cut++
		case r.differs != 0:
			mark = fmt.Sprintf("[%d]", r.differs)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.1f\t%s\n", r.how, strings.TrimSuffix(r.function, "Function"), r.event, r.sam, r.own, r.seconds, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "\nWhat differs by design:")
	for i, text := range differences[1:] {
		fmt.Fprintf(t.out, "[%d] %s\n", i+1, text)
	}
	for _, text := range unseen {
		fmt.Fprintln(t.out, " -  "+text)
	}
	fmt.Fprintf(t.out, "\n%d rows in %.0f s\n", len(t.rows), time.Since(t.start).Seconds())
	if cut > fewCut && float64(cut) > mostCut*float64(len(t.rows)) {
		return fmt.Errorf("of %d rows sam local has not printed the log", cut)
	}
	if wrong > 0 {
		return fmt.Errorf("%d rows are not as they should be", wrong)
	}
	return nil
}
