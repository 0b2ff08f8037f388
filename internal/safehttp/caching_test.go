package safehttp

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, time.November, 2, 12, 0, 0, 0, time.UTC)

func header(fields ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

func TestLifetime(t *testing.T) {
	tests := map[string]struct {
		header  http.Header
		want    time.Duration
		noStore bool
	}{
		"nothing said":               {header(), 0, false},
		"shared caches first":        {header("Cache-Control", "max-age=60, s-maxage=120"), 2 * time.Minute, false},
		"quoted argument":            {header("Cache-Control", `max-age="60"`), time.Minute, false},
		"white space":                {header("Cache-Control", " ,, public ,max-age=60 ,"), time.Minute, false},
		"two lines":                  {header("Cache-Control", "public", "Cache-Control", "max-age=60"), time.Minute, false},
		"twice the same":             {header("Cache-Control", "max-age=60, max-age=60"), time.Minute, false},
		"twice, different":           {header("Cache-Control", "max-age=60, max-age=70"), 0, false},
		"no-cache":                   {header("Cache-Control", "no-cache, max-age=60"), 0, false},
		"no-store in capitals":       {header("Cache-Control", "max-age=60, No-Store"), 0, true},
		"no-store inside quotes":     {header("Cache-Control", `ext="no-store, private", max-age=60`), time.Minute, false},
		"no-store amid quotes":       {header("Cache-Control", `ext="a, no-store, b", max-age=60`), time.Minute, false},
		"nothing to escape":          {header("Cache-Control", `ext=a\, no-store, max-age=60`), 0, true},
		"escaped quote":              {header("Cache-Control", `ext="a\", no-store", max-age=60`), time.Minute, false},
		"quote that does not close":  {header("Cache-Control", `max-age=60, ext="no-store`), 0, true},
		"fraction":                   {header("Cache-Control", "max-age=60.5"), 0, false},
		"no argument beats Expires":  {header("Cache-Control", "max-age", "Expires", "Mon, 02 Nov 2026 13:00:00 GMT"), 0, false},
		"Expires without Date":       {header("Expires", "Mon, 02 Nov 2026 13:00:00 GMT"), time.Hour, false},
		"Expires less Date":          {header("Date", "Mon, 02 Nov 2026 11:00:00 GMT", "Expires", "Mon, 02 Nov 2026 13:00:00 GMT"), 2 * time.Hour, false},
		"Expires in the past":        {header("Expires", "Mon, 02 Nov 2026 11:00:00 GMT"), 0, false},
		"Expires never":              {header("Expires", "Fri, 31 Dec 9999 23:59:59 GMT"), maxDelta, false},
		"Expires twice":              {header("Expires", "Mon, 02 Nov 2026 13:00:00 GMT", "Expires", "Mon, 02 Nov 2026 14:00:00 GMT"), 0, false},
		"Vary on everything":         {header("Cache-Control", "max-age=60", "Vary", "Accept, *"), 0, true},
		"larger than any number":     {header("Cache-Control", "max-age=99999999999999999999"), maxDelta, false},
		"a directive that resembles": {header("Cache-Control", "x-max-age=60, no-stored"), 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, noStore := lifetime(test.header, noon)
			if got != test.want || noStore != test.noStore {
				t.Errorf("got %s, no-store %v; want %s, %v", got, noStore, test.want, test.noStore)
			}
		})
	}
}

