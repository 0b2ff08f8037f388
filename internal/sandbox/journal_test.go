package sandbox

import (
	"fmt"
	"testing"

	"clientkeeper/internal/sandbox/secretsmanager"
)

func TestTheJournalKeepsTheLatest(t *testing.T) {
	j := newJournal(nil)
	j.keep = 3
	for i := range 10 {
		for n := range 2 * journalLines {
			j.line(fmt.Appendf(nil, `{"message_id":"copy","origin_id":"m%d","receives":%d}`, i, n))
		}
	}
	if all := j.All(); len(all) != 3 || all["m6"] != nil || len(j.order) != 3 {
		t.Errorf("%d messages, %v", len(all), j.order)
	}
	lines, _ := j.Of("m9")
	if len(lines) < journalLines || len(lines) > journalLines*5/4 || lines[len(lines)-1].Receives != 2*journalLines-1 {
		t.Errorf("%d lines of the latest", len(lines))
	}
	j.expect(5)
	if j.keep != journalMessages+5 {
		t.Errorf("room for %d", j.keep)
	}
}

func TestTheLatestStepsAreKept(t *testing.T) {
	var s steps
	for i := range 2 * journalSteps {
		s.add(secretsmanager.StepEvent{ARN: "a", Token: fmt.Sprint(i)})
	}
	if len(s.all) < journalSteps || len(s.all) > journalSteps*5/4 || len(s.of("a", fmt.Sprint(2*journalSteps-1))) != 1 {
		t.Errorf("%d steps", len(s.all))
	}
}
