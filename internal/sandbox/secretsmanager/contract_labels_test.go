package secretsmanager_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

var labels = []contract{
	{"S11 a put moves AWSCURRENT and AWSPREVIOUS", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
		s.wantValue(t, name, "", "", "two")
		s.wantValue(t, name, "", "AWSPREVIOUS", "one")
	}},
	{"S12 the third put leaves the first version without a label", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		v3 := s.put(t, name, "three")
		s.wantStages(t, name, stages{v2: {"AWSPREVIOUS"}, v3: {"AWSCURRENT"}})
		s.wantValue(t, name, v1, "", "one")
	}},
	{"S15 a pending put moves nothing else", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		v3 := s.put(t, name, "three", "AWSPENDING")
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}, v3: {"AWSPENDING"}})
		s.wantValue(t, name, "", "", "two")
	}},
	{"S16 a second pending put takes the label", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		s.put(t, name, "two", "AWSPENDING")
		v3 := s.put(t, name, "three", "AWSPENDING")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v3: {"AWSPENDING"}})
	}},
	{"S17 the first version is current, whatever was asked for", func(t *testing.T, s *service) {
		name := newName()
		s.works(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token()})
		v1 := s.put(t, name, "one", "AWSPENDING")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT", "AWSPENDING"}})
	}},
	{"S18 custom stages leave AWSCURRENT alone", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "A", "B")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"A", "B"}})
		v3 := s.put(t, name, "three", "B", "C")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"A"}, v3: {"B", "C"}})
	}},
	{"S21 a put takes AWSPENDING from the version that was current", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING", "KEPT")
		s.move(t, name, "AWSCURRENT", v1, v2)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING", "KEPT"}})
		v3 := s.put(t, name, "three")
		s.wantStages(t, name, stages{v2: {"AWSPREVIOUS", "KEPT"}, v3: {"AWSCURRENT"}})
	}},
	{"S22 moving AWSCURRENT changes the default read, and leaves AWSPENDING", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING")
		s.move(t, name, "AWSCURRENT", v1, v2)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING"}})
		s.wantValue(t, name, "", "", "two")
	}},
	{"S23 moving AWSCURRENT needs the version that has it", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING")
		a := s.fails(t, "UpdateSecretVersionStage", moveBody(name, "AWSCURRENT", "", v2), "InvalidParameterException")
		if !strings.Contains(a.message(), "Staging label AWSCURRENT is currently attached to version "+v1) {
			t.Errorf("message %q, want it to name %s", a.message(), v1)
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
	}},
	{"S24 the wrong version will not do", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2, v3 := s.put(t, name, "two", "AWSPENDING"), s.put(t, name, "three", "OTHER")
		s.fails(t, "UpdateSecretVersionStage", moveBody(name, "AWSCURRENT", v3, v2), "InvalidParameterException")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}, v3: {"OTHER"}})
	}},
	{"S25 a version without labels is deprecated, not gone", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING")
		s.move(t, name, "AWSPENDING", v2, "")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
		s.wantValue(t, name, v2, "", "two")
		if got := s.versions(t, name, false); !slices.Equal(got, []string{v1}) {
			t.Errorf("listed %v, want %s alone", got, v1)
		}
		if got := s.versions(t, name, true); !slices.Contains(got, v2) || len(got) != 2 {
			t.Errorf("listed with the deprecated %v, want %s too", got, v2)
		}
	}},
	{"S26 AWSCURRENT cannot be removed", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		s.fails(t, "UpdateSecretVersionStage", moveBody(name, "AWSCURRENT", v1, ""), "InvalidParameterException")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
	}},
	{"S27 moving a custom label needs the version that has it", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2, v3 := s.put(t, name, "two", "X"), s.put(t, name, "three", "Y")
		s.fails(t, "UpdateSecretVersionStage", moveBody(name, "X", "", v3), "InvalidParameterException")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"X"}, v3: {"Y"}})
		s.move(t, name, "X", v2, v3)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v3: {"X", "Y"}})
	}},
	{"S28 rolling back swaps AWSCURRENT and AWSPREVIOUS", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		s.move(t, name, "AWSCURRENT", v2, v1)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPREVIOUS"}})
		s.wantValue(t, name, "", "", "one")
	}},
	{"S54 at most 20 stages at once, and 256 characters each", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		var many []string
		for i := range 21 {
			many = append(many, "L"+string(rune('a'+i)))
		}
		for _, bad := range [][]string{many, {long(257)}, {""}} {
			a := s.raw(t, "PutSecretValue", object{"SecretId": name, "ClientRequestToken": token(), "SecretString": "two",
				"VersionStages": bad})
			if a.status/100 != 4 {
				t.Errorf("%d stages: status %d, want 4xx", len(bad), a.status)
			}
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
		v2 := s.put(t, name, "two", many[:20]...)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: many[:20]})
	}},
	{"S68 a repeated put does not even move labels", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING")
		s.works(t, "PutSecretValue", object{"SecretId": name, "ClientRequestToken": v2, "SecretString": "two",
			"VersionStages": []string{"AWSCURRENT"}})
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
	}},
	{"S70 the first put fills a pending version that has no value", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.rotate(t, name, s.rotator(t, func(r *rotator) { r.fail = failing("createSecret") }))
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionId": v2}, "ResourceNotFoundException")
		s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionStage": "AWSPENDING"}, "ResourceNotFoundException")
		s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionId": v2, "VersionStage": "AWSPENDING"},
			"ResourceNotFoundException")
		if got := s.versions(t, name, true); !slices.Equal(got, []string{v1, v2}) {
			t.Errorf("listed %v, want %s and %s", got, v1, v2)
		}
		put := object{"SecretId": name, "ClientRequestToken": v2, "SecretString": "two", "VersionStages": []string{"AWSPENDING"}}
		s.works(t, "PutSecretValue", put)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		s.wantValue(t, name, v2, "AWSPENDING", "two")
		put["SecretString"] = "other"
		s.fails(t, "PutSecretValue", put, "ResourceExistsException")
	}},
	{"S76 of two racing moves, one wins", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		targets := []string{s.put(t, name, "two", "A"), s.put(t, name, "three", "B")}
		codes := make([]string, len(targets))
		var all sync.WaitGroup
		for i, to := range targets {
			all.Go(func() { codes[i] = s.raw(t, "UpdateSecretVersionStage", moveBody(name, "AWSCURRENT", v1, to)).code() })
		}
		all.Wait()
		slices.Sort(codes)
		if !slices.Equal(codes, []string{"", "InvalidParameterException"}) {
			t.Errorf("outcomes %q, want one success and one InvalidParameterException", codes)
		}
		s.fails(t, "UpdateSecretVersionStage", moveBody(name, "AWSCURRENT", v1, targets[0]), "InvalidParameterException")
	}},
	{"a move to where the label is changes nothing", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		s.move(t, name, "AWSCURRENT", "", v2)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	}},
	{"a new label needs no version to come from", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		s.move(t, name, "LIVE", "", v1)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT", "LIVE"}})
		s.fails(t, "UpdateSecretVersionStage", moveBody(name, "LIVE", "", ""), "InvalidParameterException")
	}},
}

// versions lists version ids, with the deprecated ones or without.
func (s *service) versions(t *testing.T, name string, deprecated bool) []string {
	t.Helper()
	out := s.works(t, "ListSecretVersionIds", object{"SecretId": name, "IncludeDeprecated": deprecated})
	var ids []string
	list, _ := out["Versions"].([]any)
	for _, v := range list {
		entry, _ := v.(object)
		id, _ := entry["VersionId"].(string)
		ids = append(ids, id)
	}
	return ids
}
