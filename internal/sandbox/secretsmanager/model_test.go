package secretsmanager_test

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// The cases are the same in every run, so that a red test says something of the
// change at hand; -rapid.seed=0 draws new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// TestLabelInvariants puts, updates and moves labels at random, with few tokens
// and labels so that they meet often, and holds every step to what must be true
// of any secret, and to when a move has to be refused.
func TestLabelInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{t: t, room: secretsmanager.New(secretsmanager.Options{}), texts: map[string]string{}}
		m.ask("CreateSecret", object{"Name": "s", "ClientRequestToken": ids[0]})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			m.step()
		}
	})
}

var (
	ids    = []string{strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32), strings.Repeat("d", 32)}
	custom = []string{"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "X", "Y"}
	texts  = []string{"one", "two"}
)

type machine struct {
	t     *rapid.T
	room  *secretsmanager.Service
	texts map[string]string // the first value of each version
	// What the last step began with.
	before map[string]string // label to version
	named  []string          // labels the step asked for
}

// ask sends a request and returns the code of its error, or "".
func (m *machine) ask(op string, body object) (object, string) {
	text, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(string(text)))
	r.Header.Set("X-Amz-Target", "secretsmanager."+op)
	w := httptest.NewRecorder()
	m.room.ServeHTTP(w, r)
	out := object{}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		m.t.Fatal(err)
	}
	code, _ := out["__type"].(string)
	return out, code
}

// holders reads which version has each label, and that no two have the same.
func (m *machine) holders() map[string]string {
	out, code := m.ask("DescribeSecret", object{"SecretId": "s"})
	if code != "" {
		m.t.Fatal(code)
	}
	held := map[string]string{}
	versions, _ := out["VersionIdsToStages"].(object)
	for id, list := range versions {
		labels, _ := list.([]any)
		for _, l := range labels {
			label, _ := l.(string)
			if other, twice := held[label]; twice {
				m.t.Fatalf("%s is on %s and on %s", label, other[:1], id[:1])
			}
			held[label] = id
		}
	}
	return held
}

func (m *machine) step() {
	m.before, m.named = m.holders(), nil
	var code string
	switch rapid.IntRange(0, 3).Draw(m.t, "operation") {
	case 0, 1:
		code = m.put()
	case 2:
		code = m.update()
	default:
		code = m.move()
	}
	after := m.holders()
	if code != "" {
		if d := cmp.Diff(m.before, after); d != "" {
			m.t.Fatalf("a refused step changed labels (%s):\n%s", code, d)
		}
		return
	}
	m.checkCurrent(after)
	m.checkOthers(after)
	m.checkValues()
}

func (m *machine) put() string {
	id, text := rapid.SampledFrom(ids).Draw(m.t, "id"), rapid.SampledFrom(texts).Draw(m.t, "text")
	m.named = rapid.SliceOfNDistinct(rapid.SampledFrom(custom), 0, 3, rapid.ID).Draw(m.t, "stages")
	body := object{"SecretId": "s", "ClientRequestToken": id, "SecretString": text}
	if len(m.named) > 0 {
		body["VersionStages"] = m.named
	}
	_, code := m.ask("PutSecretValue", body)
	old, exists := m.texts[id]
	if want := map[bool]string{true: "ResourceExistsException"}[exists && old != text]; code != want {
		m.t.Fatalf("put of %s: %q, want %q", id[:1], code, want)
	}
	if exists && code == "" {
		if d := cmp.Diff(m.before, m.holders()); d != "" {
			m.t.Fatalf("a repeated put moved labels:\n%s", d)
		}
	}
	m.keep(id, text, code)
	return code
}

func (m *machine) update() string {
	id, text := rapid.SampledFrom(ids).Draw(m.t, "id"), rapid.SampledFrom(texts).Draw(m.t, "text")
	_, code := m.ask("UpdateSecret", object{"SecretId": "s", "ClientRequestToken": id, "SecretString": text})
	_, exists := m.texts[id]
	if want := map[bool]string{true: "ResourceExistsException"}[exists]; code != want {
		m.t.Fatalf("update with %s: %q, want %q", id[:1], code, want)
	}
	m.keep(id, text, code)
	if code == "" && m.holders()["AWSCURRENT"] != id {
		m.t.Fatal("an update did not become current")
	}
	return code
}

func (m *machine) keep(id, text, code string) {
	if _, exists := m.texts[id]; !exists && code == "" {
		m.texts[id] = text
	}
}

func (m *machine) move() string {
	label := rapid.SampledFrom(custom).Draw(m.t, "label")
	from := rapid.SampledFrom(append([]string{""}, ids...)).Draw(m.t, "from")
	to := rapid.SampledFrom(append([]string{""}, ids...)).Draw(m.t, "to")
	m.named = []string{label}
	_, code := m.ask("UpdateSecretVersionStage", moveBody("s", label, from, to))

	holder, attached := m.before[label]
	_, known := m.texts[to]
	allowed := (to == "" || known) && (from != "" || to != "") && // something to do, to a version there is
		(from == "" || holder == from) && // what is named must be true
		(from != "" || !attached || holder == to) && // and may be left out only where nothing is taken away
		(to != "" || label != "AWSCURRENT") // which a secret never loses
	if allowed != (code == "") {
		m.t.Fatalf("moving %s from %.1s to %.1s with %.1s holding it: %q, want allowed %v", label, from, to, holder, code, allowed)
	}
	if code == "" && m.holders()[label] != to {
		m.t.Fatalf("%s did not arrive", label)
	}
	return code
}

// checkCurrent: there is a current version as soon as there is a value, and
// AWSPREVIOUS goes where AWSCURRENT was, and nowhere of its own accord.
func (m *machine) checkCurrent(after map[string]string) {
	was, is := m.before["AWSCURRENT"], after["AWSCURRENT"]
	if (is != "") != (len(m.texts) > 0) {
		m.t.Fatalf("%d versions and AWSCURRENT on %q", len(m.texts), is)
	}
	switch {
	case was != "" && was != is:
		if after["AWSPREVIOUS"] != was {
			m.t.Fatalf("AWSCURRENT left %.1s, and AWSPREVIOUS is on %.1s", was, after["AWSPREVIOUS"])
		}
	case !slices.Contains(m.named, "AWSPREVIOUS"):
		if after["AWSPREVIOUS"] != m.before["AWSPREVIOUS"] {
			m.t.Fatal("AWSPREVIOUS moved although AWSCURRENT did not")
		}
	}
}

// checkOthers: no label moves that nobody asked to move, but for AWSPENDING,
// which may fall off the version that AWSCURRENT left.
func (m *machine) checkOthers(after map[string]string) {
	for label, was := range m.before {
		if label == "AWSCURRENT" || label == "AWSPREVIOUS" || slices.Contains(m.named, label) || after[label] == was {
			continue
		}
		dropped := label == "AWSPENDING" && after[label] == "" && was == m.before["AWSCURRENT"] && was != after["AWSCURRENT"]
		if !dropped {
			m.t.Fatalf("%s went from %.1s to %.1s unasked", label, was, after[label])
		}
	}
}

// checkValues: a version keeps its first value, with or without labels.
func (m *machine) checkValues() {
	for _, id := range slices.Sorted(maps.Keys(m.texts)) {
		out, code := m.ask("GetSecretValue", object{"SecretId": "s", "VersionId": id})
		if code != "" || out["SecretString"] != m.texts[id] {
			m.t.Fatalf("version %.1s: %v %s, want %s", id, out["SecretString"], code, m.texts[id])
		}
	}
}
