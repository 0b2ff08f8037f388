package scheduler

import (
	"strings"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	out, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	out, err := time.Parse("2006-01-02 15:04:05 -0700", text+":00 +0000")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNext lists the first times after a moment, all in UTC.
func TestNext(t *testing.T) {
	tests := map[string]struct {
		expression, zone, after string
		want                    string // separated by commas; a trailing dot means that there are no more
	}{
		"a rate":                     {"rate(5 minutes)", "", "2026-01-01 00:00", "2026-01-01 00:05,2026-01-01 00:10"},
		"one hour":                   {"rate(1 hour)", "", "2026-01-01 00:30", "2026-01-01 01:00,2026-01-01 02:00"},
		"days of 24 hours":           {"rate(2 days)", "Europe/Berlin", "2026-03-28 12:00", "2026-03-30 00:00,2026-04-01 00:00"},
		"before the base of a rate":  {"rate(1 day)", "", "2025-06-01 00:00", "2026-01-01 00:00,2026-01-02 00:00"},
		"once":                       {"at(2026-11-20T13:00:00)", "", "2026-01-01 00:00", "2026-11-20 13:00."},
		"once, elsewhere":            {"at(2026-11-20T13:00:00)", "America/New_York", "2026-01-01 00:00", "2026-11-20 18:00."},
		"once, and gone":             {"at(2025-11-20T13:00:00)", "", "2026-01-01 00:00", "."},
		"every minute":               {"cron(* * * * ? *)", "", "2026-01-01 00:00", "2026-01-01 00:01,2026-01-01 00:02"},
		"every quarter":              {"cron(0/15 * * * ? *)", "", "2026-01-01 00:50", "2026-01-01 01:00,2026-01-01 01:15"},
		"a step from a range":        {"cron(10-30/10 0 * * ? *)", "", "2026-01-01 00:10", "2026-01-01 00:20,2026-01-01 00:30,2026-01-02 00:10"},
		"daily":                      {"cron(15 10 * * ? *)", "", "2026-01-01 10:15", "2026-01-02 10:15,2026-01-03 10:15"},
		"working days":               {"cron(0 18 ? * MON-FRI *)", "", "2026-01-02 18:00", "2026-01-05 18:00,2026-01-06 18:00"},
		"Sunday is 1":                {"cron(0 8 ? * 1 *)", "", "2026-01-01 00:00", "2026-01-04 08:00,2026-01-11 08:00"},
		"names in lower case":        {"cron(0 8 1 jan,jul ? *)", "", "2026-01-01 08:00", "2026-07-01 08:00,2027-01-01 08:00"},
		"last day of the month":      {"cron(0 0 L * ? *)", "", "2028-01-31 00:00", "2028-02-29 00:00,2028-03-31 00:00"},
		"last Friday":                {"cron(15 10 ? * 6L 2026-2027)", "", "2026-11-01 00:00", "2026-11-27 10:15,2026-12-25 10:15,2027-01-29 10:15"},
		"third Friday":               {"cron(0 9 ? * FRI#3 *)", "", "2026-01-01 00:00", "2026-01-16 09:00,2026-02-20 09:00"},
		"fifth Monday":               {"cron(0 9 ? * 2#5 *)", "", "2026-01-01 00:00", "2026-03-30 09:00,2026-06-29 09:00"},
		"last day of the week":       {"cron(0 9 ? * L *)", "", "2026-01-01 00:00", "2026-01-03 09:00,2026-01-10 09:00"},
		"nearest to a Saturday":      {"cron(0 9 15W 8 ? *)", "", "2026-01-01 00:00", "2026-08-14 09:00,2027-08-16 09:00"},
		"nearest to the 1st":         {"cron(0 9 1W 8 ? 2026)", "", "2026-01-01 00:00", "2026-08-03 09:00."},
		"nearest to the last, a Sun": {"cron(0 9 31W 5 ? 2026)", "", "2026-01-01 00:00", "2026-05-29 09:00."},
		"leap days":                  {"cron(0 0 29 2 ? *)", "", "2026-01-01 00:00", "2028-02-29 00:00,2032-02-29 00:00"},
		"never":                      {"cron(0 0 30 2 ? *)", "", "2026-01-01 00:00", "."},
		"years end":                  {"cron(0 0 1 1 ? 2027/50)", "", "2100-01-01 00:00", "2127-01-01 00:00,2177-01-01 00:00."},
		"in a zone":                  {"cron(0 9 * * ? *)", "Asia/Kolkata", "2026-01-01 00:00", "2026-01-01 03:30,2026-01-02 03:30"},
		"skipped in spring":          {"cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-27 12:00", "2026-03-28 01:30,2026-03-30 00:30"},
		"once in the fall":           {"cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30,2026-10-26 01:30"},
		"quarters in the fall":       {"cron(0/30 * * * ? *)", "Europe/Berlin", "2026-10-25 00:00", "2026-10-25 00:30,2026-10-25 02:00,2026-10-25 02:30"},
		"from the second pass":       {"cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25 01:10", "2026-10-26 01:30"},
		"half an hour forward":       {"cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-02 00:00", "2026-10-02 15:45,2026-10-04 15:15"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			table, err := parse(test.expression, zone(t, test.zone), at(t, "2026-01-01 00:00"))
			if err != nil {
				t.Fatal(err)
			}
			text, ends := strings.CutSuffix(test.want, ".")
			now := at(t, test.after)
			for want := range strings.SplitSeq(text, ",") {
				if want == "" {
					break
				}
				next, ok := table.next(now)
				if !ok || !next.Equal(at(t, want)) {
					t.Fatalf("after %v: %v %v, want %s", now, next.UTC(), ok, want)
				}
				now = next
			}
			if next, ok := table.next(now); ok == ends {
				t.Errorf("after %v: %v %v", now, next.UTC(), ok)
			}
		})
	}
}

func TestRefusedExpressions(t *testing.T) {
	for _, text := range []string{
		"", "()", "daily", "rate", "rate()", "rate(5)", "rate(0 minutes)", "rate(-1 hours)", "rate(1.5 hours)", "rate(5 seconds)",
		"rate(5  minutes)", "rate(36501 days)", "rate(99999999999 minutes)", "rate(5 minutes) ", "Rate(5 minutes)", "at(2026-01-01)", "at(2026-02-30T00:00:00)",
		"at(2026-01-01T00:00:00Z)", "cron()", "cron(* * * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(0 0 1 * 1 *)", "cron(60 * * * ? *)",
		"cron(* 24 * * ? *)", "cron(* * 0 * ? *)", "cron(* * 32 * ? *)", "cron(* * * 13 ? *)", "cron(* * ? * 8 *)", "cron(* * ? * 0 *)",
		"cron(* * * * ? 1969)", "cron(* * * * ? 2200)", "cron(*/0 * * * ? *)", "cron(5-1 * * * ? *)", "cron(* * ? * FRI-MON *)", "cron(, * * * ? *)",
		"cron(1, * * * ? *)", "cron(? * * * ? *)", "cron(* * LW * ? *)", "cron(* * L-3 * ? *)", "cron(* * W * ? *)", "cron(* * ? * 6#6 *)",
		"cron(* * ? * 6#0 *)", "cron(* * ? * #1 *)", "cron(* * ? * 9L *)", "cron(+1 * * * ? *)", "cron(* * * FOO ? *)", "cron(* * 1-3W * ? *)", "cron(0 0 * * ? *)x",
	} {
		if table, err := parse(text, time.UTC, time.Time{}); err == nil || table != nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
