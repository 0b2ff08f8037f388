package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"clientkeeper/internal/sandbox"
)

// view shows what happens in a sandbox: lines for people, or JSON lines.
type view struct {
	mu     sync.Mutex
	out    io.Writer
	asJSON bool
	start  time.Time
	live   bool // show messages that were not played, too
}

func newView(out io.Writer, asJSON bool) *view {
	return &view{out: out, asJSON: asJSON, start: time.Now()}
}

func (v *view) printf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintf(v.out, format, args...)
}

func (v *view) encode(what any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = json.NewEncoder(v.out).Encode(what)
}

func (v *view) progress(text string) {
	if v.asJSON {
		v.encode(map[string]string{"progress": text})
		return
	}
	v.printf("%s %s\n", v.clock(), text)
}

func (v *view) clock() string { return fmt.Sprintf("%6.1fs", time.Since(v.start).Seconds()) }

// line shows what a function wrote: as it is, or, for people, its messages'
// lines once nothing is played any more.
func (v *view) line(text []byte) {
	if v.asJSON {
		if !json.Valid(text) { // a panic, or part of a line that is too long
			v.encode(map[string]string{"text": string(text)})
			return
		}
		v.printf("%s\n", text)
		return
	}
	var l sandbox.Line
	err := json.Unmarshal(text, &l)
	v.mu.Lock()
	live := v.live
	v.mu.Unlock()
	switch {
	case err != nil: // a panic, for one
		v.printf("%s %s\n", v.clock(), text)
	case l.Level == "ERROR" && l.MessageID == "":
		v.printf("%s %s: %s\n", v.clock(), l.Message, l.Err)
	case live && l.MessageID != "":
		v.show(l)
	}
}

// message shows a line of a played message.
func (v *view) message(_ *sandbox.Played, l sandbox.Line) {
	if !v.asJSON {
		v.show(l)
	}
}

// show prints what there is to say of a message at once, so that nothing comes
// between.
func (v *view) show(l sandbox.Line) {
	about := l.ExternalClientID
	if about == "" {
		about = "message " + l.MessageID
	}
	what := ""
	switch {
	case l.ClientID != "":
		what = " as " + l.ClientID
	case l.Reason != "":
		what = ": " + l.Reason
	}
	if l.RetryIn != "" && !l.Final() {
		what += ", again in " + l.RetryIn
	}
	var b strings.Builder
	clock := v.clock()
	fmt.Fprintf(&b, "%s   %-10s %s%s\n", clock, l.Outcome, about, what)
	more := func(name string, texts ...string) {
		for _, text := range texts {
			fmt.Fprintf(&b, "%s              %s: %s\n", clock, name, text)
		}
	}
	if l.Outcome == "rejected" && len(l.Violations) == 0 {
		more("why", l.Err)
	}
	more("violation", l.Violations...)
	more("warning", l.Warnings...)
	v.printf("%s", b.String())
}

func (v *view) started(sb *sandbox.Sandbox, dir string) {
	if v.asJSON {
		v.encode(map[string]string{"aws": sb.AWSURL, "lambda": sb.LambdaURL, "api": sb.APIURL, "tenant": "https://" + sb.Tenant.Domain(), "env": sb.EnvFile})
		return
	}
	api := ""
	if sb.APIURL != "" {
		api = "\n  HTTP API              " + sb.APIURL
	}
	v.printf(`
  Auth0 tenant          https://%s
  SQS, Secrets Manager  %s
  Lambda                %s%s
  for your shell        . %s

`, sb.Tenant.Domain(), sb.AWSURL, sb.LambdaURL, api, shellWord(dir+"/env"))
}

// plain needs no quotes in a shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=-]+$`)

// shellWord is s as one word of a shell's command.
func shellWord(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (v *view) ready(dir string) {
	v.mu.Lock()
	v.live = true
	v.mu.Unlock()
	if v.asJSON {
		v.encode(map[string]string{"progress": "ready"})
		return
	}
	v.printf(`Ready. Register a client of your own from another terminal:

  . %s
  aws sqs send-message --queue-url $REGISTRATIONS_QUEUE_URL --message-body https://vscode.dev/oauth/client-metadata.json

Ctrl-C stops everything.

`, shellWord(dir+"/env"))
}

// table shows each played message's end.
func (v *view) table(sb *sandbox.Sandbox, played []*sandbox.Played, wrong []string, took time.Duration) {
	if v.asJSON {
		v.encode(map[string]any{"played": played, "not_as_expected": wrong})
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintln(v.out)
	w := tabwriter.NewWriter(v.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MESSAGE\tOUTCOME\tCLIENT ID OR REASON\tCALLS\tMS\tDOCUMENT")
	counts := map[string]int{}
	for _, p := range played {
		what := p.Last.ClientID
		if p.Last.Reason != "" {
			what = p.Last.Reason
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", p.Case, p.Last.Outcome, dash(what), p.Calls, p.Last.DurationMS, dash(p.Last.ExternalClientID))
		counts[p.Last.Outcome]++
	}
	_ = w.Flush()
	fmt.Fprintf(v.out, "\n%d messages in %.1f s: %d created, %d updated, %d previewed, %d in the dead-letter queue; %d clients in the tenant, %d requests to it\n",
		len(played), took.Seconds(), counts["created"], counts["updated"], counts["previewed"], len(sb.Letters()), registeredClients(sb), sb.Tenant.Counts().Requests)
	for _, text := range wrong {
		fmt.Fprintln(v.out, "NOT AS EXPECTED:", text)
	}
	if len(wrong) == 0 {
		fmt.Fprintln(v.out, "everything as expected")
	}
	fmt.Fprintln(v.out)
}

func registeredClients(sb *sandbox.Sandbox) int {
	n := 0
	for _, c := range sb.Tenant.Clients() {
		if c.ExternalID != "" {
			n++
		}
	}
	return n
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