func TestAge(t *testing.T) {
	tests := map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"nothing said":           {header(), 0},
		"stated":                 {header("Age", "250"), 250 * time.Second},
		"by Date":                {header("Date", "Mon, 02 Nov 2026 11:59:00 GMT"), time.Minute},
		"the greater counts":     {header("Date", "Mon, 02 Nov 2026 11:59:00 GMT", "Age", "10"), time.Minute},
		"Date of the future":     {header("Date", "Mon, 02 Nov 2026 13:00:00 GMT"), 0},
		"Date of long ago":       {header("Date", "Mon, 01 Jan 0001 00:00:00 GMT"), maxDelta},
		"negative is nonsense":   {header("Age", "-5"), 0},
		"larger than any number": {header("Age", "99999999999999999999"), maxDelta},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := age(test.header, noon); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestFreshForBounds(t *testing.T) {
	const floor, ceiling = time.Minute, time.Hour
	tests := map[string]struct {
		stored Stored
		age    time.Duration
		want   time.Duration
	}{
		"within":          {Stored{Lifetime: 10 * time.Minute}, 0, 10 * time.Minute},
		"the rest of it":  {Stored{Lifetime: 10 * time.Minute}, 8 * time.Minute, 2 * time.Minute},
		"floor":           {Stored{}, 0, floor},
		"older than life": {Stored{Lifetime: time.Minute}, time.Hour, floor},
		"ceiling":         {Stored{Lifetime: maxDelta}, 0, ceiling},
		"no-store":        {Stored{NoStore: true}, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.stored.freshFor(test.age, floor, ceiling); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestRefreshStored(t *testing.T) {
	old := Stored{ETag: `"v1"`, LastModified: "Sun, 01 Nov 2026 10:00:00 GMT", Lifetime: time.Hour}
	tests := map[string]struct {
		header http.Header
		want   Stored
	}{
		"nothing said":      {header(), old},
		"new freshness":     {header("Cache-Control", "max-age=60"), Stored{old.ETag, old.LastModified, time.Minute, false}},
		"no longer stored":  {header("Cache-Control", "no-store"), Stored{old.ETag, old.LastModified, 0, true}},
		"new validators":    {header("ETag", `W/"v2"`, "Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT"), Stored{`W/"v2"`, "Mon, 02 Nov 2026 10:00:00 GMT", time.Hour, false}},
		"harmful validator": {header("ETag", "\"a\x01b\"", "Last-Modified", "yesterday"), old},
		"unquoted":          {header("ETag", "v2"), old},
		"endless":           {header("ETag", `"`+strings.Repeat("a", 300)+`"`), old},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := old.refresh(test.header, noon); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// What a server once said is sent back to it as it was.
func TestConditions(t *testing.T) {
	const modified = "Sun, 01 Nov 2026 10:00:00 GMT"
	for name, test := range map[string]struct {
		stored Stored
		want   http.Header
	}{
		"nothing": {Stored{Lifetime: time.Hour}, header()},
		"a tag":   {Stored{ETag: `"v1"`}, header("If-None-Match", `"v1"`)},
		"a date":  {Stored{LastModified: modified}, header("If-Modified-Since", modified)},
		"both":    {Stored{ETag: `W/"v1"`, LastModified: modified}, header("If-None-Match", `W/"v1"`, "If-Modified-Since", modified)},
	} {
		got := header()
		test.stored.condition(got)
		if !reflect.DeepEqual(got, test.want) || test.stored.conditional() != (len(test.want) > 0) {
			t.Errorf("%s: got %v, want %v; conditional %v", name, got, test.want, test.stored.conditional())
		}
	}
}

// A tag that is no entity-tag of RFC 9110 section 8.8.3 is not sent back.
func TestETags(t *testing.T) {
	for tag, want := range map[string]bool{
		`"v1"`: true, `W/"v1"`: true, `""`: true, `"!#[]~"`: true, "\"\x80\"": true, `"` + strings.Repeat("a", 255) + `"`: true,
		"": false, `"`: false, "W/": false, "v1": false, `"v1`: false, `v1"`: false, `w/"v1"`: false, `W/W/"v1"`: false, `"v"1"`: false,
		`"v 1"`: false, "\"v\t1\"": false, "\"v\r\n1\"": false, "\"v\x7f1\"": false, `"` + strings.Repeat("a", 256) + `"`: false,
	} {
		if got := isETag(tag); got != want {
			t.Errorf("%q: %v, want %v", tag, got, want)
		}
	}
}

// FuzzLifetime states what must hold for any Cache-Control field: bounds, no
// dependence on case, no-store beats everything, a floor of no extra trust, and
// agreement with a naive reader wherever that one is right.
func FuzzLifetime(f *testing.F) {
	for _, s := range []string{
		"max-age=300", "public, s-maxage=9, max-age=1", `max-age="7"`, `a="b\"c, no-store", max-age=3`, "no-store", `"`, "max-age=-1",
		"max-age=99999999999999999999", "private=\"x\"", "max-age=1,max-age=2", "MAX-AGE=5", "=,=,=",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		d, noStore := lifetime(header("Cache-Control", line), noon)
		if d < 0 || d > maxDelta || noStore && d != 0 {
			t.Errorf("%q: %s, no-store %v", line, d, noStore)
		}
		if isASCII(line) {
			if u, n := lifetime(header("Cache-Control", strings.ToUpper(line)), noon); u != d || n != noStore {
				t.Errorf("%q depends on case: %s and %s", line, d, u)
			}
		}
		for _, h := range []http.Header{
			header("Cache-Control", line, "Cache-Control", "no-store"), header("Cache-Control", line+", no-store"),
		} {
			if _, n := lifetime(h, noon); !n {
				t.Errorf("%q with no-store may be stored", line)
			}
		}
		if with, _ := lifetime(header("Cache-Control", line, "Cache-Control", "max-age=10"), noon); with > max(d, 10*time.Second) {
			t.Errorf("%q: a second line made %s of %s", line, with, d)
		}
		if !strings.ContainsAny(line, `"\`) {
			if n := naiveNoStore(line); n != noStore {
				t.Errorf("%q: no-store %v, and naively %v", line, noStore, n)
			}
		}
	})
}

// naiveNoStore is right for fields without quotes.
func naiveNoStore(line string) bool {
	for part := range strings.SplitSeq(strings.ToLower(line), ",") {
		name, _, _ := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); name == "no-store" || name == "private" {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// FuzzFreshFor: the bounds hold whatever the dates say, and an older answer is
// never fresh for longer.
func FuzzFreshFor(f *testing.F) {
	f.Add("max-age=300", "", "", "250")
	f.Add("", "Mon, 02 Nov 2026 13:00:00 GMT", "Mon, 02 Nov 2026 11:00:00 GMT", "0")
	f.Add("public", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "-1")
	f.Add("s-maxage=1", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "99999999999999999999")
	f.Fuzz(func(t *testing.T, cacheControl, expires, date, stated string) {
		const floor, ceiling = time.Minute, time.Hour
		h := header("Cache-Control", cacheControl, "Expires", expires, "Date", date)
		s := store(h, noon)
		young := s.freshFor(age(h, noon), floor, ceiling)
		h.Set("Age", stated)
		old := s.freshFor(age(h, noon), floor, ceiling)
		if s.NoStore && old != 0 || !s.NoStore && (old < floor || young > ceiling) {
			t.Errorf("%v: fresh for %s", h, old)
		}
		if old > young {
			t.Errorf("%v: fresh for %s, and without Age for %s", h, old, young)
		}
		if s.Lifetime < 0 || s.Lifetime > maxDelta {
			t.Errorf("%v: lifetime %s", h, s.Lifetime)
		}
	})
}
